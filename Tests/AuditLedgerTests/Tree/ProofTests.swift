import AuditLedger
import Testing

@Suite("Proofs")
struct ProofTests {
    static let limit = 130
    static let all = leaves(limit)
    static let tiles = ScratchTiles(all)
    static let roots = (0...limit).map { NaiveTree.root(all.prefix($0)) }
    static let stranger = MerkleTree.leafHash(Array("stranger".utf8))

    @Test("Every inclusion proof up to 130 entries is the one of RFC 6962 and verifies")
    func inclusion() throws {
        for size in 1...Self.limit {
            for index in 0..<size {
                let proof = try InclusionProof(index: UInt64(index), size: UInt64(size)) { try Self.tiles.tile($0) }
                #expect(proof.hashes == NaiveTree.path(index, Self.all.prefix(size)))
                try proof.verify(leaf: Self.all[index], root: Self.roots[size])
            }
        }
    }

    @Test("Every consistency proof up to 130 entries is the one of RFC 6962 and verifies")
    func consistency() throws {
        for new in 0...Self.limit {
            for old in 0...new {
                let proof = try ConsistencyProof(oldSize: UInt64(old), newSize: UInt64(new)) { try Self.tiles.tile($0) }
                #expect(proof.hashes == (old == 0 ? [] : NaiveTree.proof(old, Self.all.prefix(new))))
                try proof.verify(old: Self.roots[old], new: Self.roots[new])
            }
        }
    }

