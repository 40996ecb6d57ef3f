/// An entry bundle to be written, at the width it has now.
package struct BundleWrite: Hashable, Sendable {
    package let coordinate: TileCoordinate
    package let bundle: EntryBundle

    package var bytes: [UInt8] { bundle.bytes }
}

/// Collects entries into bundles, as `TileBuilder` does leaf hashes into tiles.
package struct BundleBuilder: Sendable {
    package private(set) var size: UInt64 = 0
    private var partial = EntryBundle()
    private var full: [BundleWrite] = []
    private var takenSize: UInt64 = 0

    package init() {}

    /// Goes on where a log of `size` entries ended; `partial` is its last bundle, nil when `size` is a multiple of 256.
    package init(size: UInt64, partial: EntryBundle?) throws(LedgerFormatError) {
        guard size <= TreeHead.maximumSize, UInt64(partial?.width ?? 0) == size & 255 else {
            throw LedgerFormatError("entry bundle", "not the last one of a log of \(size) entries")
        }
        self.size = size
        self.partial = partial ?? EntryBundle()
        takenSize = size
    }

    /// Throws when the entry is longer than 65,535 bytes; nothing is then appended.
    package mutating func append(_ entry: some Collection<UInt8>) throws(LedgerFormatError) {
        try partial.append(entry)
        size &+= 1
        guard partial.width == TileCoordinate.fullWidth else { return }
        let coordinate = TileCoordinate(valid: .entries, index: (size >> 8) &- 1, width: TileCoordinate.fullWidth)
        full.append(BundleWrite(coordinate: coordinate, bundle: partial))
        partial = EntryBundle()
    }

    /// The bundles filled or widened since the last call.
    package mutating func takeWrites() -> [BundleWrite] {
        var writes = full
        full.removeAll()
        if size > takenSize, partial.width > 0 {
            let coordinate = TileCoordinate(valid: .entries, index: size >> 8, width: partial.width)
            writes.append(BundleWrite(coordinate: coordinate, bundle: partial))
        }
        takenSize = size
        return writes
    }
}
