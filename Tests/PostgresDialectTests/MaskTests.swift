import AccessPolicy
import AuditLedger
import DataMasking
import GatewayCore
import NIOCore
import PostgresDialect
import SessionKernel
import Testing

@Suite struct MaskTests {
    static func rule(_ columns: String..., method: MaskMethod = .redact, unknown: MaskRule.Unknown = .mask) throws
        -> MaskRule
    {
        MaskRule(columns: try columns.map { try #require(ColumnPattern($0)) }, method: method, unknown: unknown)
    }

    static let emails = MaskRule(detect: [.email], method: .partial)

    static func column(_ name: String, table: String = "customers") -> LookupAnswer.Column {
        LookupAnswer.Column(name: name, origins: [.column(schema: "public", table: table, column: name)], type: 25)
    }

    static func described(_ name: String, attribute: Int16, type: UInt32 = 25, format: Int16 = 0)
        -> RowDescription.Column
    {
        RowDescription.Column(name: name, table: 100, attribute: attribute, type: type, format: format)
    }

    @Test func noRowBeforeOriginsAreKnown() async throws {
        var bench = try Bench.signedIn(masks: [Self.rule("customers.ssn")])
        try await bench.client(FakeClient.query("SELECT id, ssn AS x FROM customers"))
        let head = FakeTarget.rowDescription([
            Self.described("id", attribute: 1, type: 23), Self.described("x", attribute: 2),
        ])
        try bench.target(
            head + FakeTarget.row("1", "123-45-6789") + FakeTarget.complete("SELECT 1") + FakeTarget.ready())
        #expect(bench.log == ["lookup"])
        #expect(bench.toClient.readableBytes == 0)
        try bench.answer([Self.column("id"), Self.column("ssn")])
        #expect(
            bench.toClient == head + FakeTarget.row("1", "***") + FakeTarget.complete("SELECT 1") + FakeTarget.ready())
        #expect(bench.log == ["lookup", "chunk 1 TD 1", "outcome 1 success CZ"])
    }

    @Test func whatStaysUnknownIsMasked() async throws {
        var bench = try Bench.signedIn(masks: [Self.rule("customers.ssn")])
        try await bench.client(FakeClient.query("SELECT x FROM v"))
        try bench.target(FakeTarget.rowDescription([Self.described("x", attribute: 1)]) + FakeTarget.row("secret"))
        try bench.answer(nil)
        #expect(!bench.toClient.contains("secret"))
        #expect(bench.toClient.contains("***"))
    }

    @Test func computedColumnsOfAMaskedOne() async throws {
        for (text, isMasked) in [
            ("SELECT upper(ssn) FROM customers", true), ("SELECT upper(name) FROM customers", false),
        ] {
            var bench = try Bench.signedIn(masks: [Self.rule("customers.ssn")])
            try await bench.client(FakeClient.query(text))
            try bench.target(
                FakeTarget.rowDescription([RowDescription.Column(name: "upper")]) + FakeTarget.row("value"))
            try bench.answer([Self.column("name"), Self.column("ssn")])
            #expect(bench.toClient.contains("value") != isMasked, "\(text)")
        }
    }

    @Test func executeWithoutDescribeGetsOneOfTheGatewaysOwn() async throws {
        var bench = try Bench.signedIn(masks: [Self.rule("customers.ssn")])
        try await bench.client(
            FakeClient.parse("SELECT ssn FROM customers"), FakeClient.bind(results: [1]), FakeClient.execute(),
            FakeClient.sync)
        #expect(bench.toTarget.types == "PBDES")
        let head = FakeTarget.rowDescription([Self.described("ssn", attribute: 2, format: 1)])
        try bench.target(
            FakeTarget.parseComplete + FakeTarget.bindComplete + head + FakeTarget.row("123", nil)
                + FakeTarget.complete("SELECT 1"))
        #expect(throws: DialectFault.self) { try bench.answer([Self.column("ssn")]) }
        bench = try Bench.signedIn(masks: [Self.rule("customers.ssn")])
        try await bench.client(
            FakeClient.parse("SELECT ssn FROM customers"), FakeClient.bind(results: [1]), FakeClient.execute(),
            FakeClient.sync)
        try bench.target(
            FakeTarget.parseComplete + FakeTarget.bindComplete + head + FakeTarget.row("123")
                + FakeTarget.complete("SELECT 1") + FakeTarget.ready())
        try bench.answer([Self.column("ssn")])
        #expect(
            bench.toClient == FakeTarget.parseComplete + FakeTarget.bindComplete + FakeTarget.row("***")
                + FakeTarget.complete("SELECT 1") + FakeTarget.ready())
        #expect(bench.open.isEmpty)
    }

