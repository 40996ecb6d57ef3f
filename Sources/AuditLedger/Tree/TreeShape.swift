/// Which tiles a tree of a given size has (C2SP tlog-tiles, "Merkle Tree" and "Partial Tiles").
package struct TreeShape: Hashable, Sendable {
    package let size: UInt64

    package init(size: UInt64) {
        self.size = size
    }

    /// Levels that hold at least one hash: 0 for the empty tree, 8 at most.
    package var levels: Int { (64 - size.leadingZeroBitCount + 7) / 8 }

    /// Hashes at a level of the tree: complete subtrees of 256^level entries.
    package func hashes(at level: Int) -> UInt64 {
        level < 8 ? size >> UInt64(8 * level) : 0
    }

    func count(of kind: TileCoordinate.Kind) -> UInt64 {
        switch kind {
        case .hashes(let level): hashes(at: level)
        case .entries: size
        }
    }

    package func fullTiles(at level: Int) -> UInt64 { hashes(at: level) >> 8 }

    /// Hashes in the level's partial tile; 0 when it has none.
    package func partialWidth(at level: Int) -> Int { Int(hashes(at: level) & 255) }

    /// The partial tiles, lowest level first.
    package var rightEdge: [TileCoordinate] {
        (0..<levels).compactMap { level in
            let width = partialWidth(at: level)
            guard width > 0 else { return nil }
            return TileCoordinate(valid: .hashes(level: level), index: fullTiles(at: level), width: width)
        }
    }

    /// The tile, as wide as this tree has it, that holds the hash at `position` of `level`; nil when there is none.
    package func tile(level: Int, holding position: UInt64) -> TileCoordinate? {
        tile(.hashes(level: level), holding: position)
    }

    /// The bundle, as wide as this tree has it, with the entry at `position`; nil when there is none.
    package func bundle(holding position: UInt64) -> TileCoordinate? {
        tile(.entries, holding: position)
    }

    private func tile(_ kind: TileCoordinate.Kind, holding position: UInt64) -> TileCoordinate? {
        let count = count(of: kind)
        guard position < count else { return nil }
        let index = position >> 8
        return TileCoordinate(valid: kind, index: index, width: index < count >> 8 ? 256 : Int(count & 255))
    }

    /// All tiles of hashes, full and partial, level by level. Made one at a time.
    package var tiles: some Sequence<TileCoordinate> { tiles(changedSince: 0) }

    /// The tiles of hashes that this tree has and a tree of `old` entries, a start of it, has not or has narrower.
    package func tiles(changedSince old: UInt64) -> some Sequence<TileCoordinate> {
        (0..<levels).lazy.flatMap { level in changed(.hashes(level: level), since: old) }
    }

    /// The entry bundles, in the same sense.
    package func bundles(changedSince old: UInt64) -> some Sequence<TileCoordinate> {
        changed(.entries, since: old)
    }

    private func changed(_ kind: TileCoordinate.Kind, since old: UInt64) -> some Sequence<TileCoordinate> {
        let before = TreeShape(size: old).count(of: kind)
        let after = count(of: kind)
        let none = after <= before
        let first = none ? 0 : before >> 8
        let last = none ? 0 : (after - 1) >> 8 + 1
        return (first..<last).lazy.map { index in
            TileCoordinate(valid: kind, index: index, width: index < after >> 8 ? 256 : Int(after & 255))
        }
    }
}
