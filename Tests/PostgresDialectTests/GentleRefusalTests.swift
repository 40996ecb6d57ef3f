import NIOCore
import PostgresDialect
import SessionKernel
import Testing

/// `on_refusal: continue`: the transaction goes on, and nothing of what was refused reaches the server.
@Suite struct GentleRefusalTests {
    private static func inTransaction() async throws -> Bench {
        var bench = try Bench.signedIn(continuesAfterRefusal: true)
        try await bench.client(FakeClient.query("BEGIN"))
        try bench.target(FakeTarget.complete("BEGIN") + FakeTarget.ready(.inTransaction))
        bench.clear()
        return bench
    }

    @Test func aQueryIsAnsweredWithoutTheServer() async throws {
        var bench = try await Self.inTransaction()
        try await bench.client(FakeClient.query("DELETE FROM blocked"))
        #expect(bench.toTarget.readableBytes == 0)
        #expect(bench.toClient.types == "EZ")
        #expect(bench.toClient.bytes.last == TransactionStatus.inTransaction.rawValue)
    }

    @Test func pipelinedQueriesKeepTheirOrder() async throws {
        var bench = try await Self.inTransaction()
        try await bench.client(
            FakeClient.query("SELECT 1"), FakeClient.query("SELECT 'blocked'"), FakeClient.query("SELECT 3"))
        #expect(bench.toTarget.types == "QQQ" && !bench.toTarget.contains("'blocked'"))
        try bench.target(FakeTarget.complete("SELECT 1") + FakeTarget.ready(.inTransaction))
        try bench.target(FakeTarget.emptyQuery + FakeTarget.ready(.inTransaction))
        try bench.target(FakeTarget.complete("SELECT 1") + FakeTarget.ready(.inTransaction))
        #expect(bench.toClient.types == "CZEZCZ")
        #expect(bench.open.isEmpty)
    }

    @Test func anExtendedCommandSkipsToTheSyncWithTheServersStatus() async throws {
        var bench = try await Self.inTransaction()
        try await bench.client(
            FakeClient.parse("DELETE FROM blocked"), FakeClient.bind(), FakeClient.describe(), FakeClient.execute(),
            FakeClient.sync)
        #expect(bench.toTarget.types == "S")
        try bench.target(FakeTarget.ready(.inTransaction))
        #expect(bench.toClient.types == "EZ")
        #expect(bench.toClient.bytes.last == TransactionStatus.inTransaction.rawValue)
        bench.clear()
        try await bench.client(FakeClient.query("COMMIT"))
        #expect(bench.toTarget == FakeClient.query("COMMIT"))
    }

    @Test func behindOthersOfItsStretchTheRefusalComesInItsPlace() async throws {
        var bench = try await Self.inTransaction()
        try await bench.client(
            FakeClient.parse("INSERT INTO t VALUES (1)"), FakeClient.bind(), FakeClient.execute(),
            FakeClient.parse("DELETE FROM blocked"), FakeClient.bind(), FakeClient.execute(), FakeClient.sync)
        #expect(bench.toTarget.types == "PBECS" && !bench.toTarget.contains("blocked"))
        try bench.target(
            FakeTarget.parseComplete + FakeTarget.bindComplete + FakeTarget.complete("INSERT 0 1")
                + FakeTarget.closeComplete + FakeTarget.ready(.inTransaction))
        #expect(bench.toClient.types == "12CEZ")
        #expect(bench.open.isEmpty)
    }

    /// Nobody could tell which half of an implicit transaction was meant.
    @Test(arguments: [["INSERT INTO t VALUES (1)"], ["COMMIT", "INSERT INTO t VALUES (1)"]])
    func anImplicitTransactionFails(_ before: [String]) async throws {
        var bench =
            before.count == 1
            ? try Bench.signedIn(continuesAfterRefusal: true) : try await Self.inTransaction()
        for text in before {
            try await bench.client(FakeClient.parse(text), FakeClient.bind(), FakeClient.execute())
        }
        try await bench.client(FakeClient.parse("DELETE FROM blocked"), FakeClient.bind(), FakeClient.execute())
        #expect(bench.toTarget.contains(PostgresDialect.refusalText))
    }

    @Test func aTransactionBegunInTheSameStretchGoesOn() async throws {
        var bench = try Bench.signedIn(continuesAfterRefusal: true)
        try await bench.client(FakeClient.parse("BEGIN"), FakeClient.bind(), FakeClient.execute())
        try await bench.client(FakeClient.parse("DELETE FROM blocked"), FakeClient.bind(), FakeClient.execute())
        #expect(bench.toTarget.types == "PBEC")
    }
}
