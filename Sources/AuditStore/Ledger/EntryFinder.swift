import AuditLedger
package import GatewayCore

/// Finds the index of an entry by its id, without a table: entries stand in the log nearly in the order of the times in
/// their ids (UUID version 7), so a binary search over the bundles' first ids leads to the place, and reading outwards
/// from there finds the entry wherever threads or a clock that was set put it.
package struct EntryFinder {
    private let folder: LedgerFolder
    private let size: UInt64
    private var last: (place: UInt64, bundle: EntryBundle)?

    /// `size` is the tree's: entries past it are not looked at.
    package init(_ folder: LedgerFolder, size: UInt64) {
        self.folder = folder
        self.size = size
    }

    /// Nil when the entry is not in the tree, or further than `reach` bundles from its place by time.
    ///
    /// Errors: those of `LedgerFolder`.
    package mutating func index(of id: RecordID, reach: UInt64 = .max) throws -> UInt64? {
        guard size > 0 else { return nil }
        let count = (size - 1) >> 8 + 1
        let low = try place(of: id)
        if let index = try index(of: id, in: low) { return index }
        for distance in 1...max(1, min(reach, count)) {
            if low + distance < count, let index = try index(of: id, in: low + distance) { return index }
            if distance <= low, let index = try index(of: id, in: low - distance) { return index }
        }
        return nil
    }

    /// The last bundle that does not begin after an id; the tree must have entries.
    mutating func place(of id: RecordID) throws -> UInt64 {
        var low: UInt64 = 0
        var high = (size - 1) >> 8 + 1
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if try firstID(middle) <= id { low = middle } else { high = middle }
        }
        return low
    }

    private mutating func firstID(_ place: UInt64) throws -> RecordID {
        guard let id = try Leaf(Array(try bundle(place)[0])).id else {
            throw GatewayError(.ledgerCorrupt, "The entry \(place << 8) of the ledger has no id.")
        }
        return id
    }

    private mutating func index(of id: RecordID, in place: UInt64) throws -> UInt64? {
        let bundle = try bundle(place)
        let needle = Array("\"id\":\"\(id)\"".utf8)
        guard Self.holds(needle, in: bundle.bytes[...]) else { return nil }
        for position in 0..<bundle.width where Self.holds(needle, in: bundle[position]) {
            if try Leaf(Array(bundle[position])).id == id { return place << 8 + UInt64(position) }
        }
        return nil
    }

    private mutating func bundle(_ place: UInt64) throws -> EntryBundle {
        if let last, last.place == place { return last.bundle }
        guard let coordinate = TreeShape(size: size).bundle(holding: place << 8) else {
            throw GatewayError(.ledgerCorrupt, "The ledger has no bundle \(place).")
        }
        let bundle = try folder.bundle(coordinate)
        last = (place, bundle)
        return bundle
    }

    static func holds(_ needle: [UInt8], in bytes: ArraySlice<UInt8>) -> Bool {
        bytes.withUnsafeBytes { bytes in
            needle.withUnsafeBytes { needle in
                guard needle.count >= 8, bytes.count >= needle.count else { return false }
                let start = needle.loadUnaligned(as: UInt64.self)
                return (0...(bytes.count - needle.count)).contains { place in
                    bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self) == start
                        && bytes[place..<(place + needle.count)].elementsEqual(needle)
                }
            }
        }
    }
}
