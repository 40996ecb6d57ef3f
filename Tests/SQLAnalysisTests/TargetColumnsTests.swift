import SQLAnalysis
import Testing

@Suite struct TargetColumnsTests {
    private func outputs(_ text: String) async -> [TargetColumns]? {
        await analyze(text).statements.first?.outputs
    }

    private static func target(_ columns: [String], _ functions: [String] = [], hasSubquery: Bool = false)
        -> TargetColumns
    {
        TargetColumns(columns: columns, functions: functions, hasSubquery: hasSubquery)
    }

    @Test(
        arguments: [
            ("SELECT count(*), c.ssn FROM customers c", [target([], ["count"]), target(["ssn"])]),
            (
                "SELECT sum(total) + max(o.id), upper(name) AS n FROM a JOIN b USING (id) LEFT JOIN s.o ON true",
                [target(["total", "id"], ["sum", "max"]), target(["name"], ["upper"])]
            ),
            ("SELECT lag(a) OVER (PARTITION BY ssn)", [target(["a", "ssn"], ["lag"])]),
            ("SELECT count(*) FILTER (WHERE ssn > '1') FROM t", [target(["ssn"], ["count"])]),
            (
                "SELECT extract(year FROM d), public.f(1), pg_catalog.upper(x)",
                [target(["d"], ["extract"]), target([], ["public.f"]), target(["x"], ["upper"])]
            ),
            ("SELECT (SELECT max(x) FROM u), 1 FROM t", [target(["x"], ["max"], hasSubquery: true), target([])]),
            (
                "SELECT CASE WHEN a THEN b ELSE c END, ARRAY[d], ROW(e, f)::text, (g).h",
                [target(["a", "b", "c"]), target(["d"]), target(["e", "f"]), target(["h", "g"])]
            ),
        ] as [(String, [TargetColumns])])
    func plainSelects(_ text: String, _ expected: [TargetColumns]) async {
        let found = await outputs(text)?.map { output in
            var output = output
            output.leansOnPath = false
            return output
        }
        #expect(found == expected)
    }

    @Test(arguments: [
        ("SELECT 1 OPERATOR(s.+) 2, a + 1 FROM t", [true, false]), ("SELECT a::mood, a::text FROM t", [true, false]),
        ("SELECT CAST(1 AS s.held), count(*) FROM t", [true, false]), ("SELECT a @#@ b, a @> b FROM t", [true, false]),
        ("SELECT mine(a), upper(a) FROM t", [false, false]),
    ])
    func foreignOperatorsAndCasts(_ text: String, _ expected: [Bool]) async {
        #expect(await outputs(text)?.map(\.callsForeign) == expected)
    }

    @Test(arguments: [
        "SELECT *, count(*) OVER () FROM t", "SELECT (t).* FROM t", "SELECT t FROM t",
        "SELECT to_json(c) FROM customers c",
        "SELECT a FROM t UNION SELECT b FROM u", "WITH q AS (SELECT ssn AS a FROM t) SELECT upper(a) FROM q",
        "SELECT upper(a) FROM (SELECT ssn AS a FROM t) q", "SELECT upper(a) FROM customers AS q(a)",
        "SELECT upper(a) FROM f() AS q(a)", "SELECT upper(a) FROM t, LATERAL (SELECT ssn AS a) q",
        "SELECT upper(a) FROM t JOIN (u JOIN v ON true) AS j ON true", "VALUES (1)", "TABLE t",
        "SELECT upper(a) INTO x FROM t", "SELECT a FROM t TABLESAMPLE system (1)", "INSERT INTO t SELECT a FROM u",
        "SELECT a FROM ROWS FROM (f(), g()) AS q(a)", "SELECT a FROM XMLTABLE('/x' PASSING d COLUMNS a text) q",
    ])
    func whatIsNotPlain(_ text: String) async {
        #expect(await outputs(text) == nil)
    }
}
