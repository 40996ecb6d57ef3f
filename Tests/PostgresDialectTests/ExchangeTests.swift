import AccessPolicy
import GatewayCore
import NIOCore
import PostgresDialect
import SessionKernel
import Testing

@Suite struct ExchangeTests {
    @Test func simpleQueryIsOneChunkAndOneOutcome() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.query("SELECT 1"))
        #expect(bench.toTarget == FakeClient.query("SELECT 1"))
        let answer =
            FakeTarget.rowDescription("a") + FakeTarget.row("1") + FakeTarget.row("2") + FakeTarget.complete("SELECT 2")
            + FakeTarget.ready()
        try bench.target(answer)
        #expect(bench.log == ["chunk 1 TDD 2", "outcome 1 success CZ"])
        #expect(bench.toClient == answer)
        #expect(bench.outcomes[1] == Outcome(kind: .success, rows: 2, tag: "SELECT 2"))
    }

    @Test func preparedExecutionCostsTwoEvents() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.parse("SELECT $1", "s"), FakeClient.sync)
        try bench.target(FakeTarget.parseComplete + FakeTarget.ready())
        #expect(bench.log == ["outcome 1 success 1", "pass Z"] || bench.log == ["outcome 1 success 1Z"])
        bench.clear()
        try await bench.client(
            FakeClient.bind("s", [Array("1".utf8)]) + FakeClient.describe() + FakeClient.execute() + FakeClient.sync)
        let answer =
            FakeTarget.bindComplete + FakeTarget.rowDescription("a") + FakeTarget.row("1")
            + FakeTarget.complete("SELECT 1") + FakeTarget.ready()
        try bench.target(answer)
        #expect(bench.eventCount == 2)
        #expect(bench.log == ["chunk 2 2TD 1", "outcome 2 success CZ"])
        #expect(bench.toClient == answer)
        #expect(bench.open.isEmpty)
    }

    @Test func closingBytesOfSeveralStatementsBeginAtTheLast() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.query("INSERT INTO t VALUES (1); SELECT 1"))
        try bench.target(
            FakeTarget.complete("INSERT 0 1"), FakeTarget.rowDescription("a") + FakeTarget.row("1"),
            FakeTarget.complete("SELECT 1"), FakeTarget.ready())
        #expect(
            bench.log == ["chunk 1 CTD 1", "outcome 1 success CZ"]
                || bench.log == ["chunk 1 CT 0", "chunk 1 D 1", "outcome 1 success CZ"])
        #expect(bench.outcomes[1]?.rows == 2)
    }

    @Test func errorOfAQuery() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.query("SELECT nonsense"))
        try bench.target(FakeTarget.error("42703", "no such column"), FakeTarget.ready(.failed))
        #expect(bench.log == ["outcome 1 error EZ"])
        #expect(bench.outcomes[1]?.code == "42703")
        #expect(bench.outcomes[1]?.errorText == "no such column")
        #expect(bench.dialect.isInTransaction)
    }

    @Test func fatalErrorEndsWithoutReadyForQuery() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.query("SELECT 1"))
        try bench.target(FakeTarget.error("57P01", "terminating connection", severity: "FATAL"))
        #expect(bench.log == ["outcome 1 error E"])
    }

    @Test func suspendedPortalContinuesUnderItsOwnNumber() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(
            FakeClient.parse("SELECT 1"), FakeClient.bind(portal: "p"), FakeClient.execute("p", rows: 1),
            FakeClient.sync)
        try bench.target(
            FakeTarget.parseComplete + FakeTarget.bindComplete + FakeTarget.row("1") + FakeTarget.suspended
                + FakeTarget.ready(.inTransaction))
        #expect(bench.outcomes[2]?.kind == .suspended)
        try await bench.client(FakeClient.execute("p", rows: 1), FakeClient.sync)
        #expect(bench.assessments.last?.isDecided == true)
        try bench.target(FakeTarget.row("2") + FakeTarget.complete("SELECT 1") + FakeTarget.ready(.inTransaction))
        #expect(bench.outcomes[3]?.kind == .success)
        #expect(bench.open.isEmpty)
    }

    @Test func errorInAPipelineSkipsToSync() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(
            FakeClient.parse("SELECT 1/0"), FakeClient.bind(), FakeClient.execute(), FakeClient.parse("SELECT 2", "b"),
            FakeClient.bind("b"),
            FakeClient.execute(), FakeClient.sync, FakeClient.parse("SELECT 3", "c"), FakeClient.sync)
        try bench.target(
            FakeTarget.parseComplete + FakeTarget.bindComplete + FakeTarget.error("22012", "division by zero")
                + FakeTarget.ready())
        #expect(bench.outcomes[2]?.kind == .error)
        #expect(bench.outcomes[3]?.kind == .skipped)
        #expect(bench.outcomes[4]?.kind == .skipped)
        try bench.target(FakeTarget.parseComplete + FakeTarget.ready())
        #expect(bench.outcomes[5]?.kind == .success)
        #expect(bench.open.isEmpty)
        #expect(bench.toClient.types == "12EZ1Z")
    }

    @Test func bindThatNobodyExecutesSettlesAtSync() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.parse("SELECT 1"), FakeClient.bind(portal: "p"), FakeClient.sync)
        try bench.target(FakeTarget.parseComplete + FakeTarget.bindComplete + FakeTarget.ready(.inTransaction))
        #expect(bench.outcomes[2]?.tag == "BIND")
        try await bench.client(FakeClient.execute("p"), FakeClient.sync)
        try bench.target(FakeTarget.row("1") + FakeTarget.complete("SELECT 1") + FakeTarget.ready(.inTransaction))
        #expect(bench.outcomes[3]?.kind == .success)
        #expect(bench.open.isEmpty)
    }

    @Test func settingThatChangesTheReadingOfTextsIsFatal() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.query("SELECT f()"))
        try bench.target(FakeTarget.status("standard_conforming_strings", "off"))
        #expect(bench.log.last == "fatal 42501")
    }

    @Test(arguments: [
        "SET standard_conforming_strings = off", "SET client_encoding = 'SJIS'", "SET NAMES 'BIG5'", "SET ROLE admin",
        "SET SESSION AUTHORIZATION postgres", "SELECT set_config('role', 'admin', false)",
        "SELECT set_config(x, y, false) FROM t",
    ])
    func refusedSettings(_ text: String) async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.query(text))
        #expect(bench.assessments.last?.refusal != nil)
        #expect(bench.toTarget.readableBytes == 0)
    }

    @Test(arguments: [
        "SET client_encoding = 'UTF8'", "SET search_path = a", "RESET ALL", "SET ROLE NONE",
        "SET standard_conforming_strings = on",
    ])
    func allowedSettings(_ text: String) async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.query(text))
        #expect(bench.assessments.last?.refusal == nil)
    }

    @Test func functionCallIsNotUnderstood() async throws {
        var bench = try Bench.signedIn()
        let call = FakeTarget.message(FrontendType.functionCall) { body in
            body.writeInteger(UInt32(1598))
            body.writeInteger(UInt16(0))
            body.writeInteger(UInt16(0))
            body.writeInteger(UInt16(0))
        }
        try await bench.client(call)
        #expect(bench.assessments.last?.subject.classes == [.unknownEffect, .functionCall])
        #expect(bench.assessments.last?.subject.notUnderstood != nil)
        #expect(bench.log == ["reply EZ"])
    }

    @Test func cancelRequestUsesTheTargetsKey() throws {
        let bench = try Bench.signedIn()
        #expect(
            try bench.dialect.cancelRequest.map { try StartupPacket($0) }
                == .cancelRequest(key: [0, 0, 0, 77, 1, 2, 3, 4]))
    }

    /// Right before ReadyForQuery, as the server reports settings.
    @Test func reportedSettingIsRecorded() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.query("SELECT set_config('application_name', card, false) FROM cards"))
        try bench.target(
            FakeTarget.rowDescription("n") + FakeTarget.row("1") + FakeTarget.complete("SELECT 1")
                + FakeTarget.status("application_name", "4111") + FakeTarget.ready())
        #expect(bench.log.contains { $0.hasPrefix("chunk 1 ") && $0.contains("S") })
        #expect(bench.log.last == "outcome 1 success Z")
    }

    @Test(arguments: [false, true]) func copiedRowsAreCounted(_ isMasked: Bool) async throws {
        var bench = try Bench.signedIn(masks: isMasked ? [MaskTests.rule("customers.ssn")] : [])
        try await bench.client(FakeClient.query("COPY customers (id, ssn) TO STDOUT"))
        try bench.target(FakeTarget.copyResponse(BackendType.copyOutResponse, columns: 2))
        if isMasked { try bench.answer([MaskTests.column("id"), MaskTests.column("ssn")]) }
        bench.clear()
        try bench.target(FakeTarget.copyData("1\ta\n".utf8) + FakeTarget.copyData("2\tb\n".utf8))
        #expect(bench.log == ["chunk 1 dd 2"])
    }
}
