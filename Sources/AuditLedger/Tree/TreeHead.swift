/// A state of a log: how many entries it has, and the root over them.
package struct TreeHead: Hashable, Sendable {
    /// The largest size handled: 2^63 - 1, as everywhere where sizes are also signed numbers.
    package static let maximumSize = UInt64(Int64.max)

    package static let empty = TreeHead(size: 0, root: MerkleTree.emptyRoot)

    package var size: UInt64
    package var root: TreeHash

    package init(size: UInt64, root: TreeHash) {
        self.size = size
        self.root = root
    }
}