    @Test(
        arguments: [
            (TypeOID.int4, Int16(0)), (TypeOID.int4, 1), (TypeOID.uuid, 0), (1009, 0), (1009, 1), (TypeOID.bytea, 1),
        ] as [(UInt32, Int16)])
    func typesThatCannotHoldAReplacementAreNulled(_ type: UInt32, _ format: Int16) async throws {
        var bench = try Bench.signedIn(masks: [Self.rule("ssn")])
        try await bench.client(FakeClient.query("SELECT ssn FROM customers"))
        try bench.target(
            FakeTarget.rowDescription([Self.described("ssn", attribute: 2, type: type, format: format)])
                + FakeTarget.row("1234"))
        try bench.answer([Self.column("ssn")])
        #expect(bench.toClient.bytes.suffix(6) == [0, 1, 255, 255, 255, 255])
    }

    @Test func jsonIsMaskedAsAJSONString() async throws {
        for (type, format, value, expected) in [
            (TypeOID.json, Int16(0), "{}", "\"***\""), (TypeOID.jsonb, 0, "{}", "\"***\""),
            (TypeOID.jsonb, 1, "\u{1}{}", "\u{1}\"***\""),
        ] {
            var bench = try Bench.signedIn(masks: [Self.rule("doc")])
            try await bench.client(FakeClient.query("SELECT doc FROM customers"))
            try bench.target(
                FakeTarget.rowDescription([Self.described("doc", attribute: 2, type: type, format: format)])
                    + FakeTarget.row(value))
            try bench.answer([Self.column("doc")])
            #expect(bench.toClient.bytes.suffix(expected.utf8.count) == Array(expected.utf8)[...])
        }
    }

    @Test func detectorsReadTextColumns() async throws {
        var bench = try Bench.signedIn(masks: [Self.emails])
        try await bench.client(FakeClient.query("SELECT note FROM t"))
        try bench.target(
            FakeTarget.rowDescription([
                Self.described("note", attribute: 1), Self.described("tags", attribute: 2, type: 1009),
            ])
                + FakeTarget.row("write to ann@example.com now", "{a,ann@example.com}"))
        #expect(bench.lookups.isEmpty)
        #expect(!bench.toClient.contains("ann@"))
        #expect(bench.toClient.contains("a***@example.com"))
    }

    @Test func errorsAndNoticesAreMaskedToo() async throws {
        var bench = try Bench.signedIn(masks: [Self.rule("customers.email"), Self.emails])
        try await bench.client(FakeClient.query("INSERT INTO customers (email) VALUES ('zoe@example.com')"))
        try bench.target(
            FakeTarget.notice("00000", "saw zoe@example.com")
                + FakeTarget.error(
                    "23505", "duplicate key", detail: "Key (email)=(zoe smith) already exists.", table: "customers")
                + FakeTarget.ready())
        #expect(!bench.toClient.contains("zoe"))
        #expect(bench.toClient.contains("Key (email)=(***) already exists."))
        #expect(bench.outcomes[1]?.errorText?.contains("zoe") == false)
    }

