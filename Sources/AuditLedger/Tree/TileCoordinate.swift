/// Which tile or entry bundle: C2SP tlog-tiles, `tile/<L>/<N>[.p/<W>]` and `tile/entries/<N>[.p/<W>]`.
package struct TileCoordinate: Hashable, Sendable {
    /// Hashes, or entries, in a full tile.
    package static let fullWidth = 256
    package static let maximumLevel = 63
    /// Tiles past this index would hold entries past 2^64.
    static let maximumIndex = UInt64.max >> 8

    package enum Kind: Hashable, Sendable {
        /// Hashes of subtrees of 256^level entries.
        case hashes(level: Int)
        /// The entries under the level 0 tile of the same index.
        case entries
    }

    package let kind: Kind
    package let index: UInt64
    /// 1 to 256; below 256 the tile is partial.
    package let width: Int

    /// Nil when level, index or width is out of range.
    package init?(_ kind: Kind, index: UInt64, width: Int = fullWidth) {
        if case .hashes(let level) = kind, level < 0 || level > Self.maximumLevel { return nil }
        guard index <= Self.maximumIndex, width >= 1, width <= Self.fullWidth else { return nil }
        self.init(valid: kind, index: index, width: width)
    }

    init(valid kind: Kind, index: UInt64, width: Int) {
        self.kind = kind
        self.index = index
        self.width = width
    }

    package var isFull: Bool { width == Self.fullWidth }

    /// The tile at the same place, full; a reader tries it when a partial one is gone.
    package var full: TileCoordinate { TileCoordinate(valid: kind, index: index, width: Self.fullWidth) }

    /// Whether a tree of `size` entries has all that is in it: then it is final, and as wide in any larger tree's past.
    package func isCovered(byTreeOf size: UInt64) -> Bool {
        let count = TreeShape(size: size).count(of: kind)
        let place = index << 8
        // Not `place + width`: that is past 2^64 for the last index.
        return count >= place && count - place >= UInt64(width)
    }

    /// Whether a tree of `size` entries has this tile, full or as partial as it says.
    package func exists(inTreeOf size: UInt64) -> Bool {
        let count = TreeShape(size: size).count(of: kind)
        let place = index << 8
        guard count > place else { return false }
        return isFull ? count - place >= 256 : count - place == UInt64(width)
    }
}

extension TileCoordinate {
    /// The resource's path, such as `tile/0/x001/x234/067.p/8`.
    package var path: String {
        var groups: [String] = []
        var rest = index
        repeat {
            let (quotient, digits) = rest.quotientAndRemainder(dividingBy: 1000)
            let text = String(digits)
            groups.append((groups.isEmpty ? "" : "x") + String(repeating: "0", count: 3 - text.count) + text)
            rest = quotient
        } while rest > 0
        let folder =
            switch kind {
            case .hashes(let level): "tile/\(level)/"
            case .entries: "tile/entries/"
            }
        return folder + groups.reversed().joined(separator: "/") + (isFull ? "" : ".p/\(width)")
    }

    /// Reads a path in its one canonical spelling; nil for any other text.
    package init?(path: String) {
        // The longest path: tile/entries/, six groups, .p/255: 47 bytes.
        guard path.utf8.count <= 48 else { return nil }
        var parts = Array(path.utf8).split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)[...]
        guard parts.count >= 3, parts.removeFirst().elementsEqual("tile".utf8) else { return nil }
        let name = parts.removeFirst()
        let kind: Kind
        if name.elementsEqual("entries".utf8) {
            kind = .entries
        } else {
            guard let level = StrictDecimal.parse(name), level <= UInt64(Self.maximumLevel) else { return nil }
            kind = .hashes(level: Int(level))
        }
        var width = Self.fullWidth
        if parts.count >= 2, parts[parts.endIndex - 2].suffix(2).elementsEqual(".p".utf8) {
            guard let value = StrictDecimal.parse(parts.removeLast()), value >= 1, value < UInt64(Self.fullWidth) else {
                return nil
            }
            width = Int(value)
            parts.append(parts.removeLast().dropLast(2))
        }
        guard let index = Self.index(parts) else { return nil }
        self.init(kind, index: index, width: width)
    }

    private static func index(_ groups: ArraySlice<ArraySlice<UInt8>>) -> UInt64? {
        guard groups.count <= 6 else { return nil }
        var index: UInt64 = 0
        for (place, group) in groups.enumerated() {
            var digits = group
            if place < groups.count - 1 {
                guard digits.popFirst() == UInt8(ascii: "x") else { return nil }
            }
            guard digits.count == 3, let value = StrictDecimal.digits(digits) else { return nil }
            // A leading group of zeros would be a second spelling of the same index.
            if place == 0, groups.count > 1, value == 0 { return nil }
            index = index * 1000 + value
        }
        return index
    }
}

extension TileCoordinate: CustomStringConvertible {
    package var description: String { path }
}
