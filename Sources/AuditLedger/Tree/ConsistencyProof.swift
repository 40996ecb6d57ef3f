/// A proof that a tree is a start of a larger one, so that nothing in it was changed or removed: RFC 6962, section 2.1.2.
package struct ConsistencyProof: Hashable, Sendable {
    package let oldSize: UInt64
    package let newSize: UInt64
    package let hashes: [TreeHash]

    package init(oldSize: UInt64, newSize: UInt64, hashes: [TreeHash]) {
        self.oldSize = oldSize
        self.newSize = newSize
        self.hashes = hashes
    }

    /// Makes the proof from the tiles of the larger tree. It is empty from size 0 and between equal sizes. Throws
    /// `ProofFailure.sizesReversed`, what `source` throws, or a `LedgerFormatError` for a tile of the wrong width.
    package init(
        oldSize: UInt64, newSize: UInt64, from source: @escaping (TileCoordinate) throws -> HashTile
    ) throws {
        guard oldSize <= newSize else { throw ProofFailure.sizesReversed }
        var path: [TreeHash] = []
        if oldSize > 0 {
            var tree = try TileHashes(size: newSize, source: source)
            var low: UInt64 = 0
            var high = newSize
            while high != oldSize {
                let middle = low + TileHashes.split(high - low)
                if oldSize <= middle {
                    path.append(try tree.root(middle..<high))
                    high = middle
                } else {
                    path.append(try tree.root(low..<middle))
                    low = middle
                }
            }
            // Without a turn to the right the last part is the old tree itself, whose root the reader has.
            if low > 0 { path.append(try tree.root(low..<high)) }
        }
        self.init(oldSize: oldSize, newSize: newSize, hashes: path.reversed())
    }

    /// Throws unless the tree with root `old` is a start of the tree with root `new` (RFC 9162, section 2.1.4.2).
    package func verify(old: TreeHash, new: TreeHash) throws(ProofFailure) {
        guard oldSize <= newSize else { throw .sizesReversed }
        if oldSize == newSize || oldSize == 0 {
            guard hashes.isEmpty else { throw .wrongLength }
            guard oldSize == 0 ? old == MerkleTree.emptyRoot : true, oldSize == newSize ? old == new : true else {
                throw .rootMismatch
            }
            return
        }
        var path = hashes[...]
        // The old tree is complete: its root starts the path and is not sent.
        let start = oldSize & (oldSize - 1) == 0 ? old : path.popFirst()
        guard let start, !path.isEmpty else { throw .wrongLength }
        let shift = UInt64((~(oldSize - 1)).trailingZeroBitCount)
        var node = (oldSize - 1) >> shift
        var last = (newSize - 1) >> shift
        var oldRoot = start
        var newRoot = start
        for hash in path {
            guard last > 0 else { throw .wrongLength }
            if node & 1 == 1 || node == last {
                oldRoot = MerkleTree.node(hash, oldRoot)
                newRoot = MerkleTree.node(hash, newRoot)
                while node & 1 == 0, node != 0 {
                    node >>= 1
                    last >>= 1
                }
            } else {
                newRoot = MerkleTree.node(newRoot, hash)
            }
            node >>= 1
            last >>= 1
        }
        guard last == 0 else { throw .wrongLength }
        guard oldRoot == old, newRoot == new else { throw .rootMismatch }
    }
}
