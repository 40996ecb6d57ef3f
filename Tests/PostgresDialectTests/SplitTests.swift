import DataMasking
import GatewayCore
import NIOCore
import PostgresDialect
import SessionKernel
import Testing

/// Any split of the input yields the same events.
@Suite struct SplitTests {
    struct Case: CustomTestStringConvertible {
        var name: String
        var client: [ByteBuffer]
        var target: [ByteBuffer]
        var isMasked = false
        var isDenied = false
        var testDescription: String { name }
    }

    static let corpus: [Case] = [
        Case(
            name: "simple", client: [FakeClient.query("SELECT 1; SELECT 2")],
            target: [
                FakeTarget.rowDescription("a"), FakeTarget.row("1"), FakeTarget.complete("SELECT 1"),
                FakeTarget.notice("00000", "x"),
                FakeTarget.rowDescription("b"), FakeTarget.row(nil, "2"), FakeTarget.complete("SELECT 1"),
                FakeTarget.status("a", "b"), FakeTarget.ready(),
            ]),
        Case(
            name: "extended",
            client: [
                FakeClient.parse("SELECT $1", "s"), FakeClient.describe(.statement, "s"), FakeClient.bind("s", [[65]]),
                FakeClient.describe(),
                FakeClient.execute(), FakeClient.flush, FakeClient.close(.statement, "s"), FakeClient.sync,
            ],
            target: [
                FakeTarget.parseComplete,
                FakeTarget.message(BackendType.parameterDescription) { $0.writeBytes([0, 1, 0, 0, 0, 25]) },
                FakeTarget.rowDescription("a"), FakeTarget.bindComplete, FakeTarget.rowDescription("a"),
                FakeTarget.row("A"),
                FakeTarget.complete("SELECT 1"), FakeTarget.closeComplete, FakeTarget.ready(),
            ]),
        Case(
            name: "refused in a pipeline",
            client: [
                FakeClient.parse("SELECT 1"), FakeClient.bind(), FakeClient.execute(),
                FakeClient.parse("SELECT 'blocked'"), FakeClient.bind(),
                FakeClient.execute(), FakeClient.sync, FakeClient.query("SELECT 2"),
            ],
            target: [
                FakeTarget.parseComplete, FakeTarget.bindComplete, FakeTarget.row("1"), FakeTarget.complete("SELECT 1"),
                FakeTarget.error("42601", "syntax error"), FakeTarget.ready(), FakeTarget.complete("SELECT 1"),
                FakeTarget.ready(),
            ]),
        Case(
            name: "copy in",
            client: [
                FakeClient.query("COPY t FROM STDIN"), FakeClient.copyData("1\n"), FakeClient.copyData("2\n"),
                FakeClient.copyDone,
            ],
            target: [
                FakeTarget.copyResponse(BackendType.copyInResponse, columns: 1), FakeTarget.complete("COPY 2"),
                FakeTarget.ready(),
            ]),
        Case(
            name: "copy out", client: [FakeClient.query("COPY t TO STDOUT")],
            target: [
                FakeTarget.copyResponse(BackendType.copyOutResponse, columns: 1), FakeTarget.copyData("1\n".utf8),
                FakeTarget.copyData(repeatElement(65, count: 20_000)), FakeTarget.copyDone,
                FakeTarget.complete("COPY 2"), FakeTarget.ready(),
            ]),
        Case(
            name: "large rows", client: [FakeClient.query("SELECT x FROM t")],
            target: [
                FakeTarget.rowDescription("x"), FakeTarget.row(String(repeating: "y", count: 30_000)),
                FakeTarget.row("z"),
                FakeTarget.complete("SELECT 2"), FakeTarget.ready(),
            ]),
        Case(
            name: "masked",
            client: [FakeClient.parse("SELECT ssn FROM t"), FakeClient.bind(), FakeClient.execute(), FakeClient.sync],
            target: [
                FakeTarget.parseComplete, FakeTarget.bindComplete, FakeTarget.rowDescription("ssn"),
                FakeTarget.row("123"), FakeTarget.row(nil as String?),
                FakeTarget.complete("SELECT 2"), FakeTarget.ready(),
            ], isMasked: true),
        Case(
            name: "withheld query", client: [FakeClient.query("SELECT upper(ssn) FROM t")],
            target: [
                FakeTarget.rowDescription("upper"), FakeTarget.row("123"),
                FakeTarget.row(String(repeating: "y", count: 30_000)), FakeTarget.notice("00000", "x"),
                FakeTarget.complete("SELECT 2"), FakeTarget.ready(),
            ], isDenied: true),
        Case(
            name: "withheld in a pipeline",
            client: [
                FakeClient.parse("SELECT 1"), FakeClient.bind(), FakeClient.execute(),
                FakeClient.parse("SELECT upper(ssn) FROM t"), FakeClient.bind(), FakeClient.describe(),
                FakeClient.execute(), FakeClient.parse("SELECT 2"), FakeClient.bind(), FakeClient.execute(),
                FakeClient.sync, FakeClient.query("SELECT 3"),
            ],
            target: [
                FakeTarget.parseComplete, FakeTarget.bindComplete, FakeTarget.rowDescription("a"), FakeTarget.row("1"),
                FakeTarget.complete("SELECT 1"), FakeTarget.parseComplete, FakeTarget.bindComplete,
                FakeTarget.rowDescription("upper"), FakeTarget.row("123"), FakeTarget.complete("SELECT 1"),
                FakeTarget.parseComplete, FakeTarget.bindComplete, FakeTarget.rowDescription("b"), FakeTarget.row("2"),
                FakeTarget.complete("SELECT 1"), FakeTarget.ready(), FakeTarget.complete("SELECT 0"),
                FakeTarget.ready(),
            ], isDenied: true),
    ]

