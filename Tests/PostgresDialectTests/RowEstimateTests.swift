import AccessPolicy
import GatewayCore
import NIOCore
import PostgresDialect
import SQLAnalysis
import SessionKernel
import Testing

/// EXPLAIN as the gateway's own question: what is asked, what the client sees of it, and what counts as no answer.
@Suite struct RowEstimateTests {
    private static let plan =
        #"[{"Plan": {"Node Type": "Seq Scan", "Plan Rows": 1234, "Plan Width": 4}}]"#

    private static func asked(_ text: String, _ bench: inout Bench) async throws -> Asking {
        try await asked(FakeClient.query(text), &bench).estimation
    }

    private static func asked(
        _ message: ByteBuffer, _ bench: inout Bench
    ) async throws -> (estimation: Asking, command: Command) {
        var events: [ClientEvent] = []
        try bench.dialect.receive(fromClient: message, into: &events)
        guard case .command(let command)? = events.last else { throw Bench.BenchFailure(message: "no command") }
        var analysis: SQLAnalysis?
        if let text = command.text { analysis = await Analyses.of(text) }
        _ = bench.dialect.assess(command, analysis: analysis)
        return (bench.dialect.ask(.rows, about: command), command)
    }

    private static func question(_ estimation: Asking) -> ByteBuffer? {
        if case .send(let bytes, _) = estimation { bytes } else { nil }
    }

    private static let answer =
        FakeTarget.closeComplete + FakeTarget.closeComplete + FakeTarget.parseComplete + FakeTarget.bindComplete
        + FakeTarget.row(plan) + FakeTarget.complete("EXPLAIN") + FakeTarget.closeComplete + FakeTarget.closeComplete
        + FakeTarget.ready()

    @Test func theQuestionIsTheServersExplainAndTheClientSeesNothingOfIt() async throws {
        var bench = try Bench.signedIn()
        let (estimation, command) = try await Self.asked(FakeClient.query(" SELECT * FROM t; -- x"), &bench)
        let bytes = try #require(Self.question(estimation))
        #expect(bytes.types == "CCPBECCS")
        #expect(bytes.contains("EXPLAIN (FORMAT JSON) SELECT * FROM t\0"))
        #expect(bench.dialect.submit(.question(bytes)) == bytes)
        // Split anywhere.
        for byte in Self.answer.bytes { try bench.target(ByteBuffer(bytes: [byte])) }
        #expect(bench.answers == [.rows(.rows(1234))])
        #expect(bench.toClient.readableBytes == 0)
        #expect(bench.dialect.submit(.command(command)) == FakeClient.query(" SELECT * FROM t; -- x"))
    }

