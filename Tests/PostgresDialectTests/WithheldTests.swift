import DataMasking
import GatewayCore
import NIOCore
import PostgresDialect
import SessionKernel
import Testing

/// Answers that a mask refuses: one error, and the session goes on with the server's own status.
@Suite struct WithheldTests {
    private static func bench() throws -> Bench {
        try Bench.signedIn(masks: [MaskTests.rule("customers.ssn", unknown: .deny)])
    }

    private static let unknown = FakeTarget.rowDescription([MaskTests.described("x", attribute: 1)])

    private static let query = FakeClient.query("SELECT x FROM v")
    private static func execute(_ text: String) -> ByteBuffer {
        FakeClient.parse(text) + FakeClient.bind() + FakeClient.execute()
    }
    private static func answered(_ tag: String) -> ByteBuffer {
        FakeTarget.parseComplete + FakeTarget.bindComplete + FakeTarget.noData + FakeTarget.complete(tag)
    }
    private static let secret =
        FakeTarget.parseComplete + FakeTarget.bindComplete + unknown + FakeTarget.row("secret")
        + FakeTarget.complete("SELECT 1")

    private func begin(_ bench: inout Bench) async throws {
        try await bench.client(FakeClient.query("BEGIN"))
        try bench.target(FakeTarget.complete("BEGIN") + FakeTarget.ready(.inTransaction))
        bench.clear()
    }

    @Test(arguments: [TransactionStatus.idle, .inTransaction]) func queryGetsOneError(_ status: TransactionStatus)
        async throws
    {
        var bench = try Self.bench()
        if status == .inTransaction { try await begin(&bench) }
        try await bench.client(Self.query)
        try bench.target(
            Self.unknown + FakeTarget.row("secret") + FakeTarget.row(String(repeating: "secret", count: 5000)))
        try bench.answer(nil)
        try bench.target(FakeTarget.complete("SELECT 2") + FakeTarget.ready(status))
        #expect(bench.toClient.types == "EZ")
        #expect(!bench.toClient.contains("secret"))
        #expect(bench.toClient.contains("42501") && bench.toClient.contains("\"x\""))
        #expect(bench.toClient.bytes.last == status.rawValue)
        let outcome = try #require(bench.outcomes.values.first { $0.tag == "SELECT 2" })
        #expect(outcome.kind == .error && outcome.code == "42501" && outcome.rows == 2)
        #expect(outcome.errorText?.contains("withheld") == true)
        #expect(bench.open.isEmpty)
        // The record tells what the client got, and the closing bytes wait for it.
        #expect(bench.log.suffix(2).first?.hasSuffix(" E 0") == true)
        #expect(bench.log.last?.hasSuffix("error Z") == true)
        bench.clear()
        try await bench.client(FakeClient.query("SELECT 1"))
        try bench.target(FakeTarget.complete("SELECT 1") + FakeTarget.ready(status))
        #expect(bench.toClient.types == "CZ")
    }

    @Test func executeGetsOneError() async throws {
        var bench = try Self.bench()
        try await bench.client(Self.execute("SELECT x FROM v"), FakeClient.sync)
        try bench.target(Self.secret)
        try bench.answer(nil)
        #expect(bench.outcomes[2] == nil)
        try bench.target(FakeTarget.ready())
        #expect(bench.toClient.types == "12EZ")
        #expect(!bench.toClient.contains("secret"))
        #expect(bench.outcomes[2]?.kind == .error && bench.outcomes[2]?.tag == "SELECT 1")
        #expect(bench.log.last == "outcome 2 error Z")
        #expect(bench.open.isEmpty)
    }

    @Test func describeOfAPortalGetsTheErrorAndNothingFollows() async throws {
        var bench = try Self.bench()
        try await bench.client(
            FakeClient.parse("SELECT x FROM v"), FakeClient.bind(), FakeClient.describe(), FakeClient.flush)
        try bench.target(FakeTarget.parseComplete + FakeTarget.bindComplete + Self.unknown)
        try bench.answer(nil)
        #expect(bench.toClient.types == "12E")
        bench.clear()
        // The client has not read the error yet; a server would skip these.
        try await bench.client(FakeClient.execute(), Self.execute("DELETE FROM t"), FakeClient.sync)
        #expect(bench.toTarget.types == "S")
        #expect(bench.log == ["skip 3", "skip 4"])
        try bench.target(FakeTarget.ready())
        #expect(bench.toClient.types == "Z")
        #expect(bench.outcomes[2]?.kind == .error && bench.outcomes[2]?.code == "42501")
        try await bench.client(FakeClient.query("SELECT 1"))
        #expect(bench.toTarget.types == "SQ")
    }

