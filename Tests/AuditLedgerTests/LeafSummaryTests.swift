import AuditLedger
import GatewayCore
import Testing

@Suite struct LeafSummaryTests {
    private func leaf(_ change: (inout EntryDraft) -> Void) -> [UInt8] {
        var draft = EntryDraft(.commandOutcome, exchange: 7)
        change(&draft)
        let context = SessionContext(
            session: RecordID(high: 1, low: 2),
            principal: Principal(issuer: "a\"b\\", subject: "é}]", groups: [], isPersonIssuer: false),
            connection: "{[", kind: "postgres", clientAddress: "127.0.0.1:1")
        var out = CanonicalWriter()
        let commitments = draft.content.map {
            Commitment(kind: $0.kind, salt: [UInt8](repeating: 1, count: 32), content: $0.bytes)
        }
        LeafEncoder(context).encode(
            draft, sequence: 41, id: RecordID(high: 3, low: 4), time: Timestamp(microseconds: 99),
            commitments: commitments, into: &out)
        return out.bytes
    }

    private func summary(_ bytes: [UInt8]) -> LeafSummary? { bytes.withUnsafeBytes { LeafSummary($0) } }

    private static let shapes: [@Sendable (inout EntryDraft) -> Void] = [
        { _ in },
        { $0.outcome = Outcome(kind: .error, code: "42501", rows: 12, errorText: "no") },
        { $0.content = [ContentItem(.text, "SELECT 1")] },
        { $0.reasonCode = "token_expired" },
        { $0 = EntryDraft(.sessionClose) },
        {
            $0.objects = ["a\"", "seq", "{\"seq\":5}"]
            $0.details = ["session": "x", "rows": "9", "\"": "\\\""]
            $0.measures = [Measure("judge_us", 5)]
        },
    ]

    @Test(arguments: shapes.indices) func itSaysWhatTheTreeSays(_ shape: Int) throws {
        let bytes = leaf(Self.shapes[shape])
        let tree = try Leaf(bytes)
        let found = try #require(summary(bytes))
        #expect(found.session == tree.session)
        #expect(found.sequence == tree.sequence)
        #expect(found.time == tree.time)
        #expect(found.type == tree.type)
        #expect(found.exchange == tree.exchange)
        #expect(found.hasContent == (tree["content"] != nil))
        #expect(found.outcome?.rawValue == tree["outcome"]?["kind"]?.string)
        #expect(found.rows == tree["counts"]?["rows"]?.integer)
        #expect(found.reason == tree["reason"]?.string)
    }

    @Test func noTruncationIsALeaf() {
        for shape in Self.shapes {
            let bytes = leaf(shape)
            for length in 0..<bytes.count { #expect(summary(Array(bytes.prefix(length))) == nil) }
            #expect(summary(bytes + [0x20]) == nil)
        }
    }

    @Test func hostileBytesAreReadWithinTheirBounds() {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = SeededBytes(state: seed)
        for round in 0..<20_000 {
            var bytes = leaf(Self.shapes[round % Self.shapes.count])
            for _ in 0...Int(random.next() % 4) {
                let place = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 3 {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert(Array("{}[]\",:\\1-".utf8)[Int(random.next() % 10)], at: place)
                }
            }
            let found = summary(bytes)
            // What the strict reader takes, the scan takes too, and reads alike.
            if let tree = try? Leaf(bytes), let type = tree.type,
                type.rawValue.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x22 && $0 != 0x5C })
            {
                #expect(found?.session == tree.session, "seed \(seed) round \(round)")
                #expect(found?.sequence == tree.sequence, "seed \(seed) round \(round)")
            }
        }
    }

    private struct SeededBytes: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
            return mixed ^ mixed >> 31
        }
    }
}
