/// A proof that an entry is in a tree: the audit path of RFC 6962, section 2.1.1.
package struct InclusionProof: Hashable, Sendable {
    package let index: UInt64
    package let size: UInt64
    /// Lowest first.
    package let hashes: [TreeHash]

    package init(index: UInt64, size: UInt64, hashes: [TreeHash]) {
        self.index = index
        self.size = size
        self.hashes = hashes
    }

    /// Makes the proof from the tiles of a tree of `size` entries. Throws `ProofFailure.indexOutsideTree`, what `source`
    /// throws, or a `LedgerFormatError` for a tile of the wrong width.
    package init(
        index: UInt64, size: UInt64, from source: @escaping (TileCoordinate) throws -> HashTile
    ) throws {
        guard index < size else { throw ProofFailure.indexOutsideTree }
        var tree = try TileHashes(size: size, source: source)
        var path: [TreeHash] = []
        var low: UInt64 = 0
        var high = size
        while high - low > 1 {
            let middle = low + TileHashes.split(high - low)
            if index < middle {
                path.append(try tree.root(middle..<high))
                high = middle
            } else {
                path.append(try tree.root(low..<middle))
                low = middle
            }
        }
        self.init(index: index, size: size, hashes: path.reversed())
    }

    /// Throws unless `leaf` stands at `index` of the tree with this root (RFC 9162, section 2.1.3.2).
    package func verify(leaf: TreeHash, root: TreeHash) throws(ProofFailure) {
        guard try Self.root(index: index, size: size, leaf: leaf, hashes: hashes) == root else { throw .rootMismatch }
    }

    /// The root that the path leads to from `leaf`.
    package static func root(
        index: UInt64, size: UInt64, leaf: TreeHash, hashes: [TreeHash]
    ) throws(ProofFailure) -> TreeHash {
        guard index < size else { throw .indexOutsideTree }
        var node = index
        var last = size - 1
        var root = leaf
        for hash in hashes {
            guard last > 0 else { throw .wrongLength }
            if node & 1 == 1 || node == last {
                root = MerkleTree.node(hash, root)
                // A node at the right edge without a sibling: up to where it has one.
                while node & 1 == 0, node != 0 {
                    node >>= 1
                    last >>= 1
                }
            } else {
                root = MerkleTree.node(root, hash)
            }
            node >>= 1
            last >>= 1
        }
        guard last == 0 else { throw .wrongLength }
        return root
    }
}
