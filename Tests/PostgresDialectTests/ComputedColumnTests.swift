import DataMasking
import GatewayCore
import NIOCore
import PostgresDialect
import SessionKernel
import Testing

/// Columns without an origin: readable only when nothing masked can be in them.
@Suite struct ComputedColumnTests {
    private static let customers = ["id", "name", "ssn", "city"].map { MaskTests.column($0) }
    private static let orders = ["id", "total", "customer"].map { MaskTests.column($0, table: "orders") }
    /// A view whose column `x` is computed from ssn, and `y` renames it; `z` is a plain name.
    private static let view = [
        LookupAnswer.Column(name: "x", origins: [.column(schema: "public", table: "v", column: "x"), ssn], type: 25),
        LookupAnswer.Column(name: "y", origins: [ssn], type: 25),
        LookupAnswer.Column(
            name: "z", origins: [.column(schema: "public", table: "customers", column: "name")], type: 25),
    ]
    private static let ssn = ColumnOrigin.column(schema: "public", table: "customers", column: "ssn")

    private static func relation(_ name: String) -> [LookupAnswer.Column]? {
        switch name {
        case "customers": customers
        case "orders": orders
        case "v": view
        default: nil
        }
    }

    /// Answers every column as computed, and gives which of them came through.
    private func readable(_ text: String, _ count: Int, before: [String] = []) async throws -> [Bool] {
        var bench = try Bench.signedIn(masks: [MaskTests.rule("customers.ssn")])
        for statement in before {
            try await bench.client(FakeClient.query(statement))
            try bench.target(FakeTarget.complete("SET") + FakeTarget.ready())
        }
        try await bench.client(FakeClient.query(text))
        guard bench.toTarget.contains(text) else { throw Bench.BenchFailure(message: "refused: \(text)") }
        bench.clear()
        let values = (0..<count).map { "value\($0)" }
        let row = FakeTarget.row(values.map { Array($0.utf8) })
        try bench.target(
            FakeTarget.rowDescription(values.map { RowDescription.Column(name: $0) }) + row
                + FakeTarget.complete("SELECT 1") + FakeTarget.ready())
        var answered = 0
        while bench.lookups.count > answered {
            guard case .relation(let name, _, _)? = bench.lookups.last else {
                throw Bench.BenchFailure(message: "another question")
            }
            answered = bench.lookups.count
            try bench.answer(Self.relation(name.name))
        }
        #expect(bench.open.isEmpty)
        let rows = rows(bench.toClient)
        return values.map { rows.contains($0) }
    }

    private func rows(_ bytes: ByteBuffer) -> String {
        var walk = bytes
        var text = ""
        while let header = try? MessageHeader(at: walk), let message = walk.readSlice(length: header.total) {
            if header.type == BackendType.dataRow { text += String(decoding: message.readableBytesView, as: UTF8.self) }
        }
        return text
    }

    /// The catalogue connection does not see a transaction that is still open, and views keep their OIDs.
    @Test(arguments: [
        "CREATE OR REPLACE VIEW v AS SELECT ssn AS id FROM customers", "CREATE RULE r AS ON INSERT TO v DO NOTHING",
        "DROP VIEW v", "CREATE MATERIALIZED VIEW m AS SELECT 1",
    ])
    func afterAViewChangedNothingIsKnownUntilTheTransactionEnds(change: String) async throws {
        var bench = try Bench.signedIn(masks: [MaskTests.rule("customers.ssn")])
        func shown(_ status: TransactionStatus = .idle) async throws -> (text: String, asked: Int) {
            bench.clear()
            let before = bench.lookups.count
            try await bench.client(FakeClient.query("SELECT id FROM v"))
            try bench.target(
                FakeTarget.rowDescription([RowDescription.Column(name: "id", table: 7, attribute: 1)])
                    + FakeTarget.row([Array("value".utf8)]) + FakeTarget.complete("SELECT 1")
                    + FakeTarget.ready(status))
            if bench.lookups.count > before { try bench.answer([MaskTests.column("id", table: "orders")]) }
            return (rows(bench.toClient), bench.lookups.count - before)
        }
        var known = try await shown()
        #expect(known.text.contains("value") && known.asked == 1)
        known = try await shown()
        #expect(known.text.contains("value") && known.asked == 0)
        try await bench.client(FakeClient.query("BEGIN"))
        try bench.target(FakeTarget.complete("BEGIN") + FakeTarget.ready(.inTransaction))
        try await bench.client(FakeClient.query(change))
        try bench.target(FakeTarget.complete("DDL") + FakeTarget.ready(.inTransaction))
        let within = try await shown(.inTransaction)
        #expect(!within.text.contains("value") && within.asked == 0)
        try await bench.client(FakeClient.query("COMMIT"))
        try bench.target(FakeTarget.complete("COMMIT") + FakeTarget.ready())
        let after = try await shown()
        #expect(after.text.contains("value") && after.asked == 1)
        // Another session has changed the schema.
        bench.schema.bump()
        let moved = try await shown()
        #expect(moved.text.contains("value") && moved.asked == 1)
    }