    /// What a run comes to, whatever the borders of its events: all bytes in order, rows, outcomes.
    struct Trace: Equatable {
        var toTarget: [UInt8]
        var toClient: [UInt8]
        var outcomes: [UInt64: Outcome]
        var refusals: [String]
    }

    private func run(_ item: Case, _ cut: (Int) -> Int) async throws -> Trace {
        let rules = item.isDenied ? [try MaskTests.rule("t.ssn", unknown: .deny)] : [try MaskTests.rule("ssn")]
        var bench = try Bench.signedIn(masks: item.isMasked || item.isDenied ? rules : [])
        for piece in pieces(item.client, cut) { try await bench.client(piece) }
        var answered = 0
        for piece in pieces(item.target, cut) {
            try bench.target(piece)
            while bench.lookups.count > answered {
                answered = bench.lookups.count
                try bench.answer(nil)
            }
        }
        #expect(bench.open.isEmpty, "\(item.name): \(bench.log)")
        return Trace(
            toTarget: bench.toTarget.bytes, toClient: bench.toClient.bytes, outcomes: bench.outcomes,
            refusals: bench.log.filter { $0.hasPrefix("substitute") || $0.hasPrefix("skip") || $0.hasPrefix("fatal") })
    }

    private func pieces(_ messages: [ByteBuffer], _ cut: (Int) -> Int) -> [ByteBuffer] {
        var all = messages.reduce(ByteBuffer(), +)
        var pieces: [ByteBuffer] = []
        while all.readableBytes > 0,
            let piece = all.readSlice(length: min(max(cut(all.readableBytes), 1), all.readableBytes))
        { pieces.append(piece) }
        return pieces
    }

    @Test(arguments: corpus) func byteByByteAndAtRandom(_ item: Case) async throws {
        let whole = try await run(item) { $0 }
        #expect(!whole.outcomes.isEmpty)
        #expect(try await run(item) { _ in 1 } == whole)
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(state: seed)
        for _ in 0..<20 {
            let trace = try await run(item) { Int.random(in: 1...min($0, 64), using: &generator) }
            #expect(trace == whole, "seed \(seed)")
        }
    }
}

struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
