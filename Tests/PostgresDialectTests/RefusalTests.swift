import GatewayCore
import NIOCore
import PostgresDialect
import SessionKernel
import Testing

/// A refusal acts like a server's error, and no byte of what was refused reaches the server.
@Suite struct RefusalTests {
    @Test func idleQueryIsRefusedWithoutTheServer() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.query("SELECT 'blocked'"))
        #expect(bench.log == ["reply EZ"])
        #expect(bench.toTarget.readableBytes == 0)
        #expect(bench.toClient.contains("not here"))
        try await bench.client(FakeClient.query("SELECT 1"))
        #expect(bench.toTarget == FakeClient.query("SELECT 1"))
    }

    @Test func queryInATransactionFailsIt() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.query("BEGIN"))
        try bench.target(FakeTarget.complete("BEGIN") + FakeTarget.ready(.inTransaction))
        bench.clear()
        try await bench.client(FakeClient.query("DELETE FROM blocked"))
        #expect(bench.log == ["substitute Q"])
        #expect(bench.toTarget.contains(PostgresDialect.refusalText))
        #expect(!bench.toTarget.contains("blocked"))
        try bench.target(FakeTarget.error("42601", "syntax error"), FakeTarget.ready(.failed))
        #expect(bench.toClient.types == "EZ")
        #expect(bench.toClient.contains("42501"))
        #expect(!bench.toClient.contains("syntax error"))
        #expect(bench.toClient.bytes.last == TransactionStatus.failed.rawValue)
    }

    @Test func pipelineOfAllowedBlockedAllowedKeepsOrder() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(
            FakeClient.query("SELECT 1"), FakeClient.query("SELECT 'blocked'"), FakeClient.query("SELECT 3"))
        #expect(!bench.toTarget.contains("'blocked'"))
        try bench.target(FakeTarget.complete("SELECT 1") + FakeTarget.ready())
        try bench.target(
            FakeTarget.error("42601", "syntax error") + FakeTarget.ready() + FakeTarget.complete("SELECT 3")
                + FakeTarget.ready())
        #expect(bench.toClient.types == "CZEZCZ")
        #expect(bench.outcomes[3]?.tag == "SELECT 3")
    }

    @Test func insertThenBlockedThenSyncFailsTheImplicitTransaction() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(
            FakeClient.parse("INSERT INTO t VALUES (1)"), FakeClient.bind(), FakeClient.execute(),
            FakeClient.parse("DELETE FROM blocked"),
            FakeClient.bind(), FakeClient.execute(), FakeClient.sync)
        #expect(bench.toTarget.types == "PBEPS")
        #expect(!bench.toTarget.contains("blocked"))
        #expect(bench.log == ["substitute P", "skip 4"] || bench.log == ["substitute P", "drop 4"])
        try bench.target(
            FakeTarget.parseComplete + FakeTarget.bindComplete + FakeTarget.complete("INSERT 0 1")
                + FakeTarget.error("42601", "syntax error")
                + FakeTarget.ready())
        #expect(bench.toClient.types == "12CEZ")
        #expect(bench.toClient.contains("not here"))
        #expect(bench.open.isEmpty)
        try await bench.client(FakeClient.query("SELECT 1"))
        #expect(bench.toTarget.types == "PBEPSQ")
    }

    @Test func blockedBindSkipsToSync() async throws {
        var bench = try Bench.signedIn()
        bench.blockedWord = "nothing"
        try await bench.client(FakeClient.parse("DELETE FROM t", "s"), FakeClient.sync)
        try bench.target(FakeTarget.parseComplete + FakeTarget.ready())
        bench.clear()
        bench.blockedWord = "DELETE"
        try await bench.client(FakeClient.bind("s"), FakeClient.describe(), FakeClient.execute(), FakeClient.sync)
        #expect(bench.toTarget.types == "PS")
        try bench.target(FakeTarget.error("42601", "syntax error"))
        try bench.target(FakeTarget.ready())
        #expect(bench.toClient.types == "EZ")
    }

    @Test func dataOfARefusedCopyIsDropped() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(
            FakeClient.query("COPY blocked FROM STDIN"), FakeClient.copyData("1\n"), FakeClient.copyDone)
        #expect(bench.toTarget.readableBytes == 0)
        try await bench.client(FakeClient.query("SELECT 1"))
        #expect(bench.toTarget.types == "Q")
    }

    @Test func refusalBehindAServersErrorIsSkippedLikeTheRest() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(
            FakeClient.parse("SELECT nonsense"), FakeClient.parse("SELECT 'blocked'"), FakeClient.sync,
            FakeClient.query("SELECT 1"))
        try bench.target(
            FakeTarget.error("42703", "no such column") + FakeTarget.ready() + FakeTarget.complete("SELECT 1")
                + FakeTarget.ready())
        #expect(bench.toClient.types == "EZCZ")
        #expect(!bench.toClient.contains("not here"))
    }

    @Test func oversizedQueryIsRefusedAndSkipped() async throws {
        var limits = SessionLimits()
        limits.command = 100
        var bench = try Bench.signedIn(limits: limits)
        let large = FakeClient.query(String(repeating: "x", count: 5000)) + FakeClient.query("SELECT 1")
        var walk = large
        while let piece = walk.readSlice(length: min(700, max(walk.readableBytes, 1))) { try await bench.client(piece) }
        #expect(bench.log == ["reply EZ"])
        #expect(bench.toClient.contains("54000"))
        #expect(bench.toTarget == FakeClient.query("SELECT 1"))
    }

    @Test func oversizedBindIsSubstituted() async throws {
        var limits = SessionLimits()
        limits.command = 100
        var bench = try Bench.signedIn(limits: limits)
        try await bench.client(
            FakeClient.parse("SELECT $1"), FakeClient.bind("", [Array(repeating: 65, count: 500)]),
            FakeClient.execute(), FakeClient.sync)
        #expect(bench.toTarget.types == "PPS")
        try bench.target(FakeTarget.parseComplete + FakeTarget.error("42601", "syntax error") + FakeTarget.ready())
        #expect(bench.toClient.types == "1EZ")
        #expect(bench.toClient.contains("54000"))
        #expect(bench.open.isEmpty)
    }
}
