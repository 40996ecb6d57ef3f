import AuditLedger
import Testing

@Suite("Cosignatures are collected")
struct CosignatureCollectorTests {
    private static let origin = "gw-1.example.com/k7"

    private static func note(_ size: Int) throws -> SignedNote {
        let head = TreeHead(size: UInt64(size), root: NaiveTree.root(leaves(size)[...]))
        return try NoteSigner(name: origin, privateKey: key(1)).note(Checkpoint(origin: origin, head: head).text)
    }

    private static let witnesses = (0..<3).compactMap {
        try? Cosigner(name: "witness.example.com/w\($0)", privateKey: key(UInt8(10 + $0)))
    }

    private static func sign(_ note: SignedNote, _ witness: Int) throws -> [UInt8] {
        try witnesses[witness].sign(note.text, time: 1_790_000_000).line
    }

    private static func signers(_ note: SignedNote?) -> Int? {
        note.flatMap { try? $0.verify(witnesses.map(\.verifierKey)).count } ?? note.map { _ in 0 }
    }

    private func collector(_ required: Int) -> CosignatureCollector {
        CosignatureCollector(keys: Self.witnesses.map(\.verifierKey), required: required)
    }

    @Test("Nothing required: published at once, cosignatures are added as they come")
    func none() throws {
        var all = collector(0)
        let one = try Self.note(1)
        #expect(try all.offer(one, at: 5) == one)
        #expect(all.waitingSince == 5)
        let asked = try #require(all.next(for: 2))
        let published = try all.add(Self.sign(one, 2), from: 2, to: asked)
        #expect(Self.signers(published) == 1)
        #expect(all.waitingSince == nil)
        #expect(all.next(for: 2) == nil && all.next(for: 0) != nil)
        let last = try all.add(Self.sign(one, 0), from: 0, to: try #require(all.next(for: 0)))
        #expect(Self.signers(last) == 2)
    }

    @Test("Two required: published when the second has signed, not before, and never without")
    func two() throws {
        var all = collector(2)
        let (one, two, three) = (try Self.note(1), try Self.note(2), try Self.note(3))
        #expect(try all.offer(one, at: 1) == nil)
        #expect(try all.offer(two, at: 2) == nil)
        #expect(try all.offer(three, at: 3) == nil)
        // The first stays the candidate, so that all sign the same.
        for place in 0..<3 { #expect(all.next(for: place)?.bare == one) }
        let (first, second) = (try #require(all.next(for: 0)), try #require(all.next(for: 1)))
        #expect(try all.add(Self.sign(one, 0), from: 0, to: first) == nil)
        #expect(all.published == nil && all.next(for: 0) == nil)
        #expect(all.waitingSince == 1)
        let late = try #require(all.next(for: 2))
        let published = try all.add(Self.sign(one, 1), from: 1, to: second)
        #expect(published?.text == one.text && Self.signers(published) == 2)
        // Now the newest, waiting since the one that was passed over.
        #expect(all.next(for: 0)?.bare == three && all.waitingSince == 2)
        // A straggler still counts for the one that it signed.
        let later = try all.add(Self.sign(one, 2), from: 2, to: late)
        #expect(later?.text == one.text && Self.signers(later) == 3)
        #expect(all.next(for: 2)?.bare == three)
    }

    @Test("Wrong answers count for nothing")
    func wrong() throws {
        var all = collector(1)
        let (one, two) = (try Self.note(1), try Self.note(2))
        _ = try all.offer(one, at: 0)
        let asked = try #require(all.next(for: 0))
        for lines in [[], try Self.sign(two, 0), try Self.sign(one, 1), Array("— x AAAA\n".utf8), [0xFF]] {
            #expect(throws: (any Error).self) { try all.add(lines, from: 0, to: asked) }
            #expect(all.published == nil && all.next(for: 0) != nil)
        }
        // One witness twice is one.
        var pair = collector(2)
        _ = try pair.offer(one, at: 0)
        let again = try #require(pair.next(for: 0))
        #expect(try pair.add(Self.sign(one, 0), from: 0, to: again) == nil)
        #expect(try pair.add(Self.sign(one, 0), from: 0, to: again) == nil)
        #expect(pair.published == nil)
    }

    @Test("Cosignatures from before a restart count")
    func restart() throws {
        var all = collector(2)
        let one = try Self.note(1)
        let cosigned = try one.adding(lines: Self.sign(one, 0), by: Self.witnesses.map(\.verifierKey))
            .adding(lines: Self.sign(one, 2), by: Self.witnesses.map(\.verifierKey))
        #expect(try all.offer(cosigned, at: 0) == cosigned)
        #expect(all.next(for: 0) == nil && all.next(for: 1)?.bare == one)
    }

    @Test("Slow witnesses out of step still meet")
    func outOfStep() throws {
        var all = collector(2)
        var newestPublished = 0
        // One checkpoint a tick; each witness takes 7 ticks, half a turn apart.
        var busy: [Int: (until: Int, asked: CosignatureCollector.Candidate)] = [:]
        for tick in 1...60 {
            _ = try all.offer(try Self.note(tick), at: Double(tick))
            for place in [0, 1] where tick > place * 3 {
                if let work = busy[place], work.until <= tick {
                    busy[place] = nil
                    let note = try all.add(Self.sign(work.asked.bare, place), from: place, to: work.asked)
                    if let note { newestPublished = Int(try Checkpoint(text: note.text).head.size) }
                }
                if busy[place] == nil, let asked = all.next(for: place) { busy[place] = (tick + 7, asked) }
            }
        }
        #expect(newestPublished > 40)
    }
}