    @Test(
        arguments: [
            ("22P02", "invalid input syntax for type integer: \"zoe\"", nil),
            ("23502", "null value", "Failing row contains (1, zoe, null)."),
            ("23505", "duplicate key", "Key (lower(email))=(zoe) already exists."),
            ("23505", "duplicate key", "Key (id, email)=(1, zoe) already exists."),
        ] as [(String, String, String?)])
    func valuesInErrors(_ code: String, _ message: String, _ detail: String?) async throws {
        var bench = try Bench.signedIn(masks: [Self.rule("customers.email")])
        try await bench.client(FakeClient.query("SELECT 1"))
        try bench.target(FakeTarget.error(code, message, detail: detail, table: "customers") + FakeTarget.ready())
        #expect(!bench.toClient.contains("zoe"))
    }

    // MARK: - COPY

    private func copy(_ text: String, _ data: [[UInt8]], isBinary: Bool = false, types: [UInt32] = [23, 25])
        async throws -> [[UInt8]]
    {
        var bench = try Bench.signedIn(masks: [Self.rule("customers.email")])
        try await bench.client(FakeClient.query(text))
        #expect(bench.assessments.last?.subject.notUnderstood == nil)
        var answer = FakeTarget.copyResponse(BackendType.copyOutResponse, columns: 2, isBinary: isBinary)
        for bytes in data { answer.writeImmutableBuffer(FakeTarget.copyData(bytes)) }
        answer.writeImmutableBuffer(FakeTarget.copyDone + FakeTarget.complete("COPY 2") + FakeTarget.ready())
        try bench.target(answer)
        #expect(bench.log == ["lookup"])
        var columns = [Self.column("id"), Self.column("email")]
        for index in columns.indices { columns[index].type = types[index] }
        try bench.answer(columns)
        #expect(bench.outcomes[1]?.rows == 2)
        var walk = bench.toClient
        var result: [[UInt8]] = []
        while let header = try MessageHeader(at: walk), var message = walk.readSlice(length: header.total) {
            message.moveReaderIndex(forwardBy: 5)
            if header.type == BackendType.copyData { result.append(message.bytes) }
        }
        return result
    }

