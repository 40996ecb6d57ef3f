import AuditLedger
import GRDB
import GatewayCore

/// Reads the chunks of one exchange in one direction. Begun again after a segment moved, it goes on where it was.
struct ChunkCursor {
    let archive: AuditArchive
    let session: RecordID
    let exchange: UInt64
    let direction: ChunkDirection
    /// Position of the last record that was given out.
    private var last: UInt64?

    init(archive: AuditArchive, session: RecordID, exchange: UInt64, direction: ChunkDirection) {
        self.archive = archive
        self.session = session
        self.exchange = exchange
        self.direction = direction
    }

    mutating func run(_ body: ([UInt8]) throws -> Bool) throws {
        var fetcher = try RecordFetcher(index: archive.index, storage: archive.storage, vaultKey: archive.vaultKey)
        // One look at the index: what is recorded, and where the chunks lie that are not.
        let (row, positions) = try archive.index.read { [session, exchange, direction] db in
            let positions = try Int64.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT position FROM chunks WHERE sid = (SELECT sid FROM sessions WHERE id = ?) AND exchange = ?
                            AND direction = ? AND position >= ? ORDER BY position
                        """),
                arguments: [
                    session.description, Int64(clamping: exchange), Int64(direction.rawValue),
                    Int64(clamping: try RecordingIndex.filing(db).position),
                ])
            return (try RecordingIndex.row(session, db), positions.map { UInt64(clamping: $0) })
        }
        if let row, row.end.exchange >= exchange, try !runRecorded(row, &fetcher, body) { return }
        for position in positions where last.map({ position > $0 }) ?? true {
            let record = try fetcher.record(at: position)
            guard let plain = try fetcher.open(record, session: session) else { return }
            last = position
            if try !body(record.kind == .content ? ended(plain) : plain) { return }
        }
    }

    /// The bytes that ended the exchange, sealed with its outcome.
    private func ended(_ content: [UInt8]) throws -> [UInt8] {
        let kind: ContentItem.Kind = direction == .answer ? .answer : .input
        return try SealedRecord.decode(content).first { $0.kind == kind }?.bytes ?? []
    }

    /// False when no more is wanted, or no more can come.
    private mutating func runRecorded(
        _ row: RecordingIndex.Row, _ fetcher: inout RecordFetcher, _ body: ([UInt8]) throws -> Bool
    ) throws -> Bool {
        guard var reader = try archive.recording(session, row, &fetcher) else { return false }
        try archive.withMap(of: session) { try reader.seek(exchange: exchange, &$0) }
        while let item = try reader.next() {
            if item.kind == .leaf {
                let summary = item.payload.withUnsafeBytes { LeafSummary($0) }
                if summary?.type == .commandOutcome, summary?.exchange == exchange { return false }
            } else if item.exchange == exchange, item.direction & ~SealedRecord.carries == direction.rawValue,
                last.map({ item.position > $0 }) ?? true
            {
                last = item.position
                if try !body(item.kind == .content ? ended(item.payload) : item.payload) { return false }
            }
        }
        return true
    }
}
