/// Up to 256 entries as C2SP tlog-tiles stores them: each behind its length in two bytes, big-endian.
package struct EntryBundle: Hashable, Sendable {
    package static let maximumEntryLength = 65_535

    package private(set) var bytes: [UInt8] = []
    /// Where each entry ends in `bytes`.
    private var ends: [Int] = []

    package init() {}

    /// Reads a bundle of exactly `width` entries; throws when lengths and bytes do not come out even.
    package init(bytes: [UInt8], width: Int) throws(LedgerFormatError) {
        guard width >= 1, width <= TileCoordinate.fullWidth else {
            throw LedgerFormatError("entry bundle", "it must hold 1 to 256 entries")
        }
        ends.reserveCapacity(width)
        var position = 0
        while position < bytes.count {
            guard ends.count < width else { throw LedgerFormatError("entry bundle", "more than \(width) entries") }
            guard bytes.count - position >= 2 else { throw LedgerFormatError("entry bundle", "cut in a length") }
            let length = Int(bytes[position]) << 8 | Int(bytes[position + 1])
            position += 2
            guard bytes.count - position >= length else { throw LedgerFormatError("entry bundle", "cut in an entry") }
            position += length
            ends.append(position)
        }
        guard ends.count == width else { throw LedgerFormatError("entry bundle", "fewer than \(width) entries") }
        self.bytes = bytes
    }

    package var width: Int { ends.count }

    /// Throws when the bundle is full or the entry longer than 65,535 bytes; the bundle is then as before.
    package mutating func append(_ entry: some Collection<UInt8>) throws(LedgerFormatError) {
        guard width < TileCoordinate.fullWidth else { throw LedgerFormatError("entry bundle", "full") }
        guard let length = UInt16(exactly: entry.count) else {
            throw LedgerFormatError("entry bundle", "an entry of \(entry.count) bytes is too long")
        }
        bytes.append(UInt8(length >> 8))
        bytes.append(UInt8(length & 255))
        bytes.append(contentsOf: entry)
        ends.append(bytes.count)
    }

    /// The entry at a position below `width`.
    package subscript(position: Int) -> ArraySlice<UInt8> {
        bytes[start(of: position)..<ends[position]]
    }

    package var entries: some Sequence<ArraySlice<UInt8>> {
        ends.indices.lazy.map { self[$0] }
    }

    /// The first `width` entries: the partial bundle that a smaller tree had here. Nil when there are fewer.
    package func prefix(_ width: Int) -> EntryBundle? {
        guard width >= 1, width <= ends.count else { return nil }
        var bundle = EntryBundle()
        bundle.bytes = Array(bytes[..<ends[width - 1]])
        bundle.ends = Array(ends[..<width])
        return bundle
    }

    package func leafHash(at position: Int) -> TreeHash { MerkleTree.leafHash(self[position]) }

    /// The level 0 tile over the same entries; nil for an empty bundle.
    package var tile: HashTile? {
        ends.isEmpty ? nil : HashTile(valid: ends.indices.map { leafHash(at: $0) })
    }

    private func start(of position: Int) -> Int { (position == 0 ? 0 : ends[position - 1]) + 2 }
}