    @Test func copyText() async throws {
        let data = ["1\tann\\tlee\n", "2\t\\N\n"].map { Array($0.utf8) }
        #expect(
            try await copy("COPY customers (id, email) TO STDOUT", data)
                == ["1\t***\n", "2\t\\N\n"].map { Array($0.utf8) })
    }

    @Test func copyCSVWithHeader() async throws {
        let data = ["id,email\n", "1,\"a\"\"b,\nc\"\n", "2,\n", "3,\"\"\n"].map { Array($0.utf8) }
        let masked = ["id,email\n", "1,\"***\"\n", "2,\n", "3,\"***\"\n"].map { Array($0.utf8) }
        #expect(
            try await copy("COPY (SELECT id, email FROM customers) TO STDOUT WITH (FORMAT csv, HEADER)", data) == masked
        )
    }

    @Test func copyBinary() async throws {
        let header = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        let row: [UInt8] = [0, 2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 3, 65, 66, 67]
        let masked: [UInt8] = [0, 2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 3, 42, 42, 42]
        let result = try await copy(
            "COPY customers TO STDOUT (FORMAT binary)", [header + row, row, [255, 255]], isBinary: true)
        #expect(result == [header + masked, masked, [255, 255]])
    }

    @Test(arguments: [
        "COPY customers TO STDOUT (DELIMITER '|')", "COPY customers TO STDOUT WITH CSV QUOTE '!'",
        "COPY customers TO STDOUT (NULL 'x')",
    ])
    func copyOptionsThatCannotBeFollowed(_ text: String) async throws {
        var bench = try Bench.signedIn(masks: [Self.rule("customers.email")])
        try await bench.client(FakeClient.query(text))
        #expect(bench.assessments.last?.subject.notUnderstood != nil)
        var free = try Bench.signedIn()
        try await free.client(FakeClient.query(text))
        #expect(free.assessments.last?.subject.notUnderstood == nil)
    }

    @Test func brokenRowsAreFaults() async throws {
        for row in [
            FakeTarget.row("1"), FakeTarget.row("1", "2", "3"),
            FakeTarget.message(BackendType.dataRow) { $0.writeBytes([0, 2, 0, 0, 0, 9, 1]) },
        ] {
            var bench = try Bench.signedIn(masks: [Self.rule("ssn")])
            try await bench.client(FakeClient.query("SELECT 1, 2"))
            try bench.target(
                FakeTarget.rowDescription([RowDescription.Column(name: "a"), RowDescription.Column(name: "ssn")]))
            #expect(throws: DialectFault.self) { try bench.target(row) }
        }
    }

    // MARK: - The record

    @Test func literalsAndParametersAreMaskedInTheRecord() async throws {
        var bench = try Bench.signedIn(masks: [Self.rule("customers.ssn")])
        try await bench.client(FakeClient.query("SELECT id FROM customers WHERE ssn = '123-45' AND city = 'Rome'"))
        let text = String(
            decoding: bench.assessments.last?.content.first { $0.kind == .text }?.bytes ?? [], as: UTF8.self)
        #expect(text == "SELECT id FROM customers WHERE ssn = '***' AND city = 'Rome'")
        try await bench.client(
            FakeClient.parse("INSERT INTO customers (id, ssn, city) VALUES ($1, $2, $3)", types: [23, 25, 25]),
            FakeClient.bind("", formats: [1, 0, 0], [[0, 0, 0, 7], Array("123-45".utf8), nil]))
        let parameters = String(
            decoding: bench.assessments.last?.content.first { $0.kind == .parameters }?.bytes ?? [], as: UTF8.self)
        #expect(parameters == "[7,\"***\",null]")
    }

    /// The catalogue connection does not see this session's names.
    @Test func copyOfAQueryOverATemporaryTableIsUnknown() async throws {
        var bench = try Bench.signedIn(masks: [Self.rule("customers.ssn")])
        try await bench.client(FakeClient.query("CREATE TEMP TABLE products AS SELECT ssn AS name FROM customers"))
        try bench.target(FakeTarget.complete("SELECT 1") + FakeTarget.ready())
        try await bench.client(FakeClient.query("COPY (SELECT name FROM products) TO STDOUT"))
        try bench.target(FakeTarget.copyResponse(BackendType.copyOutResponse, columns: 1))
        #expect(bench.lookups == [.columns([])])
    }

    @Test(arguments: ["-c search_path=tenant_b", "--search-path=tenant_b"])
    func searchPathAmongOptionsIsNotKnown(_ options: String) async throws {
        var bench = try Bench.signedIn(masks: [Self.rule("customers.ssn")], parameters: [("options", options)])
        try await bench.client(FakeClient.query("COPY customers TO STDOUT"))
        try bench.target(FakeTarget.copyResponse(BackendType.copyOutResponse, columns: 1))
        #expect(bench.lookups == [.columns([])])
    }

    /// A text within the text may set what this one does not.
    @Test func searchPathIsNotKnownAfterAHiddenText() async throws {
        var bench = try Bench.signedIn(masks: [Self.rule("customers.ssn")])
        try await bench.client(
            FakeClient.query(
                "SELECT query_to_xml('SELECT set_config(''search_path'',''tenant_b'',false)',true,false,'')"))
        try bench.target(
            FakeTarget.rowDescription([RowDescription.Column(name: "x")]) + FakeTarget.row("1")
                + FakeTarget.complete("SELECT 1") + FakeTarget.ready())
        try await bench.client(FakeClient.query("COPY customers TO STDOUT"))
        try bench.target(FakeTarget.copyResponse(BackendType.copyOutResponse, columns: 1))
        #expect(bench.lookups == [.columns([])])
    }

    @Test func copyOfAQueryIsDescribedInTheSessionsPath() async throws {
        var bench = try Bench.signedIn(masks: [Self.rule("customers.ssn")], parameters: [("search_path", "tenant_b")])
        try await bench.client(FakeClient.query("COPY (SELECT ssn FROM customers) TO STDOUT"))
        try bench.target(FakeTarget.copyResponse(BackendType.copyOutResponse, columns: 1))
        #expect(bench.lookups == [.query(text: Array("SELECT ssn FROM customers".utf8), searchPath: "tenant_b")])
    }
}