    @Test(
        arguments: [
            ("SELECT count(*), upper(ssn) FROM customers", [true, false]),
            ("SELECT count(*), max(ssn), max(name), max(name || ssn) FROM customers", [true, false, true, false]),
            ("SELECT sum(total), max(ssn) FROM customers c JOIN orders o ON o.customer = c.id", [true, false]),
            ("SELECT count(*) FROM customers WHERE ssn = '1' GROUP BY city", [true]),
            ("SELECT count(*) FILTER (WHERE ssn > '1'), 1 FROM customers", [false, true]),
            ("SELECT rank() OVER (ORDER BY ssn), row_number() OVER (ORDER BY id) FROM customers", [false, true]),
            // A subquery, a set operation, a star or a renaming source: all of it.
            ("SELECT count(*), (SELECT max(ssn) FROM customers) FROM customers", [true, false]),
            ("SELECT 1, upper(ssn) FROM customers UNION SELECT 2, 'x'", [false, false]),
            ("SELECT count(*) OVER (), * FROM customers", [false, false]),
            ("SELECT count(a), max(a) FROM (SELECT ssn AS a FROM customers) q", [false, false]),
            ("WITH q AS (SELECT ssn AS a FROM customers) SELECT count(*), max(a) FROM q", [false, false]),
            ("SELECT count(*), max(c) FROM customers c", [false, false]),
            ("SELECT upper(a), 1 FROM customers AS c(i, n, a)", [false, false]),
            // A call in the form of a column.
            ("SELECT upper(c.full_name), max(ssn), 1 FROM customers c", [false, false, true]),
            ("SELECT c.contact, 1 FROM customers c", [false, true]), ("SELECT o.total + 1 FROM orders o", [true]),
            ("SELECT (c).contact FROM customers c", [false]),
            ("SELECT ('SELECT ssn FROM customers'::text).ts_stat", [false]),
            ("SELECT q.n + 1 FROM (SELECT count(*) AS n FROM orders) q", [true]),
            // Views are looked through.
            ("SELECT lower(x) FROM v", [false]), ("SELECT lower(y), count(*), lower(z) FROM v", [false, true, true]),
            ("SELECT lower(b) FROM (SELECT x AS b FROM v) q", [false]), ("SELECT lower(z) FROM v", [true]),
            ("SELECT row_to_json(v) FROM v", [false]), ("SELECT to_json(o) FROM orders o", [true]),
            ("SELECT lower(q.x) FROM (SELECT * FROM v) q", [false]),
            // What the catalogue does not know.
            ("SELECT lower(a), count(*) FROM temporary_one", [false, true]),
            // Functions that may read anything.
            ("SELECT whoever(1), count(*) FROM orders", [false, true]), ("SELECT public.upper('x')", [false]),
            ("SELECT upper('x'), now(), pg_backend_pid()", [true, true, true]),
            ("SELECT lower(v) FROM leak() AS t(v)", [false]),
            ("CALL leak(1)", [false]),
        ] as [(String, [Bool])])
    func whatComesThrough(_ text: String, _ expected: [Bool]) async throws {
        let result = try await readable(text, expected.count)
        #expect(result == expected, "\(result)")
    }