    @Test func laterReadsOfAPipelineAreRecordedAndNotHeard() async throws {
        var bench = try Self.bench()
        try await bench.client(
            Self.execute("SELECT x FROM v"), Self.execute("SELECT name FROM t"), FakeClient.sync,
            Self.execute("SELECT 3"), FakeClient.sync)
        try bench.target(Self.secret)
        try bench.answer(nil)
        try bench.target(
            FakeTarget.notice("00000", "seen") + FakeTarget.parseComplete + FakeTarget.bindComplete
                + FakeTarget.rowDescription([RowDescription.Column(name: "name")]) + FakeTarget.row("Ann")
                + FakeTarget.complete("SELECT 1") + FakeTarget.ready() + Self.answered("SELECT 3")
                + FakeTarget.ready())
        #expect(bench.toClient.types == "12ENZ12CZ")
        #expect(!bench.toClient.contains("Ann"))
        #expect(bench.outcomes[4]?.kind == .success && bench.outcomes[4]?.tag == "SELECT 1")
        #expect(bench.outcomes[4]?.errorText?.contains("not passed on") == true)
        #expect(bench.outcomes[6]?.errorText == nil)
        #expect(bench.open.isEmpty)
    }

    @Test func anErrorBehindIsTheServersToRecord() async throws {
        var bench = try Self.bench()
        try await bench.client(Self.execute("SELECT x FROM v"), Self.execute("SELECT name FROM t"), FakeClient.sync)
        try bench.target(Self.secret)
        try bench.answer(nil)
        try bench.target(FakeTarget.error("42703", "no such column") + FakeTarget.ready())
        #expect(bench.toClient.types == "12EZ")
        #expect(bench.outcomes[3]?.code == "42703")
        #expect(bench.outcomes[4]?.kind == .skipped)
        #expect(bench.open.isEmpty)
    }

    @Test(
        arguments: [
            // What the client would take for undone or skipped is not.
            ([execute("INSERT INTO t VALUES (1)"), execute("SELECT x FROM v")], "INSERT 0 1", false, false),
            ([execute("SELECT x FROM v"), execute("INSERT INTO t VALUES (1)")], nil, false, false),
            ([execute("SELECT x FROM v"), execute("COMMIT")], nil, true, false),
            ([execute("SELECT x FROM v"), FakeClient.parse("SELECT 1", "named")], nil, false, false),
            ([execute("SELECT x FROM v"), FakeClient.query("SELECT 1")], nil, false, false),
            ([FakeClient.query("SELECT x FROM v; DELETE FROM t")], nil, false, false),
            // In a transaction that goes on, what ran before is as the status says.
            ([execute("INSERT INTO t VALUES (1)"), execute("SELECT x FROM v")], "INSERT 0 1", true, true),
            ([execute("SELECT name FROM t"), execute("SELECT x FROM v")], "SELECT 1", false, true),
            ([execute("SELECT x FROM v"), execute("SELECT 'blocked'")], nil, false, true),
            ([FakeClient.query("SELECT x FROM v; SELECT 1")], nil, false, true),
        ] as [([ByteBuffer], String?, Bool, Bool)])
    func unitsThatWouldBeMisread(
        _ sent: [ByteBuffer], _ before: String?, _ isInTransaction: Bool, _ survives: Bool
    ) async throws {
        var bench = try Self.bench()
        if isInTransaction { try await begin(&bench) }
        for bytes in sent { try await bench.client(bytes) }
        try await bench.client(FakeClient.sync)
        if let before { try bench.target(Self.answered(before)) }
        try bench.target(sent[0].types == "Q" ? Self.unknown : Self.secret)
        if survives {
            try bench.answer(nil)
            #expect(bench.toClient.types.hasSuffix("E"))
        } else {
            let fault = #expect(throws: DialectFault.self) { try bench.answer(nil) }
            #expect(fault?.refusal.code == "42501")
        }
        #expect(!bench.toClient.contains("secret"))
    }

    @Test func copyIsWithheldToo() async throws {
        var bench = try Self.bench()
        try await bench.client(FakeClient.query("COPY v TO STDOUT"))
        try bench.target(
            FakeTarget.copyResponse(BackendType.copyOutResponse, columns: 1) + FakeTarget.copyData("secret\n".utf8))
        try bench.answer(nil)
        try bench.target(
            FakeTarget.copyData("secret\n".utf8) + FakeTarget.copyDone + FakeTarget.complete("COPY 2")
                + FakeTarget.ready())
        #expect(bench.toClient.types == "EZ")
        #expect(bench.outcomes[1]?.kind == .error && bench.outcomes[1]?.tag == "COPY 2")
    }
}
