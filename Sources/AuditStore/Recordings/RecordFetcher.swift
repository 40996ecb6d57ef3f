import AuditLedger
import Crypto
import GRDB
import GatewayCore

/// Reads records by their position and opens sealed ones. One per read; keeps the segment and the key used last.
struct RecordFetcher {
    private let index: SearchIndex
    private let segments: SegmentFolder
    private let vaultKey: SymmetricKey
    private var reader: SegmentReader?
    /// Positions that `reader` holds.
    private var range: Range<UInt64> = 0..<0
    private var keys: any LogFile
    private var known: (slot: UInt64, session: RecordID, key: SymmetricKey?)?

    init(index: SearchIndex, storage: any LogStorage, vaultKey: SymmetricKey) throws {
        self.index = index
        self.vaultKey = vaultKey
        segments = SegmentFolder(storage: storage)
        keys = try storage.open(KeyStore.path, create: false)
    }

    mutating func record(at position: UInt64) throws -> LogRecord {
        if reader == nil || !range.contains(position) { try open(holding: position) }
        reader?.seek(position)
        if let record = try reader?.next() { return record }
        // Beside a running gateway: what was read ahead is from before, and the segment may have ended since.
        try open(holding: position)
        reader?.seek(position)
        guard let record = try reader?.next() else { throw Self.lost(position) }
        return record
    }

    private mutating func open(holding position: UInt64) throws {
        let rows = try index.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT number, first, (SELECT min(first) FROM segments WHERE first > outer.first) FROM segments AS outer
                    WHERE first <= ? ORDER BY first DESC LIMIT 1
                    """, arguments: [Int64(clamping: position)])
        }
        guard let row = rows.first else { throw Self.lost(position) }
        guard let opened = try segments.open(row.position(0)) else {
            throw GatewayError(.recordMoved, "The record at position \(position) has left the log.")
        }
        guard opened.first <= position else { throw Self.lost(position) }
        reader = opened
        range = opened.first..<max(opened.first, row.value(2, as: Int64.self).map(UInt64.init(clamping:)) ?? .max)
    }

    private static func lost(_ position: UInt64) -> GatewayError {
        GatewayError(.logCorrupt, "The audit log has no whole record at position \(position).")
    }

    /// The plain bytes of a sealed record; nil when the session's key was erased.
    mutating func open(_ record: LogRecord, session: RecordID) throws -> [UInt8]? {
        guard let clear = record.payload.withUnsafeBytes({ SealedRecord.clear(of: $0) }), clear.session == session
        else {
            throw Self.lost(record.position)
        }
        guard let key = try key(slot: clear.slot, session: session) else { return nil }
        return try SealedRecord.open(record.payload, key: key)
    }

    /// A session's own key; nil when it was erased.
    mutating func key(slot: UInt64, session: RecordID) throws -> SymmetricKey? {
        if let known, known.slot == slot, known.session == session { return known.key }
        let wrapped = try LogRecovery.readSlot(keys, slot)
        let key = try KeyStore.unwrap(wrapped, session: session, vaultKey: vaultKey)
        known = (slot, session, key)
        return key
    }
}

extension GatewayError.Code {
    /// A segment was filed while it was read: what it held is in recordings now.
    static let recordMoved = GatewayError.Code("record_moved")
}
