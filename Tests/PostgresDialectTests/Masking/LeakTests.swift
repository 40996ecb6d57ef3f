import DataMasking
import NIOCore
import PostgresDialect
import SessionKernel
import Testing

/// Ways around a mask that a client can try by the wording of its statement alone: the secret must never reach it.
@Suite struct LeakTests {
    private static let secret = "123-45-6789"
    private static let rules = [MaskRule(columns: ["customers.ssn"].compactMap { ColumnPattern($0) })]
    private static let origin = ColumnOrigin.column(schema: "public", table: "customers", column: "ssn")

    /// What the client got; empty when the statement was refused or the session ended.
    private func shown(
        _ text: String, _ answer: [ByteBuffer], lookup: [LookupAnswer.Column]? = nil
    ) async throws -> ByteBuffer {
        var bench = try Bench.signedIn(masks: Self.rules)
        try await bench.client(FakeClient.query(text))
        guard !bench.open.isEmpty, bench.log.isEmpty else {
            return ByteBuffer()
        }
        do {
            for message in answer {
                let asked = bench.lookups.count
                try bench.target(message)
                if bench.lookups.count > asked { try bench.answer(lookup) }
            }
        } catch is DialectFault {
            // The session ends here; what was released before counts.
        }
        return bench.toClient
    }

    private func column(_ name: String, _ origins: [ColumnOrigin]) -> LookupAnswer.Column {
        LookupAnswer.Column(name: name, origins: origins, type: 25)
    }

    // MARK: - Expressions

    /// A computed column of a statement that can reach the masked one.
    @Test(arguments: [
        "SELECT upper(ssn) FROM customers",
        "SELECT upper(b) FROM customers AS c(a, b)",
        "SELECT upper(x) FROM (SELECT ssn AS x FROM customers) s",
        "SELECT upper(b) FROM (TABLE customers) AS s(a, b)",
        "SELECT c::text FROM customers c",
        "SELECT row_to_json(c)::text FROM customers c",
        "SELECT to_jsonb(customers)::text FROM customers",
        "WITH w(a, b) AS (TABLE customers) SELECT upper(b) FROM w",
        #"SELECT upper(U&"s\0073n") FROM customers"#,
        "SELECT upper(SSN) FROM Customers",
        "SELECT query_to_xml('select * from customers', true, false, '')::text",
        "SELECT table_to_xml('customers', true, false, '')::text",
        "SELECT string_agg(v, ',') FROM customers c, LATERAL (VALUES (c.ssn)) t(v)",
        "SELECT (json_each_text(row_to_json(c))).value FROM customers c",
        "SELECT max(most_common_vals::text) FROM pg_stats WHERE tablename = 'customers'",
    ])
    func expressionOverTheMaskedColumn(_ text: String) async throws {
        let bytes = try await shown(
            text,
            [
                FakeTarget.rowDescription([RowDescription.Column(name: "x")]) + FakeTarget.row(Self.secret)
                    + FakeTarget.complete("SELECT 1") + FakeTarget.ready()
            ])
        #expect(!bytes.contains(Self.secret))
    }

    @Test func anExpressionOverOtherColumnsIsShown() async throws {
        let bytes = try await shown(
            "SELECT upper(name) FROM products",
            [
                FakeTarget.rowDescription([RowDescription.Column(name: "upper")]) + FakeTarget.row("TEA") + FakeTarget.complete("SELECT 1")
                    + FakeTarget.ready()
            ])
        #expect(bytes.contains("TEA"))
    }
}
