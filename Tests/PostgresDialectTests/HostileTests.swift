import GatewayCore
import NIOCore
import PostgresDialect
import SQLAnalysis
import SessionKernel
import Testing

/// No bytes of either side do more than end their own session.
@Suite struct HostileTests {
    @Test func impossibleLengthsOfClientMessages() throws {
        for type in "QPBEDCSHXFdcfp".utf8 {
            for length in [Int32.min, -1, 0, 3, 0x4000_0000, .max] {
                var bytes = ByteBuffer(integer: type)
                bytes.writeInteger(length)
                var bench = try Bench.signedIn().dialect
                var events: [ClientEvent] = []
                #expect(throws: DialectFault.self, "\(type) \(length)") {
                    try bench.receive(fromClient: bytes, into: &events)
                }
            }
        }
    }

    @Test func impossibleLengthsOfServerMessages() async throws {
        for type in UInt8(0)...127 {
            for length in [Int32.min, -1, 0, 3, 0x4000_0000, .max] {
                var bench = try Bench.signedIn()
                try await bench.client(FakeClient.query("SELECT 1"))
                var bytes = ByteBuffer(integer: type)
                bytes.writeInteger(length)
                #expect(throws: DialectFault.self) { try bench.target(bytes) }
            }
        }
    }

    @Test func shortBodiesOfClientMessages() throws {
        for type in "QPBEDCSHF".utf8 {
            for body in [[], [0], [0, 0], [65], [0, 0, 255, 255], [0, 0, 0, 0, 0, 1, 255, 255, 255, 254, 0, 0]]
                as [[UInt8]]
            {
                var dialect = try Bench.signedIn().dialect
                var events: [ClientEvent] = []
                // Whatever it comes to, it must come back.
                try? dialect.receive(fromClient: FakeTarget.message(type) { $0.writeBytes(body) }, into: &events)
            }
        }
        #expect(
            BindMessage(FakeTarget.message(FrontendType.bind) { $0.writeBytes([0, 0, 0, 0, 0xFF, 0xFF, 0, 0]) }) == nil)
        #expect(ParseMessage(FakeTarget.message(FrontendType.parse) { $0.writeBytes([0, 0, 0xFF, 0xFF]) }) == nil)
        #expect(QueryMessage(FakeTarget.message(FrontendType.query) { $0.writeBytes([65, 0, 66, 0]) }) == nil)
    }

    @Test func unknownTypesAreFaults() throws {
        for type in UInt8.min ... .max where !"QPBEDCSHXFdcf".utf8.contains(type) {
            var dialect = try Bench.signedIn().dialect
            var events: [ClientEvent] = []
            #expect(throws: DialectFault.self) {
                try dialect.receive(fromClient: ByteBuffer(integer: type), into: &events)
            }
        }
    }

    @Test func answersThatNobodyAskedFor() throws {
        for message in [
            FakeTarget.row("1"), FakeTarget.ready(), FakeTarget.complete("SELECT 1"), FakeTarget.parseComplete,
            FakeTarget.bindComplete,
            FakeTarget.rowDescription("a"), FakeTarget.copyData("x".utf8), FakeTarget.error("XX000", "x"),
            FakeTarget.noData,
            FakeTarget.authentication(.ok),
        ] {
            var bench = try Bench.signedIn()
            #expect(throws: DialectFault.self) { try bench.target(message) }
        }
    }

    @Test func randomBytesNeverTrap() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(state: seed)
        let messages = SplitTests.corpus.flatMap { $0.client + $0.target }
        for round in 0..<2000 {
            var bench = try Bench.signedIn(masks: round % 2 == 0 ? [MaskTests.rule("ssn"), MaskTests.emails] : [])
            var bytes = messages.randomElement(using: &generator)?.bytes ?? []
            for _ in 0..<3 where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
                    in: .min ... .max, using: &generator)
            }
            try await bench.client(
                FakeClient.query("SELECT 1"), FakeClient.parse("SELECT 2"), FakeClient.bind(), FakeClient.execute())
            try? bench.target(ByteBuffer(bytes: bytes))
            try? await bench.client(ByteBuffer(bytes: bytes))
        }
    }

    @Test func recordedAnswers() {
        let answer =
            FakeTarget.rowDescription([
                RowDescription.Column(name: "a"), RowDescription.Column(name: "n", type: TypeOID.int4, format: 1),
            ])
            + FakeTarget.row([Array("x".utf8), [0, 0, 0, 7]]) + FakeTarget.row([nil, nil])
            + FakeTarget.notice("00000", "hello")
            + FakeTarget.complete("SELECT 2") + FakeTarget.copyData("1\n".utf8)
        let decoded = RecordedAnswer.decode(answer.bytes)
        #expect(decoded.results.count == 1)
        #expect(decoded.results.first?.columns.map(\.name) == ["a", "n"])
        #expect(decoded.results.first?.rows == [["x", "7"], [nil, nil]])
        #expect(decoded.results.first?.tag == "SELECT 2")
        #expect(decoded.notices == ["NOTICE: hello"])
        #expect(decoded.copyData == ["1\n"])
        #expect(!decoded.isTruncated)
        for length in 0..<answer.readableBytes { _ = RecordedAnswer.decode(Array(answer.bytes.prefix(length))) }
        #expect(RecordedAnswer.decode(Array(answer.bytes.prefix(20))).isTruncated)
        #expect(RecordedAnswer.decode(answer.bytes, rows: 1).isTruncated)
    }

    /// Each Sync must cost the same however many portals are open.
    @Test func manyPortalsMakeNoSyncDearer() throws {
        var dialect = try Bench.signedIn().dialect
        var events: [ClientEvent] = []
        var bytes = ByteBuffer()
        for number in 0..<4000 { bytes.writeImmutableBuffer(FakeClient.bind("s", portal: "p\(number)")) }
        try dialect.receive(fromClient: bytes, into: &events)
        bytes.clear()
        for _ in 0..<50_000 { bytes.writeImmutableBuffer(FakeClient.sync) }
        let took = try ContinuousClock().measure { try dialect.receive(fromClient: bytes, into: &events) }
        #expect(took < .seconds(2))
        #expect(events.count == 54_000)
    }

    /// All that one read brings may be judged before any of it is forwarded.
    @Test func longPipelineLosesNothing() async throws {
        var dialect = try Bench.signedIn().dialect
        var events: [ClientEvent] = []
        var bytes = FakeClient.parse("INSERT INTO t VALUES ($1)", "s")
        for _ in 0..<6000 { bytes.writeImmutableBuffer(FakeClient.bind("s") + FakeClient.execute()) }
        try dialect.receive(fromClient: bytes + FakeClient.sync, into: &events)
        for event in events {
            guard case .command(let command) = event else { continue }
            var analysis: SQLAnalysis?
            if let text = command.text { analysis = await Analyses.of(text) }
            #expect(dialect.assess(command, analysis: analysis).refusal == nil)
        }
        var types = ""
        for event in events {
            switch event {
            case .command(let command): types += dialect.submit(.command(command))?.types ?? "-"
            case .carry(let bytes, let id): types += dialect.submit(.carry(bytes, of: id))?.types ?? "-"
            default: Issue.record("an event of another kind")
            }
        }
        #expect(types == "P" + String(repeating: "BE", count: 6000) + "S")
    }
}
