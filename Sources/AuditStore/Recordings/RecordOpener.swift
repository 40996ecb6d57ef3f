import Crypto
import GatewayCore

/// Opens sealed records of the log, the keys of the sessions used last kept ready. Confined to one thread at a time; not
/// Sendable.
struct RecordOpener: ~Copyable {
    private struct Known {
        var session: RecordID
        /// Nil when the key was erased.
        var key: SymmetricKey?
        var opener: SessionOpener?
        var lastUse: UInt64
    }

    /// Keys kept ready: some 600 bytes each.
    static let maximumKeys = 1024
    private let keys: any LogFile
    private let vaultKey: SymmetricKey
    private var known: [UInt64: Known] = [:]
    private var clock: UInt64 = 0

    init(storage: any LogStorage, vaultKey: SymmetricKey) throws(GatewayError) {
        self.vaultKey = vaultKey
        do throws(StorageFailure) {
            keys = try storage.open(KeyStore.path, create: false)
        } catch {
            throw GatewayError(.logFailed, "The session keys cannot be read.", cause: error)
        }
    }

    /// The items of a content record; none when the session's key was erased.
    mutating func content(of record: LogRecord) throws -> [SaltedContent] {
        guard let plain = try open(record) else { return [] }
        return try SealedRecord.decode(plain)
    }

    /// The plain bytes of a sealed record; nil when the session's key was erased.
    mutating func open(_ record: LogRecord) throws -> [UInt8]? {
        guard let clear = record.payload.withUnsafeBytes({ SealedRecord.clear(of: $0) }) else {
            throw Self.damaged(record)
        }
        guard let opener = try known(slot: clear.slot, session: clear.session).opener else { return nil }
        let nonce = SessionCipher.nonce(clear.counter)
        guard
            let plain = record.payload.withUnsafeBytes({
                opener.open($0, clearLength: SealedRecord.clearLength, nonce: nonce)
            })
        else { throw Self.damaged(record) }
        return plain
    }

    private static func damaged(_ record: LogRecord) -> GatewayError {
        GatewayError(.logCorrupt, "The sealed record at position \(record.position) of the audit log does not open.")
    }

    /// A session's own key; nil when it was erased.
    mutating func key(slot: UInt64, session: RecordID) throws -> SymmetricKey? {
        try known(slot: slot, session: session).key
    }

    private mutating func known(slot: UInt64, session: RecordID) throws -> Known {
        clock += 1
        if let found = known[slot], found.session == session {
            known[slot]?.lastUse = clock
            return found
        }
        let key = try KeyStore.unwrap(LogRecovery.readSlot(keys, slot), session: session, vaultKey: vaultKey)
        let opener = try key.map { (key) throws(GatewayError) in try SessionOpener(key) }
        if known.count >= Self.maximumKeys { dropOldHalf() }
        let found = Known(session: session, key: key, opener: opener, lastUse: clock)
        known[slot] = found
        return found
    }

    /// Half at once, so that the search for the oldest costs little per record.
    private mutating func dropOldHalf() {
        let uses = known.values.map(\.lastUse).sorted()
        let middle = uses[uses.count / 2]
        known = known.filter { $0.value.lastUse > middle }
    }

    /// To be called when a session's key is erased: nothing of it stays in memory.
    mutating func forget(_ session: RecordID) {
        known = known.filter { $0.value.session != session }
    }
}
