package import Crypto
import GRDB
package import GatewayCore
import Glibc

/// Makes the search index of a data folder again from the log and the recordings, while no gateway runs on it.
package struct IndexRebuild {
    private let directory: String
    private let vaultKey: SymmetricKey
    private let storage: PosixStorage
    private var folder: String { directory + "/" + SearchIndex.rebuildFolder }

    package init(directory: String, vaultKey: SymmetricKey) {
        self.directory = directory
        self.vaultKey = vaultKey
        storage = PosixStorage(root: directory)
    }

    /// Blocks until done. `report` is told, on a thread of its own, the share that is done, 0 to 1.
    ///
    /// The old index stays in its place until the new one is whole, so that a failure costs nothing. Errors:
    /// `store_busy` while a gateway runs on the folder, `not_found` when it holds no log, `log_corrupt`, `index_failed`.
    package func run(_ report: @escaping @Sendable (Double) -> Void) throws(GatewayError) {
        do {
            guard try storage.list("").contains("wal") else {
                throw GatewayError(.notFound, "\(directory) holds no record; check `data:` in the configuration.")
            }
            guard try storage.lock() else { throw GatewayError.busy(storage, directory) }
            defer { storage.unlock() }
            let log = try LogRecovery.run(storage)
            try storage.makeDirectory(SearchIndex.rebuildFolder)
            try build(log, report)
            try swap()
        } catch {
            throw SearchIndex.failure(error)
        }
    }

    private func build(_ log: LogRecovery, _ report: @escaping @Sendable (Double) -> Void) throws {
        let path = folder + "/" + SearchIndex.name
        SearchIndex.remove(path)
        // Made here so that SQLite's files get its mode, 0600.
        _ = try storage.open(SearchIndex.rebuildFolder + "/" + SearchIndex.name, create: true)
        let watch = RebuildWatch(path: path, end: log.end, vaultKey: vaultKey, report)
        try watch.start()
        defer { watch.stop() }
        let filer = try Filer.open(directory: folder, storage: storage, vaultKey: vaultKey, log: log)
        // All of it into the one file, synced, which alone is moved.
        try filer.index.pool.barrierWriteWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)")
        }
        try filer.index.pool.close()
    }

    /// The old index goes first, with its log of changes: that log, beside the new file, would be taken for the new
    /// one's. A crash in between leaves no index, and the next start makes one.
    private func swap() throws {
        SearchIndex.remove(directory + "/" + SearchIndex.name)
        let path = folder + "/" + SearchIndex.name
        guard rename(path, directory + "/" + SearchIndex.name) == 0 else {
            throw StorageFailure(call: "rename", path: path, number: errno)
        }
        SearchIndex.remove(path)
        rmdir(folder)
        try storage.syncDirectory("")
    }
}