    @Test func namesThatMayStandForOthers() async throws {
        for before in [
            "SET search_path = other", "CREATE TEMP TABLE orders (total text)",
            "CREATE VIEW pg_temp.orders AS SELECT 1",
            "SELECT set_config('search_path', 'x', false)", "RESET ALL", "DISCARD ALL",
        ] {
            #expect(try await readable("SELECT sum(total) FROM orders", 1) == [true])
            #expect(try await readable("SELECT sum(total) FROM orders", 1, before: [before]) == [false], "\(before)")
            #expect(try await readable("SELECT sum(total) FROM public.orders", 1, before: [before]) == [true])
        }
    }

    @Test func relationsAreAskedForOnce() async throws {
        var bench = try Bench.signedIn(masks: [MaskTests.rule("customers.ssn")])
        for round in 0..<2 {
            try await bench.client(FakeClient.query("SELECT sum(total) FROM orders"))
            try bench.target(FakeTarget.rowDescription([RowDescription.Column(name: "sum")]))
            if round == 0 { try bench.answer(Self.orders) }
            try bench.target(FakeTarget.row("7") + FakeTarget.complete("SELECT 1") + FakeTarget.ready())
        }
        #expect(bench.lookups.count == 1)
        // Without an expression over columns there is nothing to ask.
        try await bench.client(FakeClient.query("SELECT count(*) FROM orders"))
        try bench.target(FakeTarget.rowDescription([RowDescription.Column(name: "count")]))
        #expect(bench.lookups.count == 1)
    }

    @Test func temporaryTablesAreFilledFromAnywhere() async throws {
        var bench = try Bench.signedIn(masks: [MaskTests.rule("customers.ssn")])
        try await bench.client(FakeClient.query("SELECT a FROM t"))
        try bench.target(FakeTarget.rowDescription([MaskTests.described("a", attribute: 1)]) + FakeTarget.row("secret"))
        try bench.answer([
            LookupAnswer.Column(name: "a", origins: [.column(schema: "pg_temp_3", table: "t", column: "a")], type: 25)
        ])
        #expect(!bench.toClient.contains("secret") && bench.toClient.contains("***"))
    }

    @Test func copyOfAQueryOverAView() async throws {
        var bench = try Bench.signedIn(masks: [MaskTests.rule("customers.ssn")])
        try await bench.client(FakeClient.query("COPY (SELECT lower(x) FROM v) TO STDOUT"))
        try bench.target(
            FakeTarget.copyResponse(BackendType.copyOutResponse, columns: 1) + FakeTarget.copyData("secret\n".utf8))
        try bench.answer(Self.view)
        try bench.answer([LookupAnswer.Column(name: "lower", origins: [.computed], type: 25)])
        #expect(bench.toClient.types == "Hd")
        #expect(!bench.toClient.contains("secret"))
    }

    @Test func copyOfARelationWhoseNameIsNotSure() async throws {
        var bench = try Bench.signedIn(masks: [MaskTests.rule("customers.ssn")])
        try await bench.client(FakeClient.query("SET search_path = other"))
        try bench.target(FakeTarget.complete("SET") + FakeTarget.ready())
        try await bench.client(FakeClient.query("COPY orders TO STDOUT"))
        try bench.target(FakeTarget.copyResponse(BackendType.copyOutResponse, columns: 1))
        #expect(bench.lookups.last == .columns([]))
    }

    @Test func settingsThatWouldKeepAMaskedValue() async throws {
        for (text, isRefused) in [
            ("SELECT set_config('my.v', ssn, false) FROM customers", true),
            ("SELECT set_config('my.v', (SELECT max(ssn) FROM customers), true)", true),
            ("SELECT set_config('my.v', 'x', false)", false),
        ] {
            var bench = try Bench.signedIn(masks: [MaskTests.rule("customers.ssn")])
            try await bench.client(FakeClient.query(text))
            #expect((bench.toTarget.readableBytes == 0) == isRefused, "\(text)")
        }
    }
}
