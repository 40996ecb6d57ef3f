import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Testing

/// The check of a ledger alone: what it accepts, and that it names the first bad thing of all else.
@Suite struct LedgerCheckTests {
    private static let key = Curve25519.Signing.PrivateKey()

    private func ledger(_ count: Int, seed: UInt64 = 7) throws -> TestLedger {
        var ledger = try TestLedger(SimulatedStorage(), key: Self.key)
        var source = LeafSource(seed: seed)
        for _ in 0..<count { try ledger.append(source.next()) }
        try ledger.publish()
        return ledger
    }

    /// What the check says of a ledger; nil when it accepts it.
    private func problem(
        _ ledger: TestLedger, since: [UInt8]? = nil, witnesses: [NoteVerifierKey] = []
    ) throws -> LedgerProblem? {
        var check = ledger.check
        check.since = since
        check.witnesses = witnesses
        do {
            _ = try check.run()
            return nil
        } catch let problem as LedgerProblem {
            return problem
        }
    }

    @Test(arguments: [0, 1, 2, 255, 256, 257, 600, 70_000]) func wholeLedgersAreAccepted(count: Int) throws {
        let ledger = try ledger(count)
        let summary = try ledger.check.run()
        #expect(summary.size == UInt64(count))
        #expect(summary.root == ledger.tree.root.base64)
        var alone = ledger.check
        alone.workers = 1
        #expect(try alone.run() == summary)
    }

    /// Every byte of every file of a small ledger, each flipped by itself.
    @Test func noByteCanBeFlipped() throws {
        let ledger = try ledger(12)
        var flips = 0
        for name in try ledger.files() {
            let whole = try ledger.get(name)
            for place in whole.indices {
                var bytes = whole
                bytes[place] ^= 1 << UInt8(place % 8)
                try ledger.put(bytes, name)
                flips += 1
                if try problem(ledger) == nil { Issue.record("byte \(place) of \(name) was flipped unseen") }
            }
            try ledger.put(whole, name)
        }
        #expect(flips > 5000)
        #expect(try problem(ledger) == nil)
    }

    @Test func noFileCanBeLeftOutOrCut() throws {
        let ledger = try ledger(600)
        for name in try ledger.files() {
            let whole = try ledger.get(name)
            try ledger.storage.remove("ledger/" + name)
            #expect(try problem(ledger)?.file == "ledger/" + name, "\(name) removed")
            for length in [0, whole.count / 2, whole.count - 1] {
                try ledger.put(Array(whole.prefix(length)), name)
                #expect(try problem(ledger) != nil, "\(name) cut to \(length)")
            }
            try ledger.put(whole + [0], name)
            #expect(try problem(ledger) != nil, "\(name) with a byte more")
            try ledger.put(whole, name)
        }
        try ledger.put([1], "tile/0/readme")
        #expect(try problem(ledger)?.kind == .file)
    }

    /// Each act on the entries, done clumsily (tiles left as they were) and well (tiles made to fit).
    @Test(arguments: ["delete", "reorder", "append", "cut", "change"], [false, true])
    func noEntryCanBeTouched(act: String, fitsTiles: Bool) throws {
        var source = LeafSource(seed: 7)
        let leaves = (0..<600).map { _ in source.next() }
        let whole = try ledger(600)
        var touched = leaves
        switch act {
        case "delete": touched.remove(at: 300)
        case "reorder": touched.swapAt(300, 301)
        case "append": touched.append(source.next())
        case "cut": touched.removeLast()
        default: touched[300] = touched[299]
        }
        var other = try TestLedger(SimulatedStorage(), key: Self.key)
        for leaf in touched { try other.append(leaf) }
        try other.write()
        if !fitsTiles {
            for name in try whole.files() where !name.hasPrefix("tile/entries") { try other.put(whole.get(name), name) }
        }
        try other.put(whole.get("checkpoint"), "checkpoint")
        #expect(try problem(other) != nil)
    }

    @Test func aTileOfAnotherLogIsFound() throws {
        let ledger = try ledger(600)
        let other = try self.ledger(600, seed: 8)
        for name in try ledger.files() where name != "checkpoint" {
            let own = try ledger.get(name)
            try ledger.put(other.get(name), name)
            #expect(try problem(ledger)?.file != nil, "\(name)")
            try ledger.put(own, name)
        }
    }

