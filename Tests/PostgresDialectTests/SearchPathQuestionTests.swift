import AccessPolicy
import GatewayCore
import NIOCore
import PostgresDialect
import SQLAnalysis
import SessionKernel
import Testing

/// `SHOW search_path` as the gateway's own question, and what makes its answer void.
@Suite struct SearchPathQuestionTests {
    private static func assess(_ text: String, _ bench: inout Bench) async throws -> (Assessment, Command) {
        var events: [ClientEvent] = []
        try bench.dialect.receive(fromClient: FakeClient.query(text), into: &events)
        guard case .command(let command)? = events.last else { throw Bench.BenchFailure(message: "no command") }
        return (bench.dialect.assess(command, analysis: await Analyses.of(Array(text.utf8))), command)
    }

    /// Asks, answers with `path`, and lets the command pass.
    private static func learn(
        _ path: String, _ bench: inout Bench, status: TransactionStatus = .idle
    ) async throws -> SearchPath? {
        let (_, command) = try await assess("SELECT * FROM t", &bench)
        guard case .send(let bytes, let text) = bench.dialect.ask(.searchPath, about: command) else { return nil }
        #expect(text == Array("SHOW search_path".utf8))
        _ = bench.dialect.submit(.question(bytes))
        try bench.target(
            FakeTarget.parseComplete + FakeTarget.bindComplete + FakeTarget.row(path) + FakeTarget.complete("SHOW")
                + FakeTarget.ready(status))
        guard case .searchPath(let told)? = bench.answers.last else { return nil }
        _ = bench.dialect.refuse(command, Refusal(message: "only asked"))
        return told
    }

    private static func run(_ text: String, _ bench: inout Bench, _ status: TransactionStatus = .idle) async throws {
        try await bench.client(FakeClient.query(text))
        try bench.target(FakeTarget.complete(text) + FakeTarget.ready(status))
    }

    private static func path(_ bench: inout Bench) async throws -> [String]? {
        let (assessment, command) = try await assess("SELECT * FROM t", &bench)
        _ = bench.dialect.refuse(command, Refusal(message: "only asked"))
        return assessment.subject.searchPath.schemas
    }

    @Test func itIsKnownOnceAskedAndUntilItMayHaveChanged() async throws {
        var bench = try Bench.signedIn(continuesAfterRefusal: true)
        #expect(try await Self.path(&bench) == nil)
        #expect(try await Self.learn("audit, \"Odd\"", &bench)?.schemas == ["audit", "Odd"])
        #expect(try await Self.path(&bench) == ["audit", "Odd"])
        try await Self.run("SELECT 1", &bench)
        #expect(try await Self.path(&bench) == ["audit", "Odd"])
        try await Self.run("SET search_path = public", &bench)
        #expect(try await Self.path(&bench) == nil)
    }

    @Test func whatWasSetInATransactionIsVoidAtItsEnd() async throws {
        var bench = try Bench.signedIn(continuesAfterRefusal: true)
        _ = try await Self.learn("public", &bench)
        try await Self.run("BEGIN", &bench, .inTransaction)
        #expect(try await Self.path(&bench) == ["public"])
        try await Self.run("SET search_path = audit", &bench, .inTransaction)
        _ = try await Self.learn("audit", &bench, status: .inTransaction)
        #expect(try await Self.path(&bench) == ["audit"])
        try await Self.run("ROLLBACK", &bench)
        #expect(try await Self.path(&bench) == nil)
        _ = try await Self.learn("public", &bench)
        try await Self.run("BEGIN", &bench, .inTransaction)
        try await Self.run("COMMIT", &bench)
        #expect(try await Self.path(&bench) == ["public"])
    }

    @Test func noAnswerIsNoPath() async throws {
        var bench = try Bench.signedIn(continuesAfterRefusal: true)
        let (_, command) = try await Self.assess("SELECT * FROM t", &bench)
        guard case .send(let bytes, _) = bench.dialect.ask(.searchPath, about: command) else {
            Issue.record("not asked")
            return
        }
        _ = bench.dialect.submit(.question(bytes))
        try bench.target(FakeTarget.error("57014", "too slow") + FakeTarget.ready())
        #expect(bench.answers == [.searchPath(.unknown)])
        #expect(bench.toClient.readableBytes == 0)
    }

    @Test func aServerThatReportsItIsNotAsked() async throws {
        var bench = try Bench.signedIn(continuesAfterRefusal: true)
        try bench.target(FakeTarget.status("search_path", "audit"))
        #expect(try await Self.path(&bench) == ["audit"])
    }
}
