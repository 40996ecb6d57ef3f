/// The hashes of one tile: 1 to 256 of consecutive subtrees of one height.
package struct HashTile: Hashable, Sendable {
    package let hashes: [TreeHash]

    /// Throws when there are no hashes or more than 256.
    package init(_ hashes: [TreeHash]) throws(LedgerFormatError) {
        guard !hashes.isEmpty, hashes.count <= TileCoordinate.fullWidth else {
            throw LedgerFormatError("tile", "it must hold 1 to 256 hashes")
        }
        self.hashes = hashes
    }

    init(valid hashes: [TreeHash]) {
        self.hashes = hashes
    }

    /// Reads a tile of `width` hashes; throws unless `bytes` are exactly that many times 32.
    package init(bytes: [UInt8], width: Int) throws(LedgerFormatError) {
        guard width >= 1, width <= TileCoordinate.fullWidth, bytes.count == width * TreeHash.length else {
            throw LedgerFormatError("tile", "\(bytes.count) bytes are not \(width) hashes")
        }
        hashes = bytes.withUnsafeBytes { source in
            [TreeHash](unsafeUninitializedCapacity: width) { target, count in
                UnsafeMutableRawBufferPointer(target).copyMemory(from: source)
                count = width
            }
        }
    }

    package var width: Int { hashes.count }

    package var bytes: [UInt8] { hashes.withUnsafeBytes { Array($0) } }

    /// The first `width` hashes: the partial tile that a smaller tree had here. Nil when there are fewer.
    package func prefix(_ width: Int) -> HashTile? {
        guard width >= 1, width <= hashes.count else { return nil }
        return HashTile(valid: Array(hashes.prefix(width)))
    }

    /// The root over all hashes of a full tile: the hash that stands for it one level up. Nil for a partial tile.
    package var root: TreeHash? {
        width == TileCoordinate.fullWidth ? subtreeRoot(at: 0, height: 8) : nil
    }

    /// The root over the 2^height hashes from `position`, which must lie in the tile.
    func subtreeRoot(at position: Int, height: Int) -> TreeHash {
        if height == 0 { return hashes[position] }
        var edge = Array(hashes[position..<(position + 1 << height)])
        var count = edge.count
        while count > 1 {
            count /= 2
            for place in 0..<count { edge[place] = MerkleTree.node(edge[2 * place], edge[2 * place + 1]) }
        }
        return edge[0]
    }
}
