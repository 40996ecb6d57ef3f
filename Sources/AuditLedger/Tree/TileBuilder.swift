/// A tile to be written, at the width it has now.
package struct TileWrite: Hashable, Sendable {
    package let coordinate: TileCoordinate
    package let tile: HashTile

    package var bytes: [UInt8] { tile.bytes }
}

/// Turns leaf hashes into tiles. It keeps the partial tiles of the right edge in memory and touches no storage: the caller
/// writes what `takeWrites` returns, syncs it, and only then signs `head`.
package struct TileBuilder: Sendable {
    private var edge = TreeEdge()
    /// The hashes of each level's partial tile.
    private var partial: [[TreeHash]] = []
    private var full: [TileWrite] = []
    /// The size that all tiles taken so far cover.
    package private(set) var takenSize: UInt64 = 0

    package init() {}

    /// Goes on where a tree of `size` entries ended, from its partial tiles.
    ///
    /// Throws as `TreeEdge.init(size:from:)` does; the caller compares `head` with its last checkpoint.
    package init(size: UInt64, from source: (TileCoordinate) throws -> HashTile) throws {
        partial = [[TreeHash]](repeating: [], count: TreeShape(size: size).levels)
        var tiles = partial
        edge = try TreeEdge(size: size) { coordinate in
            let tile = try source(coordinate)
            if case .hashes(let level) = coordinate.kind { tiles[level] = tile.hashes }
            return tile
        }
        partial = tiles
        takenSize = size
    }

    package var size: UInt64 { edge.size }
    package var root: TreeHash { edge.root }
    package var head: TreeHead { edge.head }

    package mutating func append(_ leaf: TreeHash) {
        var tops: [TreeHash] = []
        edge.append(leaf) { height, root in
            if height.isMultiple(of: 8) { tops.append(root) }
        }
        add(leaf, at: 0)
        // A subtree of 256^n entries is complete: its hash goes to the tile above.
        for (place, top) in tops.enumerated() { add(top, at: place + 1) }
    }

    /// The tiles that the leaves appended since the last call filled or widened, ready to be written in any order.
    package mutating func takeWrites() -> [TileWrite] {
        var writes = full
        full.removeAll()
        let now = TreeShape(size: size)
        let before = TreeShape(size: takenSize)
        for coordinate in now.rightEdge {
            guard case .hashes(let level) = coordinate.kind, now.hashes(at: level) > before.hashes(at: level) else {
                continue
            }
            writes.append(TileWrite(coordinate: coordinate, tile: HashTile(valid: partial[level])))
        }
        takenSize = size
        return writes
    }

    private mutating func add(_ hash: TreeHash, at level: Int) {
        if level == partial.count { partial.append([]) }
        if partial[level].isEmpty { partial[level].reserveCapacity(TileCoordinate.fullWidth) }
        partial[level].append(hash)
        guard partial[level].count == TileCoordinate.fullWidth else { return }
        let index = TreeShape(size: size).fullTiles(at: level) &- 1
        let coordinate = TileCoordinate(
            valid: .hashes(level: level), index: index, width: TileCoordinate.fullWidth)
        full.append(TileWrite(coordinate: coordinate, tile: HashTile(valid: partial[level])))
        partial[level] = []
    }
}
