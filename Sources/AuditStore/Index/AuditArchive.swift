package import Crypto
package import GatewayCore
import Synchronization

/// The reading side of the record. Every call blocks while it reads; results are bounded by their limits.
package final class AuditArchive: Sendable {
    package let index: SearchIndex
    let storage: any LogStorage
    let vaultKey: SymmetricKey
    static let maximumMaps = 32
    let maps: Mutex<[RecordID: ChunkMap]> = Mutex([:])

    init(index: SearchIndex, storage: any LogStorage, vaultKey: SymmetricKey) {
        self.index = index
        self.storage = storage
        self.vaultKey = vaultKey
    }

    /// Opens a data folder to read it, while a gateway runs on it or not; without one the index is brought up to date
    /// first.
    package static func open(directory: String, vaultKey: SymmetricKey) throws(GatewayError) -> AuditArchive {
        let storage = PosixStorage(root: directory)
        do throws(StorageFailure) {
            guard try storage.list("").contains("wal") else {
                throw StorageFailure(call: "open", path: "wal", number: 2)
            }
        } catch {
            throw GatewayError(
                .notFound, "\(directory) holds no record; check `data:` in the configuration.", cause: error)
        }
        // A folder that cannot be locked belongs to a running gateway, or may only be read.
        if (try? storage.lock()) == true {
            defer { storage.unlock() }
            let filer = try Filer.open(
                directory: directory, storage: storage, vaultKey: vaultKey, log: LogRecovery.run(storage))
            return AuditArchive(index: filer.index, storage: storage, vaultKey: vaultKey)
        }
        return AuditArchive(
            index: try SearchIndex(path: directory + "/index.sqlite", isReader: true, vaultKey: vaultKey),
            storage: storage,
            vaultKey: vaultKey)
    }

    /// Waits, at most a second, until everything in the log at the time of the call can be found; false when it still
    /// cannot.
    package func caughtUp() async throws -> Bool {
        try await lag() == 0
    }

    /// Waits like `caughtUp`, and tells how many bytes of that log cannot be found yet.
    package func lag() async throws -> UInt64 {
        let end = try logEnd()
        var position = try index.progress().position
        for _ in 0..<100 where position < end {
            try await Task.sleep(for: .milliseconds(10))
            position = try index.progress().position
        }
        return position < end ? end - position : 0
    }

    func logEnd() throws -> UInt64 {
        var (segment, position) = try index.progress()
        segment = max(segment, 1)
        let folder = SegmentFolder(storage: storage)
        while var reader = try folder.open(segment), reader.first <= position {
            reader.seek(position)
            while try reader.next() != nil {}
            position = reader.position
            segment += 1
        }
        return position
    }
}