    @Test("Inclusion: nothing but the proof itself passes")
    func mutatedInclusion() throws {
        for size in 1...40 {
            let root = Self.roots[size]
            for index in 0..<size {
                let leaf = Self.all[index]
                let path = NaiveTree.path(index, Self.all.prefix(size))
                for (what, wrong) in Self.mutations(of: path, foreign: [Self.stranger, root]) {
                    #expect(throws: ProofFailure.self, "\(what), \(index) of \(size)") {
                        try InclusionProof(index: UInt64(index), size: UInt64(size), hashes: wrong)
                            .verify(leaf: leaf, root: root)
                    }
                }
                let proof = InclusionProof(index: UInt64(index), size: UInt64(size), hashes: path)
                #expect(throws: ProofFailure.rootMismatch) { try proof.verify(leaf: Self.stranger, root: root) }
                #expect(throws: ProofFailure.rootMismatch) { try proof.verify(leaf: leaf, root: Self.stranger) }
                for other in 0..<(size + 2) where other != index {
                    #expect(throws: ProofFailure.self, "as \(other), \(index) of \(size)") {
                        try InclusionProof(index: UInt64(other), size: UInt64(size), hashes: path)
                            .verify(leaf: leaf, root: root)
                    }
                }
                for otherSize in [0, size * 2 + 1, size / 2] {
                    #expect(throws: ProofFailure.self, "in \(otherSize), \(index) of \(size)") {
                        try InclusionProof(index: UInt64(index), size: UInt64(otherSize), hashes: path)
                            .verify(leaf: leaf, root: root)
                    }
                }
            }
        }
    }

    @Test("Consistency: nothing but the proof itself passes")
    func mutatedConsistency() throws {
        for new in 1...40 {
            for old in 1...new {
                let path = NaiveTree.proof(old, Self.all.prefix(new))
                let before = Self.roots[old]
                let after = Self.roots[new]
                for (what, wrong) in Self.mutations(of: path, foreign: [Self.stranger, before, after]) {
                    #expect(throws: ProofFailure.self, "\(what), \(old) to \(new)") {
                        try ConsistencyProof(oldSize: UInt64(old), newSize: UInt64(new), hashes: wrong)
                            .verify(old: before, new: after)
                    }
                }
                let proof = ConsistencyProof(oldSize: UInt64(old), newSize: UInt64(new), hashes: path)
                #expect(throws: ProofFailure.rootMismatch) { try proof.verify(old: Self.stranger, new: after) }
                #expect(throws: ProofFailure.rootMismatch) { try proof.verify(old: before, new: Self.stranger) }
                if old < new {
                    #expect(throws: ProofFailure.rootMismatch) { try proof.verify(old: after, new: before) }
                    #expect(throws: ProofFailure.sizesReversed) {
                        try ConsistencyProof(oldSize: UInt64(new), newSize: UInt64(old), hashes: path)
                            .verify(old: after, new: before)
                    }
                    for other in 1..<new where other != old {
                        #expect(throws: ProofFailure.self, "from \(other), \(old) to \(new)") {
                            try ConsistencyProof(oldSize: UInt64(other), newSize: UInt64(new), hashes: path)
                                .verify(old: before, new: after)
                        }
                    }
                }
            }
        }
    }

    @Test("A path that goes on past the claimed tree's root is refused, though it leads to the real root")
    func pastTheRoot() throws {
        // The last entry of a full tree has only left siblings, as a node at a root would seem to have.
        for height in 1...6 {
            let size = 1 << height
            let path = NaiveTree.path(size - 1, Self.all.prefix(size))
            for claimed in 0..<height {
                let index = UInt64(1 << claimed) - 1
                #expect(throws: ProofFailure.wrongLength) {
                    try InclusionProof(index: index, size: index + 1, hashes: path)
                        .verify(leaf: Self.all[size - 1], root: Self.roots[size])
                }
            }
        }
    }

    @Test("From size 0 the proof is empty and the old root is that of nothing")
    func fromNothing() throws {
        try ConsistencyProof(oldSize: 0, newSize: 0, hashes: []).verify(
            old: MerkleTree.emptyRoot, new: MerkleTree.emptyRoot)
        try ConsistencyProof(oldSize: 0, newSize: 5, hashes: []).verify(old: MerkleTree.emptyRoot, new: Self.roots[5])
        #expect(throws: ProofFailure.wrongLength) {
            try ConsistencyProof(oldSize: 0, newSize: 5, hashes: [Self.stranger])
                .verify(old: MerkleTree.emptyRoot, new: Self.roots[5])
        }
        #expect(throws: ProofFailure.rootMismatch) {
            try ConsistencyProof(oldSize: 0, newSize: 5, hashes: []).verify(old: Self.stranger, new: Self.roots[5])
        }
        #expect(throws: ProofFailure.rootMismatch) {
            try ConsistencyProof(oldSize: 0, newSize: 0, hashes: [])
                .verify(old: MerkleTree.emptyRoot, new: Self.stranger)
        }
    }

    @Test("Sizes up to 2^64 - 1 and proofs of any length are refused without a trap")
    func huge() {
        let edges: [UInt64] = [
            0, 1, 2, 255, 256, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, .max - 1, .max,
        ]
        for first in edges {
            for second in edges {
                for count in [0, 1, 2, 31, 62, 63, 64, 65, 500] {
                    let path = [TreeHash](repeating: Self.stranger, count: count)
                    #expect(throws: ProofFailure.self) {
                        try InclusionProof(index: first, size: second, hashes: path)
                            .verify(leaf: Self.all[0], root: Self.all[1])
                    }
                    #expect(throws: ProofFailure.self) {
                        try ConsistencyProof(oldSize: first, newSize: second, hashes: path)
                            .verify(old: Self.all[0], new: Self.all[1])
                    }
                }
                #expect(throws: (any Error).self) {
                    try InclusionProof(index: first, size: second) { _ in throw ScratchTiles.Missing() }
                        .verify(leaf: Self.all[0], root: Self.all[1])
                }
                if first > 0, first != second {
                    #expect(throws: (any Error).self) {
                        try ConsistencyProof(oldSize: first, newSize: second) { _ in throw ScratchTiles.Missing() }
                    }
                }
            }
        }
    }

    @Test("A source that gives a tile of another width is not believed")
    func wrongTile() throws {
        let short = try HashTile(Array(Self.all.prefix(3)))
        #expect(throws: LedgerFormatError.self) { try InclusionProof(index: 7, size: 100) { _ in short } }
        #expect(throws: LedgerFormatError.self) { try ConsistencyProof(oldSize: 7, newSize: 100) { _ in short } }
        #expect(throws: LedgerFormatError.self) { try TreeEdge(size: 100) { _ in short } }
    }

    @Test("Proofs across tiles, at random places of a tree of 140,000 entries")
    func acrossTiles() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed of acrossTiles: \(seed)")
        var generator = SeededGenerator(seed)
        let large = leaves(140_000)
        let tiles = ScratchTiles(large)
        let corners: Set<Int> = [1, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_792, 131_072, 140_000]
        let sizes = corners.union((0..<60).map { _ in Int.random(in: 1...large.count, using: &generator) })
        var roots: [Int: TreeHash] = [:]
        var edge = TreeEdge()
        for leaf in large {
            edge.append(leaf)
            if sizes.contains(Int(edge.size)) { roots[Int(edge.size)] = edge.root }
        }
        #expect(roots[140_000] == NaiveTree.root(large[...]))
        for (size, root) in roots {
            #expect(try TreeEdge(size: UInt64(size)) { try tiles.tile($0) }.root == root)
            for _ in 0..<5 {
                let index = Int.random(in: 0..<size, using: &generator)
                let proof = try InclusionProof(index: UInt64(index), size: UInt64(size)) { try tiles.tile($0) }
                try proof.verify(leaf: large[index], root: root)
            }
            for (old, oldRoot) in roots where old <= size {
                let proof = try ConsistencyProof(oldSize: UInt64(old), newSize: UInt64(size)) { try tiles.tile($0) }
                try proof.verify(old: oldRoot, new: root)
            }
        }
    }

    /// Each way a list of hashes can be off by one thing.
    static func mutations(of path: [TreeHash], foreign: [TreeHash]) -> [(String, [TreeHash])] {
        var wrong: [(String, [TreeHash])] = []
        for place in path.indices {
            var flipped = path[place].bytes
            flipped[place % 32] ^= 1 << UInt8(place % 8)
            var copy = path
            copy[place] = TreeHash(flipped)!
            wrong.append(("bit of hash \(place)", copy))
            copy = path
            copy.remove(at: place)
            wrong.append(("without hash \(place)", copy))
            if place > 0, path[place] != path[place - 1] {
                copy = path
                copy.swapAt(place, place - 1)
                wrong.append(("hashes \(place - 1) and \(place) swapped", copy))
            }
        }
        for hash in foreign {
            for place in 0...path.count {
                var copy = path
                copy.insert(hash, at: place)
                wrong.append(("one more at \(place)", copy))
            }
        }
        return wrong
    }
}