    @Test func aCheckpointOfAnotherKeyIsRefused() throws {
        let ledger = try ledger(300)
        let thief = try NoteSigner(name: TestLedger.origin, privateKey: Curve25519.Signing.PrivateKey())
        try ledger.put(ledger.note(signer: thief), "checkpoint")
        #expect(try problem(ledger)?.kind == .checkpoint)
        // Beside the true signature a stranger's changes nothing.
        let text = try SignedNote(ledger.note()).text
        let both = try SignedNote(text: text, signatures: [thief.sign(text), ledger.signer.sign(text)])
        try ledger.put(both.bytes, "checkpoint")
        #expect(try problem(ledger) == nil)
    }

    @Test func aKnownWitnessMustHaveSignedTruly() throws {
        let ledger = try ledger(300)
        let witness = try Cosigner(name: "witness.example", privateKey: Curve25519.Signing.PrivateKey())
        let text = try SignedNote(ledger.note()).text
        let cosignature = try witness.sign(text, time: 1_700_000_000)
        try ledger.put(
            SignedNote(text: text, signatures: [ledger.signer.sign(text), cosignature]).bytes, "checkpoint")
        var check = ledger.check
        check.witnesses = [witness.verifierKey]
        #expect(try check.run().witnesses == ["witness.example"])
        var false1 = cosignature.line
        let place = false1.count - 10
        false1[place] = false1[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        try ledger.put(
            text + [UInt8(ascii: "\n")] + ledger.signer.sign(text).line + false1, "checkpoint")
        #expect(try problem(ledger, witnesses: [witness.verifierKey])?.kind == .checkpoint)
    }

    @Test func yesterdaysCopyIsSeenWithTheCheckpointSeenLast() throws {
        let yesterday = try ledger(300)
        let today = try ledger(700)
        #expect(try problem(today, since: yesterday.note()) == nil)
        #expect(try problem(yesterday, since: today.note())?.kind == .since)
        #expect(try problem(ledger(700, seed: 8), since: yesterday.note())?.kind == .since)
        #expect(try problem(today, since: Array("nonsense".utf8))?.kind == .since)
        #expect(try today.check.run().since == nil)
    }

    @Test func narrowerPartialTilesAreCheckedToo() throws {
        var ledger = try TestLedger(SimulatedStorage(), key: Self.key)
        var source = LeafSource(seed: 7)
        for _ in 0..<270 { try ledger.append(source.next()) }
        try ledger.publish()
        for _ in 0..<300 { try ledger.append(source.next()) }
        try ledger.publish()
        #expect(try problem(ledger) == nil)
        for name in ["tile/0/001.p/14", "tile/entries/001.p/14", "tile/1/000.p/1"] {
            var bytes = try ledger.get(name)
            bytes[bytes.count / 2] ^= 1
            try ledger.put(bytes, name)
            #expect(try problem(ledger)?.file == "ledger/" + name)
            bytes[bytes.count / 2] ^= 1
            try ledger.put(bytes, name)
        }
        // Ahead of the checkpoint there may be files only while a gateway writes.
        try ledger.append(source.next())
        try ledger.write()
        #expect(try problem(ledger)?.kind == .file)
        var live = ledger.check
        live.isLive = true
        #expect(try live.run().size == 570)
    }

    @Test func sequencesHaveNoGapsAndLeavesAreStrict() throws {
        var source = LeafSource(seed: 7, open: 1)
        let leaves = (0..<12).map { _ in source.next() }
        func problem(_ leaves: [[UInt8]]) throws -> LedgerProblem? {
            var ledger = try TestLedger(SimulatedStorage(), key: Self.key)
            for leaf in leaves { try ledger.append(leaf) }
            try ledger.publish()
            return try self.problem(ledger)
        }
        #expect(try problem(leaves) == nil)
        let gap = try problem(Array(leaves[..<4] + leaves[5...]))
        #expect(gap?.kind == .sequence && gap?.index == 4 && gap?.session != nil)
        let twice = try problem(Array(leaves[..<4] + leaves[3...]))
        #expect(twice?.kind == .sequence && twice?.index == 4)
        for bad in [[], Array("{}".utf8), leaves[4] + [0x20], Array("[".utf8)] {
            let found = try problem(Array(leaves[..<4]) + [bad])
            #expect(found?.kind == .entry && found?.index == 4)
        }
    }

    @Test func aCheckCanBeEnded() throws {
        struct Enough: Error {}
        let ledger = try ledger(600)
        #expect(throws: Enough.self) { _ = try ledger.check.run { _ in throw Enough() } }
    }
}
