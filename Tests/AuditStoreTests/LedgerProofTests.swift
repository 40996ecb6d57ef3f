import AuditLedger
import AuditStore
import Crypto
import Foundation
import GatewayCore
import Testing

@Suite struct LedgerProofTests {
    private func ledger(_ leaves: [[UInt8]]) throws -> TestLedger {
        var ledger = try TestLedger(SimulatedStorage())
        for leaf in leaves { try ledger.append(leaf) }
        try ledger.publish()
        return ledger
    }

    private func leaves(_ count: Int) -> [[UInt8]] {
        var source = LeafSource(seed: 3)
        return (0..<count).map { _ in source.next() }
    }

    @Test func everyEntryHasItsProof() throws {
        let leaves = leaves(700)
        let ledger = try ledger(leaves)
        let proofs = LedgerProofs(LedgerFolder(storage: ledger.storage))
        let published = try proofs.published()
        for (index, leaf) in leaves.enumerated() {
            #expect(try proofs.entry(UInt64(index), under: published) == leaf)
            let proof = try proofs.inclusion(of: UInt64(index), under: published)
            #expect(try proof.verify(entry: leaf, key: ledger.key).head == ledger.tree.head)
        }
        #expect(throws: GatewayError.self) { try proofs.entry(700, under: published) }
        #expect(throws: GatewayError.self) { try proofs.inclusion(of: 700, under: published) }
    }

    @Test func anyTwoSizesAreLinked() throws {
        let leaves = leaves(700)
        let ledger = try ledger(leaves)
        let proofs = LedgerProofs(LedgerFolder(storage: ledger.storage))
        let published = try proofs.published()
        let hashes = leaves.map { MerkleTree.leafHash($0) }
        for (old, new) in [(0, 0), (0, 700), (1, 2), (255, 256), (256, 700), (257, 600), (300, 300), (699, 700)] {
            let found = try proofs.consistency(from: UInt64(old), to: UInt64(new), under: published)
            #expect(found.old == MerkleTree.root(of: hashes[..<old]))
            #expect(found.new == MerkleTree.root(of: hashes[..<new]))
            try found.proof.verify(old: found.old, new: found.new)
        }
        #expect(throws: GatewayError.self) { try proofs.consistency(from: 1, to: 701, under: published) }
        #expect(throws: ProofFailure.self) { try proofs.consistency(from: 3, to: 2, under: published) }
    }

    @Test func nothingIsProvedBeforeACheckpoint() throws {
        let ledger = try TestLedger(SimulatedStorage())
        #expect(throws: GatewayError.self) {
            try LedgerProofs(LedgerFolder(storage: ledger.storage)).published()
        }
    }

    /// In order, out of order by a few, and after the clock was set back by an hour.
    @Test(arguments: [0, 5, 600]) func entriesAreFoundByTheirIDs(disorder: Int) throws {
        var leaves = leaves(1500)
        if disorder == 600 {
            leaves = Array(leaves[600...]) + Array(leaves[..<600])
        } else if disorder > 0 {
            for place in stride(from: 0, to: leaves.count - disorder, by: disorder + 1) {
                leaves.swapAt(place, place + disorder)
            }
        }
        let ledger = try ledger(leaves)
        let folder = LedgerFolder(storage: ledger.storage)
        var finder = EntryFinder(folder, size: 1500)
        for index in stride(from: 0, to: leaves.count, by: 7) {
            let id = try #require(try Leaf(leaves[index]).id)
            #expect(try finder.index(of: id) == UInt64(index))
        }
        #expect(try finder.index(of: RecordID(high: 0, low: 0)) == nil)
        #expect(try finder.index(of: RecordID(high: .max, low: .max), reach: 1) == nil)
        // A session's id names no entry, though it stands in many.
        let session = try #require(try Leaf(leaves[0]).session)
        #expect(try finder.index(of: session) == nil)
        var empty = EntryFinder(folder, size: 0)
        #expect(try empty.index(of: session) == nil)
    }
}
