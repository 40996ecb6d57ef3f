import GatewayCore

/// The segments of the log that are still there.
struct SegmentFolder: Sendable {
    let storage: any LogStorage

    /// A segment opened for reading; nil when it does not exist (any more) or was never begun.
    func open(_ number: UInt64) throws(StorageFailure) -> SegmentReader? {
        let path = "wal/" + SegmentHeader.name(number)
        do throws(StorageFailure) {
            return try SegmentReader(storage.open(path, create: false), path: path)
        } catch {
            guard error.number == 2 else { throw error }
            return nil
        }
    }

    /// The first one's number; nil when there is none.
    func first() throws(StorageFailure) -> UInt64? {
        try storage.list("wal").compactMap(SegmentHeader.number).min()
    }
}
