package import AuditLedger

/// Writes a ledger's files durably. Confined to one thread at a time; not Sendable. After a failure it is used no more.
package struct LedgerWriter {
    package let folder: LedgerFolder
    /// Folders whose names are durable; only to spare syncs.
    private var known: Set<String> = []

    package init(_ folder: LedgerFolder) {
        self.folder = folder
    }

    /// Writes tiles and bundles; when it returns, they are durable under their names.
    ///
    /// A file may be there already, torn, from before a crash: what lies beyond the last signed size is written again, and
    /// always with the same bytes, since the entries under it are durable.
    package mutating func write(tiles: [TileWrite], bundles: [BundleWrite]) throws(StorageFailure) {
        var folders: Set<String> = []
        for tile in tiles { folders.insert(try write(tile.bytes, to: folder.path(of: tile.coordinate))) }
        for bundle in bundles { folders.insert(try write(bundle.bytes, to: folder.path(of: bundle.coordinate))) }
        // Content first, then the names that lead to it.
        for place in folders.sorted() { try folder.storage.syncDirectory(place) }
    }

    package mutating func replaceCheckpoint(_ note: [UInt8]) throws(StorageFailure) {
        try makeDurable(folder.name)
        try folder.storage.replace(folder.checkpointPath, with: note)
    }

    /// Removes the partial tiles at a tile's place that are narrower than `width`, but those kept; and their folder when
    /// the full tile is there. Only tidiness: left after a crash, they do no harm, so nothing is synced.
    package mutating func removePartials(
        of coordinate: TileCoordinate, below width: Int, but kept: [Int] = []
    ) throws(StorageFailure) {
        let place = folder.path(of: coordinate.full) + ".p"
        let names: [String]
        do throws(StorageFailure) {
            names = try folder.storage.list(place)
        } catch {
            guard error.number == 2 else { throw error }
            return
        }
        let gone = names.filter { name in Int(name).map { $0 < width && !kept.contains($0) } ?? false }
        for name in gone { try folder.storage.remove(place + "/" + name) }
        guard width == TileCoordinate.fullWidth, gone.count == names.count else { return }
        try folder.storage.remove(place)
        known.remove(place)
    }

    /// Returns the file's folder.
    private mutating func write(_ bytes: [UInt8], to path: String) throws(StorageFailure) -> String {
        let place = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
        try makeDurable(place)
        let file = try folder.storage.open(path, create: true)
        try file.write(bytes, at: 0)
        if try file.size() > UInt64(bytes.count) { try file.truncate(UInt64(bytes.count)) }
        try file.sync()
        return place
    }

    /// Makes a folder and those above it, each durable in the one above: a synced file in a folder whose own name was lost
    /// would be lost with it.
    private mutating func makeDurable(_ path: String) throws(StorageFailure) {
        guard !path.isEmpty, !known.contains(path) else { return }
        let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
        try makeDurable(parent)
        try folder.storage.makeDirectory(path)
        // It may be there from before a crash, never synced.
        try folder.storage.syncDirectory(parent)
        if known.count >= 4096 { known.removeAll() }
        known.insert(path)
    }
}
