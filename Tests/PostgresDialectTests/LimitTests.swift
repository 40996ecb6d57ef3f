import GatewayCore
import NIOCore
import PostgresDialect
import SessionKernel
import Testing

@Suite struct LimitTests {
    private func bench(rows: Int = 0, bytes: Int = 0) throws -> Bench {
        var limits = SessionLimits()
        limits.rows = rows
        limits.bytes = bytes
        return try Bench.signedIn(limits: limits)
    }

    private static let rows = FakeTarget.row("a") + FakeTarget.row("b") + FakeTarget.row("c") + FakeTarget.row("d")

    @Test(arguments: [(2, 0, "54000", "limits.rows"), (0, 30, "54000", "limits.bytes")])
    func theRestIsCut(rows: Int, bytes: Int, code: String, word: String) async throws {
        var bench = try bench(rows: rows, bytes: bytes)
        try await bench.client(FakeClient.query("SELECT x FROM t"))
        try bench.target(
            FakeTarget.rowDescription([RowDescription.Column(name: "x", table: 0, attribute: 0, type: 25, format: 0)])
                + Self.rows + FakeTarget.complete("SELECT 4") + FakeTarget.ready())
        #expect(bench.toClient.contains("a") && bench.toClient.contains("b") && bench.toClient.contains(word))
        #expect(bench.log.contains("cancel") && !bench.log.contains { $0.hasPrefix("fatal") })
        #expect(bench.outcomes[1]?.code == code)
    }

    @Test func asManyAsAllowedPass() async throws {
        var bench = try bench(rows: 4)
        try await bench.client(FakeClient.query("SELECT x FROM t"))
        try bench.target(
            FakeTarget.rowDescription([RowDescription.Column(name: "x", table: 0, attribute: 0, type: 25, format: 0)])
                + Self.rows + FakeTarget.complete("SELECT 4") + FakeTarget.ready())
        #expect(bench.outcomes[1]?.kind == .success && !bench.log.contains("cancel"))
    }
}
