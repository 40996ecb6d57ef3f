import AuditLedger
import DataMasking
import NIOCore
import PostgresDialect
import SessionKernel
import Testing

/// The names of columns in the record of executions that nobody describes.
@Suite struct RecordedColumnsTests {
    private static let head = FakeTarget.rowDescription([
        RowDescription.Column(name: "id", type: TypeOID.int4), RowDescription.Column(name: "name"),
    ])
    private static let parameters = FakeTarget.message(BackendType.parameterDescription) { $0.writeInteger(Int16(0)) }

    private func columns(_ bench: Bench) -> ByteBuffer? {
        bench.assessments.last?.content.first { $0.kind == .columns }.map { ByteBuffer(bytes: $0.bytes) }
    }

    private func execute(_ bench: inout Bench, _ messages: ByteBuffer...) async throws -> ByteBuffer? {
        try await bench.client(messages.reduce(ByteBuffer(), +) + FakeClient.execute() + FakeClient.sync)
        let found = columns(bench)
        try bench.target(FakeTarget.bindComplete)
        if messages.count > 1 { try bench.target(Self.head) }
        try bench.target(FakeTarget.row("1", "x") + FakeTarget.complete("SELECT 1") + FakeTarget.ready())
        #expect(bench.open.isEmpty)
        return found
    }

    @Test func describeOfTheStatement() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(
            FakeClient.parse("SELECT id, name FROM t", "s"), FakeClient.describe(.statement, "s"), FakeClient.sync)
        try bench.target(FakeTarget.parseComplete + Self.parameters + Self.head + FakeTarget.ready())
        var wanted = RowDescription(columns: [
            RowDescription.Column(name: "id", type: TypeOID.int4), RowDescription.Column(name: "name"),
        ])
        #expect(try await execute(&bench, FakeClient.bind("s")) == FakeTarget.rowDescription(wanted.columns))
        // With the formats that Bind asks for; and not twice, when the client asks itself.
        for index in wanted.columns.indices { wanted.columns[index].format = 1 }
        #expect(
            try await execute(&bench, FakeClient.bind("s", results: [1])) == FakeTarget.rowDescription(wanted.columns))
        #expect(try await execute(&bench, FakeClient.bind("s"), FakeClient.describe()) == nil)
    }

    @Test func describeOfAnEarlierPortal() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(FakeClient.parse("SELECT id, name FROM t", "s"), FakeClient.sync)
        try bench.target(FakeTarget.parseComplete + FakeTarget.ready())
        #expect(try await execute(&bench, FakeClient.bind("s")) == nil)
        #expect(try await execute(&bench, FakeClient.bind("s"), FakeClient.describe()) == nil)
        #expect(try await execute(&bench, FakeClient.bind("s")) == Self.head)
    }

    @Test func aNewStatementOfTheNameStartsWithoutNames() async throws {
        var bench = try Bench.signedIn()
        try await bench.client(
            FakeClient.parse("SELECT id, name FROM t", "s"), FakeClient.describe(.statement, "s"), FakeClient.sync)
        try bench.target(FakeTarget.parseComplete + Self.parameters + Self.head + FakeTarget.ready())
        try await bench.client(
            FakeClient.close(.statement, "s"), FakeClient.parse("SELECT a, b FROM u", "s"), FakeClient.sync)
        try bench.target(FakeTarget.closeComplete + FakeTarget.parseComplete + FakeTarget.ready())
        #expect(try await execute(&bench, FakeClient.bind("s")) == nil)
    }

    @Test func theAnswerReadsWithThem() throws {
        let row = FakeTarget.row("1", "x") + FakeTarget.complete("SELECT 1")
        let answer = RecordedAnswer.decode((Self.head + row).bytes)
        #expect(answer.results.first?.columns.map(\.name) == ["id", "name"])
    }
}
