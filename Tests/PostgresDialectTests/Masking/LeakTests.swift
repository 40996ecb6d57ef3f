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
                var asked = bench.lookups.count
                try bench.target(message)
                while bench.lookups.count > asked {
                    asked = bench.lookups.count
                    try bench.answer(lookup)
                }
            }
        } catch is DialectFault {
            // The session ends here; what was released before counts.
        }
        return bench.toClient
    }

    private func column(_ name: String, _ origins: [ColumnOrigin]) -> LookupAnswer.Column {
        LookupAnswer.Column(name: name, origins: origins, type: 25)
    }

    // MARK: - COPY

    private func copied(_ text: String, _ lines: String..., columns: [LookupAnswer.Column]) async throws -> ByteBuffer {
        try await shown(
            text,
            [FakeTarget.copyResponse(BackendType.copyOutResponse, columns: columns.count)]
                + lines.map { FakeTarget.copyData($0.utf8) }
                + [FakeTarget.copyDone, FakeTarget.complete("COPY 1"), FakeTarget.ready()],
            lookup: columns)
    }

    /// The first line is data in all of these, whatever words stand in the statement.
    @Test(arguments: [
        "COPY customers (ssn) TO STDOUT",
        "COPY customers (ssn) TO STDOUT (FORMAT csv)",
        "COPY customers (ssn) TO STDOUT (FORMAT csv, HEADER false)",
        "COPY customers (ssn) TO STDOUT (FORMAT csv, HEADER off)",
        "COPY customers (ssn) TO STDOUT (FORMAT csv, HEADER 0)",
        "COPY customers (ssn) TO STDOUT (FORMAT text, HEADER 'false')",
        "COPY customers (ssn) TO STDOUT /* header */",
        "COPY customers (ssn) TO STDOUT CSV -- header",
        "COPY header.customers (ssn) TO STDOUT CSV",
        "COPY (SELECT ssn FROM customers) TO STDOUT /* header */ (FORMAT csv)",
    ])
    func firstLineThatIsDataIsMasked(_ text: String) async throws {
        let bytes = try await copied(text, Self.secret + "\n", columns: [column("ssn", [Self.origin])])
        #expect(!bytes.contains(Self.secret))
    }

    @Test func headerLineIsKeptAndTheNextIsMasked() async throws {
        let bytes = try await copied(
            "COPY customers (ssn) TO STDOUT (FORMAT csv, HEADER)", "ssn\n", Self.secret + "\n",
            columns: [column("ssn", [Self.origin])])
        #expect(bytes.contains("ssn\n"))
        #expect(bytes.contains("\"***\"\n"))
        #expect(!bytes.contains(Self.secret))
    }

    /// A delimiter or null spelled so that it does not look like one moves the fields of the row.
    @Test(arguments: [
        #"COPY (SELECT name, ssn, note FROM customers) TO STDOUT (FORMAT csv, "delimiter" '|')"#,
        #"COPY (SELECT name, ssn, note FROM customers) TO STDOUT (FORMAT csv, U&"d\0065limiter" '|')"#,
        #"COPY (SELECT name, ssn, note FROM customers) TO STDOUT (FORMAT csv, U&"!0064elimiter" UESCAPE '!' '|')"#,
        #"COPY (SELECT name, ssn, note FROM customers) TO STDOUT DELIMITER '|' CSV"#,
        #"COPY (SELECT name, ssn, note FROM customers) TO STDOUT DELIMITERS '|' CSV"#,
    ])
    func hiddenDelimiter(_ text: String) async throws {
        let bytes = try await copied(
            text, "p|\(Self.secret)|,,\n",
            columns: [
                column("name", [.column(schema: "public", table: "customers", column: "name")]),
                column("ssn", [Self.origin]),
                column("note", [.column(schema: "public", table: "customers", column: "note")]),
            ])
        #expect(!bytes.contains(Self.secret))
    }

    @Test func secondCopyOfAQueryIsPlannedAnew() async throws {
        var bench = try Bench.signedIn(masks: Self.rules)
        try await bench.client(FakeClient.query("COPY orders TO STDOUT; COPY customers (ssn) TO STDOUT"))
        try #require(bench.open == [1])
        try bench.target(FakeTarget.copyResponse(BackendType.copyOutResponse, columns: 1))
        try bench.answer([column("id", [.column(schema: "public", table: "orders", column: "id")])])
        try bench.target(FakeTarget.copyData("7\n".utf8), FakeTarget.copyDone, FakeTarget.complete("COPY 1"))
        try bench.target(FakeTarget.copyResponse(BackendType.copyOutResponse, columns: 1))
        try bench.answer([column("ssn", [Self.origin])])
        try bench.target(
            FakeTarget.copyData((Self.secret + "\n").utf8), FakeTarget.copyDone,
            FakeTarget.complete("COPY 1") + FakeTarget.ready())
        #expect(bench.toClient.contains("7\n"))
        #expect(!bench.toClient.contains(Self.secret))
    }

    // MARK: - Errors that name a value

    @Test(
        arguments: [
            ("22P02", #"invalid input syntax for type integer: "123-45-6789""#, nil),
            ("22003", #"value "123-45-6789" is out of range for type integer"#, nil),
            ("22007", #"invalid value "123-45-6789" for "YYYY""#, nil),
            ("22P02", "invalid input syntax for type json", #"Token "123-45-6789" is invalid."#),
            ("42P01", #"relation "123-45-6789" does not exist"#, nil),
            ("42704", #"type "123-45-6789" does not exist"#, nil),
            ("42704", #"unrecognized configuration parameter "123-45-6789""#, nil),
            ("42883", #"function "123-45-6789" does not exist"#, nil),
            ("42P01", #"relation "x123_45_6789" for "123-45-6789" does not exist"#, nil),
            ("42P01", #"relation "SELECT" 123-45-6789 "ssn" does not exist"#, nil),
            ("42P01", #"relation "a"123-45-6789" does not exist"#, nil),
            ("42P01", "relation »123-45-6789« does not exist", nil),
            ("2200N", "invalid XML content", "line 1: Start tag expected\n123-45-6789\n^"),
            ("23505", "duplicate key", "Key (ssn)=(123-45-6789) already exists."),
            ("23514", "violates check", "Failing row contains (1, 123-45-6789)."),
        ] as [(String, String, String?)])
    func castsInErrors(_ code: String, _ message: String, _ detail: String?) async throws {
        let bytes = try await shown(
            "SELECT ssn::text FROM customers",
            [FakeTarget.error(code, message, detail: detail, table: nil), FakeTarget.ready()])
        #expect(bytes.types == "EZ")
        #expect(!bytes.contains(Self.secret))
    }

    /// `SELECT ssn::json` tells the value in the context line.
    @Test func jsonContext() async throws {
        let error = FakeTarget.message(BackendType.error) { body in
            for (field, value) in [
                ("S", "ERROR"), ("V", "ERROR"), ("C", "22P02"), ("M", "invalid input syntax for type json"),
                ("W", "JSON data, line 1: 123-45-6789"),
            ] {
                body.writeString(field)
                body.writeCString(value.utf8)
            }
            body.writeInteger(UInt8(0))
        }
        let bytes = try await shown("SELECT ssn::json FROM customers", [error, FakeTarget.ready()])
        #expect(bytes.types == "EZ")
        #expect(!bytes.contains(Self.secret))
    }

    /// A value made to look like a name.
    @Test func namesThatMayBeValues() async throws {
        for (text, isShown) in [("SELECT ('x' || ssn)::regclass FROM customers", false), ("DELETE FROM orders", true)] {
            let bytes = try await shown(
                text, [FakeTarget.error("42P01", #"relation "x123_45" does not exist"#), FakeTarget.ready()])
            #expect(bytes.contains("x123_45") == isShown)
        }
    }

    /// What is no value must stay readable.
    @Test func anErrorAboutTheStatementStays() async throws {
        let bytes = try await shown(
            "SELECT * FROM nowhere",
            [FakeTarget.error("42P01", #"relation "nowhere" does not exist"#), FakeTarget.ready()])
        #expect(bytes.contains("nowhere"))
    }

    // MARK: - Side channels of the protocol

    @Test func parameterStatus() async throws {
        let bytes = try await shown(
            "SELECT set_config('application_name', ssn, false) FROM customers",
            [
                FakeTarget.rowDescription([RowDescription.Column(name: "set_config")]) + FakeTarget.row(Self.secret)
                    + FakeTarget.complete("SELECT 1") + FakeTarget.status("application_name", Self.secret)
                    + FakeTarget.ready()
            ])
        #expect(!bytes.contains(Self.secret))
    }

    @Test func notification() async throws {
        let notification = FakeTarget.message(BackendType.notification) { body in
            body.writeInteger(Int32(77))
            body.writeCString("c".utf8)
            body.writeCString(Self.secret.utf8)
        }
        let bytes = try await shown(
            "SELECT pg_notify('c', ssn) FROM customers",
            [
                FakeTarget.rowDescription([RowDescription.Column(name: "pg_notify", type: 2278)]) + FakeTarget.row("")
                    + FakeTarget.complete("SELECT 1") + notification + FakeTarget.ready()
            ])
        #expect(!bytes.contains(Self.secret))
    }

    /// A notification's payload is read by the detectors that apply everywhere, as a notice is.
    @Test func detectorsReadNotifications() async throws {
        var bench = try Bench.signedIn(masks: [MaskRule(detect: [.email])])
        let notification = FakeTarget.message(BackendType.notification) { body in
            body.writeInteger(Int32(77))
            body.writeCString("c".utf8)
            body.writeCString("ada@example.com".utf8)
        }
        try bench.target(notification)
        #expect(!bench.toClient.contains("ada@example.com"))
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
        "SELECT c.row_to_json FROM customers c",
        "SELECT j::text FROM (customers c JOIN orders o USING (id)) AS j",
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
                FakeTarget.rowDescription([RowDescription.Column(name: "upper")]) + FakeTarget.row("TEA")
                    + FakeTarget.complete("SELECT 1")
                    + FakeTarget.ready()
            ], lookup: [column("name", [.column(schema: "public", table: "products", column: "name")])])
        #expect(bytes.contains("TEA"))
    }
}