    @Test func inATransactionItLeavesNoTrace() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.query("BEGIN"))
        try bench.target(FakeTarget.complete("BEGIN") + FakeTarget.ready(.inTransaction))
        bench.clear()
        let bytes = try #require(Self.question(try await Self.asked("SELECT * FROM t", &bench)))
        #expect(bytes.types.filter { $0 == "S" }.count == 3)
        #expect(bytes.contains("SAVEPOINT") && bytes.contains("ROLLBACK TO SAVEPOINT") && bytes.contains("RELEASE"))
        _ = bench.dialect.submit(.question(bytes))
        try bench.target(FakeTarget.complete("SAVEPOINT") + FakeTarget.ready(.inTransaction))
        try bench.target(FakeTarget.error("42P01", "no such table") + FakeTarget.ready(.failed))
        #expect(bench.answers.isEmpty)
        try bench.target(
            FakeTarget.complete("ROLLBACK") + FakeTarget.complete("RELEASE") + FakeTarget.ready(.inTransaction))
        #expect(bench.answers == [.rows(.unknown("the server says 42P01 to EXPLAIN"))])
        #expect(bench.toClient.readableBytes == 0)
        #expect(bench.dialect.isInTransaction)
    }

    @Test func noticesAreDroppedAndFatalErrorsAreNot() async throws {
        var bench = try Bench.signedIn()
        let bytes = try #require(Self.question(try await Self.asked("SELECT * FROM t", &bench)))
        _ = bench.dialect.submit(.question(bytes))
        try bench.target(FakeTarget.notice("00000", "planning"), FakeTarget.status("TimeZone", "UTC"))
        #expect(bench.toClient.types == "S")
        try bench.target(FakeTarget.error("57P01", "shutdown", severity: "FATAL"))
        #expect(bench.toClient.types == "SE")
    }

    /// Counts as over, and the server is not asked.
    @Test(arguments: [
        "SELECT mine(1)", "SELECT 1; SELECT 2", "COPY t TO STDOUT", "TRUNCATE t", "SELECT * FROM t WHERE a = $1",
        "SELECT nextval('s')", "SELECT * FROM t WHERE a::mytype = b", "SELECT pg_sleep(1)", "PREPARE p AS SELECT 1",
        "EXECUTE p", "EXPLAIN ANALYZE SELECT 1", "SELECT (", "SELECT * INTO x FROM t",
    ])
    func whatCannotBeAsked(_ text: String) async throws {
        var bench = try Bench.signedIn()
        guard case .known(.rows(.unknown(let why))) = try await Self.asked(text, &bench) else {
            Issue.record("asked: \(text)")
            return
        }
        #expect(!why.isEmpty)
    }

    @Test func inAPipelineOnlyTheFirstIsAsked() async throws {
        var bench = try Bench.signedIn()
        let parse = FakeClient.parse("SELECT * FROM t")
        let (first, command) = try await Self.asked(parse, &bench)
        let bytes = try #require(Self.question(first))
        _ = bench.dialect.submit(.question(bytes))
        try bench.target(Self.answer)
        _ = bench.dialect.submit(.command(command))
        // The Bind of the same stretch has it from its Parse.
        var events: [ClientEvent] = []
        try bench.dialect.receive(fromClient: FakeClient.bind(), into: &events)
        guard case .command(let bind)? = events.first else { throw Bench.BenchFailure(message: "no command") }
        #expect(bench.dialect.assess(bind, analysis: nil).subject.estimate == .rows(1234))
        _ = bench.dialect.submit(.command(bind))
        guard
            case .known(.rows(.unknown)) = try await Self.asked(FakeClient.parse("SELECT * FROM u"), &bench).estimation
        else {
            Issue.record("asked in a pipeline")
            return
        }
    }

    /// With parameters the question ends the client's unnamed statement, which is made again; never from a text that was
    /// refused.
    @Test(arguments: [false, true])
    func theUnnamedStatementIsMadeAgain(isRefused: Bool) async throws {
        var bench = try Bench.signedIn(version: "16.1")
        let first = isRefused ? "SELECT 'blocked'" : "SELECT 7"
        try await bench.client(FakeClient.parse(first), FakeClient.sync)
        try bench.target(
            (isRefused ? FakeTarget.error("42601", "syntax error") : FakeTarget.parseComplete) + FakeTarget.ready())
        bench.clear()
        let parse = FakeClient.parse("SELECT * FROM t WHERE a = $1", "named")
        let bytes = try #require(Self.question(try await Self.asked(parse, &bench).estimation))
        #expect(bytes.contains("GENERIC_PLAN"))
        #expect(bytes.types == (isRefused ? "Q" : "QPS"))
        #expect(!bytes.contains("blocked") && bytes.contains("SELECT 7") != isRefused)
    }

    @Test func itWaitsForOutstandingAnswers() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.query("SELECT 1"))
        guard case .wait = try await Self.asked("SELECT * FROM t", &bench) else {
            Issue.record("did not wait")
            return
        }
    }

    @Test func aPlanOverTheLimitIsNoAnswer() async throws {
        var bench = try Bench.signedIn()
        let bytes = try #require(Self.question(try await Self.asked("SELECT * FROM t", &bench)))
        _ = bench.dialect.submit(.question(bytes))
        let huge = FakeTarget.row([Array(repeating: 0x20, count: 2 << 20)])
        try bench.target(huge, FakeTarget.complete("EXPLAIN") + FakeTarget.ready())
        #expect(bench.answers == [.rows(.unknown("the plan is too large"))])
        #expect(bench.toClient.readableBytes == 0)
    }
}
