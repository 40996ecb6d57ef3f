import GatewayCore

/// All segments of a log, wherever they lie: those being written or filed in `wal/`, the filed ones in `recordings/`.
struct SegmentFolder: Sendable {
    let storage: any LogStorage

    /// A segment opened for reading; nil when it does not exist or was never begun.
    func open(_ number: UInt64) throws(StorageFailure) -> SegmentReader? {
        // It may move from the first to the second between two looks, never back.
        for folder in ["wal/", "recordings/", "wal/"] {
            let path = folder + SegmentHeader.name(number)
            do throws(StorageFailure) {
                return try SegmentReader(storage.open(path, create: false), path: path)
            } catch {
                guard error.number == 2 else { throw error }
            }
        }
        return nil
    }

    /// Moves a whole, filed segment out of the log's way; its content stays where the index points.
    func file(_ number: UInt64, length: UInt64) throws(StorageFailure) {
        let name = SegmentHeader.name(number)
        let file = try storage.open("wal/" + name, create: false)
        if try file.size() > length {
            try file.truncate(length)
            try file.sync()
        }
        // A rename would leave it to chance which of the two folders is durable first.
        try storage.link("wal/" + name, to: "recordings/" + name)
        try storage.syncDirectory("recordings")
        try storage.remove("wal/" + name)
        try storage.syncDirectory("wal")
    }
}
