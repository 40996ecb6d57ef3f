import GatewayCore

/// The session keys as the log's start finds them. A slot is never given to a second session, whatever it holds: zeros are
/// an erased key, and what does not read is either a key that a crash tore, with which nothing was sealed yet, or damage.
struct RecoveredKeys {
    /// The next key's slot.
    let slots: UInt64
    private let file: any LogFile
    /// Sessions whose key was seen, by their slots.
    private var seen: [UInt64: RecordID] = [:]
    private static let mostSeen = 100_000

    /// Nil when there is no key file although there is a record: made anew, it would make all of it look erased.
    init?(_ storage: any LogStorage) throws(StorageFailure) {
        let log = try storage.list("wal"), recordings = try storage.list("recordings")
        let isNew =
            recordings.isEmpty
            && !log.contains { SegmentHeader.number(of: $0) != nil || $0 == RetiredSegments.name }
        do throws(StorageFailure) {
            file = try storage.open(KeyStore.path, create: isNew)
        } catch {
            guard error.number == 2, !isNew else { throw error }
            return nil
        }
        // Its name is durable before there is a segment, so that a segment without it tells of a loss.
        if isNew { try storage.syncDirectory("keys") }
        // A killed process may only have written the last ones.
        try file.sync()
        slots = (try file.size() + UInt64(KeyStore.slotLength) - 1) / UInt64(KeyStore.slotLength)
    }

    /// The session of a sealed record whose key is neither there nor erased; nil when all is well.
    mutating func missing(for record: LogRecord) throws(StorageFailure) -> RecordID? {
        guard record.kind == .content || record.kind == .chunk,
            let clear = record.payload.withUnsafeBytes({ SealedRecord.clear(of: $0) }),
            seen[clear.slot] != clear.session
        else { return nil }
        let slot = try LogRecovery.readSlot(file, clear.slot)
        guard KeyStore.isErased(slot) || KeyStore.isWhole(slot) && slot.starts(with: clear.session.bytes) else {
            return clear.session
        }
        if seen.count >= Self.mostSeen { seen.removeAll(keepingCapacity: true) }
        seen[clear.slot] = clear.session
        return nil
    }
}
