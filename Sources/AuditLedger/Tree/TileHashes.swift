/// Hashes of a tree of a fixed size, put together from its tiles. Each tile is asked for once.
struct TileHashes {
    private let shape: TreeShape
    private let source: (TileCoordinate) throws -> HashTile
    private var tiles: [TileCoordinate: HashTile] = [:]

    init(size: UInt64, source: @escaping (TileCoordinate) throws -> HashTile) throws {
        guard size <= TreeHead.maximumSize else { throw LedgerFormatError("tree", "size past 2^63 - 1") }
        shape = TreeShape(size: size)
        self.source = source
    }

    /// The root over the entries of a range that starts at a multiple of the largest power of two below its length:
    /// complete subtrees, largest first.
    mutating func root(_ range: Range<UInt64>) throws -> TreeHash {
        var parts: [TreeHash] = []
        var position = range.lowerBound
        while position < range.upperBound {
            let height = 63 - (range.upperBound - position).leadingZeroBitCount
            parts.append(try subtree(height: height, index: position >> UInt64(height)))
            position += 1 << UInt64(height)
        }
        guard var hash = parts.popLast() else { return MerkleTree.emptyRoot }
        while let left = parts.popLast() { hash = MerkleTree.node(left, hash) }
        return hash
    }

    private mutating func subtree(height: Int, index: UInt64) throws -> TreeHash {
        let level = height / 8
        let first = index << UInt64(height % 8)
        guard let coordinate = shape.tile(level: level, holding: first) else {
            throw LedgerFormatError("tree", "no subtree of height \(height) at \(index)")
        }
        let position = Int(first & 255)
        let tile = try read(coordinate)
        guard position + 1 << (height % 8) <= tile.width else { throw LedgerFormatError("tile", "wrong width") }
        return tile.subtreeRoot(at: position, height: height % 8)
    }

    private mutating func read(_ coordinate: TileCoordinate) throws -> HashTile {
        if let known = tiles[coordinate] { return known }
        let tile = try source(coordinate)
        guard tile.width == coordinate.width else { throw LedgerFormatError("tile", "wrong width") }
        tiles[coordinate] = tile
        return tile
    }

    /// The largest power of two below `count`, which is at least 2: where RFC 6962 splits a tree.
    static func split(_ count: UInt64) -> UInt64 {
        1 << UInt64(63 - (count - 1).leadingZeroBitCount)
    }
}
