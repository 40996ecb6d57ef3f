import GatewayCore
import SQLAnalysis
import Testing

/// Spellings that hide a DELETE, a DROP or a table from whoever looks at words only.
@Suite struct EvasionTests {
    static let deletesFromX: [String] = [
        "delete from x",
        "DeLeTe/**/FrOm/**/x",
        "/* /* nested */ select */ delete from x",
        "-- select 1\ndelete from x",
        "-- select 1\rdelete from x",
        #"delete from "x""#,
        #"delete from U&"\0078""#,
        #"delete from U&"!0078" UESCAPE '!'"#,
        "select 1; delete from x",
        "select ';'; delete from x; select $$;$$",
        "with a as (with b as (with c as (delete from x returning 1) select * from c) select * from b) select * from a",
        "explain analyze delete from x",
        "explain (analyze, costs off) delete from x",
        "prepare p as delete from x",
        "copy (delete from x returning *) to stdout",
        "create table y as with d as (delete from x returning *) select * from d",
        "explain analyze create table y as with d as (delete from x returning *) select * from d",
        "insert into y with d as (delete from x returning *) select * from d",
        "select $a$ $b$ $a$; delete from x",
        "select 'a\\'; delete from x --'",
        "select e'a\\'b'; delete from x",
        "select 'a' \n 'b'; delete from x",
        "begin; delete from x; commit",
        "delete from x where 1=1",
    ]

    @Test(arguments: deletesFromX) func deleteIsSeen(_ sql: String) async {
        let analysis = await analyze(sql)
        #expect(analysis.notUnderstood == nil)
        #expect(analysis.classes.contains(.delete))
        #expect(analysis.statements.contains { $0.writes.contains(RelationName(name: "x")) })
        #expect(analysis.statements.contains { $0.hasWriteWithoutWhere })
    }

    static let harmless: [String] = [
        "select 'delete from x'", "select $$ ; delete from x $$", "select /* ; delete from x */ 1",
        #"select "delete from x" from t"#,
        "select e'\\'; delete from x'", "select U&'\\0027; delete from x'", "select 'a''; delete from x'",
    ]

    @Test(arguments: harmless) func noDeleteIsSeen(_ sql: String) async {
        let analysis = await analyze(sql)
        #expect(analysis.classes == [.select])
        #expect(analysis.statements.count == 1)
    }

    /// `c.f` and `(x).f` are `f(c)` and `f(x)` when there is no column `f`.
    @Test(
        arguments: [
            ("SELECT ('SELECT 1'::text).ts_stat", ["ts_stat"], ["ts_stat"]),
            ("SELECT ('s'::regclass).nextval", ["nextval"], ["nextval"]),
            ("SELECT (4711).pg_cancel_backend", ["pg_cancel_backend"], ["pg_cancel_backend"]),
            ("SELECT (o.loid).lo_unlink FROM objects o", ["lo_unlink"], ["lo_unlink", "loid"]),
            ("SELECT o.lo_unlink FROM (SELECT loid FROM objects) o", ["lo_unlink"], []),
            ("SELECT c.contact FROM customers c", [], ["contact"]),
            ("SELECT customers.contact FROM customers", [], ["contact"]),
            ("UPDATE customers SET a = customers.contact", [], ["contact"]),
            ("SELECT (address).street FROM customers", [], ["street"]),
            ("SELECT q.x FROM (SELECT 1 AS x) q", [], []),
            ("SELECT contact FROM customers", [], []),
            ("SELECT (ARRAY[1])[1]", [], []),
        ] as [(String, [String], [String])])
    func callsWrittenLikeColumns(_ sql: String, _ functions: [String], _ attributes: [String]) async {
        let facts = await analyze(sql).statements.first
        #expect(facts?.functions.filter { !["array"].contains($0) } == functions)
        #expect(facts?.rowAttributes.sorted() == attributes)
    }

    @Test func everyStatementOfAText() async {
        let analysis = await analyze(" ;; select 1 ; drop table x ;;")
        #expect(analysis.statements.map(\.verb) == ["SELECT", "DROP TABLE"])
        #expect(
            analysis.statements.map { String(decoding: analysis.text[$0.range], as: UTF8.self) } == [
                "select 1", "drop table x",
            ])
    }

    @Test func emptyTexts() async {
        for text in ["", " ", ";", " ; -- x", "/* x */"] {
            let analysis = await analyze(text)
            #expect(analysis.notUnderstood == nil)
            #expect(analysis.classes == [.empty])
        }
    }

    static let refused: [(String, String)] = [
        ("select 'x", "unterminated quoted string"), ("select /* x", "unterminated /* comment"),
        ("select $a$ x", "unterminated dollar-quoted string"),
        (#"select "x"#, "unterminated quoted identifier"), ("select 1\0; drop table x", "a zero byte in the text"),
        ("select 1 -- \0\n; drop table x", "a zero byte in the text"), ("selec 1", #"syntax error at or near "selec""#),
    ]

    @Test(arguments: refused) func notUnderstood(_ sql: String, _ message: String) async {
        let analysis = await analyze(sql)
        #expect(analysis.notUnderstood?.message == message)
        #expect(analysis.classes == [.unknown])
        #expect(analysis.statements.isEmpty)
    }

    @Test func invalidEncoding() async {
        for bytes: [UInt8] in [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xe2, 0x82], [0xf5, 0x80, 0x80, 0x80]] {
            let analysis = await analyze(Array("select '".utf8) + bytes + Array("'".utf8))
            #expect(analysis.notUnderstood?.message == "the text is not valid UTF-8")
        }
    }

    @Test func positionCountsCharacters() async {
        let analysis = await analyze("select 'éé' from from")
        #expect(analysis.notUnderstood?.position == 18)
    }

    @Test func longNamesAreCutAsTheServerCutsThem() async {
        let long = String(repeating: "a", count: 70)
        let analysis = await analyze("delete from \(long)")
        #expect(analysis.statements.first?.writes == [RelationName(name: String(long.prefix(63)))])
    }
}
