/// The right edge of a tree: the roots of the complete subtrees that make it up, largest first. It is all that appending and
/// the root need: 63 hashes at most.
package struct TreeEdge: Sendable, Hashable {
    package private(set) var size: UInt64 = 0
    private var frontier: [TreeHash] = []

    package init() {}

    /// The edge of a tree of `size` entries, read from the partial tiles of its right edge and from nothing else.
    ///
    /// Throws what `source` throws, and a `LedgerFormatError` for a tile of the wrong width or a size past
    /// `TreeHead.maximumSize`. Whether the tiles are the right ones shows when `root` is compared with a checkpoint.
    package init(size: UInt64, from source: (TileCoordinate) throws -> HashTile) throws {
        guard size <= TreeHead.maximumSize else { throw LedgerFormatError("tree", "size past 2^63 - 1") }
        for coordinate in TreeShape(size: size).rightEdge.reversed() {
            let tile = try source(coordinate)
            guard tile.width == coordinate.width else { throw LedgerFormatError("tile", "wrong width") }
            var position = 0
            for height in stride(from: 7, through: 0, by: -1) where coordinate.width >> height & 1 == 1 {
                frontier.append(tile.subtreeRoot(at: position, height: height))
                position += 1 << height
            }
        }
        self.size = size
    }

    package mutating func append(_ leaf: TreeHash) {
        append(leaf) { _, _ in }
    }

    /// Appends a leaf hash; `completed` hears the height and root of each subtree above the leaf that this one completes,
    /// lowest first.
    @inline(__always)
    mutating func append(_ leaf: TreeHash, completed: (_ height: Int, _ root: TreeHash) -> Void) {
        var hash = leaf
        var height = 0
        var rest = size
        while rest & 1 == 1, let left = frontier.popLast() {
            hash = MerkleTree.node(left, hash)
            height += 1
            rest >>= 1
            completed(height, hash)
        }
        frontier.append(hash)
        // No log reaches 2^63 entries.
        size &+= 1
    }

    package var root: TreeHash {
        guard var hash = frontier.last else { return MerkleTree.emptyRoot }
        for left in frontier.dropLast().reversed() { hash = MerkleTree.node(left, hash) }
        return hash
    }

    package var head: TreeHead { TreeHead(size: size, root: root) }
}
