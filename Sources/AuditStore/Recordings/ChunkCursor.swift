import AuditLedger
import GRDB
import GatewayCore

/// Reads the chunks of one exchange in one direction, or in both as they followed each other. Begun again after a segment moved, it goes on where it was.
struct ChunkCursor {
    let archive: AuditArchive
    let session: RecordID
    let exchange: UInt64
    /// Nil for both.
    let direction: ChunkDirection?
    /// Position of the last record that was given out.
    private var last: UInt64?

    init(archive: AuditArchive, session: RecordID, exchange: UInt64, direction: ChunkDirection?) {
        self.archive = archive
        self.session = session
        self.exchange = exchange
        self.direction = direction
    }

    mutating func run(_ body: (ChunkDirection, [UInt8]) throws -> Bool) throws {
        var fetcher = try RecordFetcher(index: archive.index, storage: archive.storage, vaultKey: archive.vaultKey)
        // One look at the index: what is recorded, and where the chunks lie that are not.
        let directions = direction.map { [$0] } ?? [.answer, .input]
        let (row, positions) = try archive.index.read { [session, exchange] db in
            let filed = Int64(clamping: try RecordingIndex.filing(db).position)
            let positions = try directions.flatMap { direction in
                try Int64.fetchAll(
                    db.cachedStatement(
                        sql: """
                            SELECT position FROM chunks WHERE sid = (SELECT sid FROM sessions WHERE id = ?)
                                AND exchange = ? AND direction = ? AND position >= ? ORDER BY position
                            """),
                    arguments: [session.description, Int64(clamping: exchange), Int64(direction.rawValue), filed]
                ).map { (position: UInt64(clamping: $0), direction: direction) }
            }
            return (try RecordingIndex.row(session, db), positions.sorted { $0.position < $1.position })
        }
        if let row, row.end.exchange >= exchange, try !runRecorded(row, &fetcher, body) { return }
        for (position, direction) in positions where last.map({ position > $0 }) ?? true {
            let record = try fetcher.record(at: position)
            guard let plain = try fetcher.open(record, session: session) else { return }
            last = position
            if try !body(direction, record.kind == .content ? ended(plain, direction) : plain) { return }
        }
    }

    /// The bytes that ended the exchange, sealed with its outcome.
    private func ended(_ content: [UInt8], _ direction: ChunkDirection) throws -> [UInt8] {
        let kind: ContentItem.Kind = direction == .answer ? .answer : .input
        return try SealedRecord.decode(content).first { $0.kind == kind }?.bytes ?? []
    }

    /// False when no more is wanted, or no more can come.
    private mutating func runRecorded(
        _ row: RecordingIndex.Row, _ fetcher: inout RecordFetcher, _ body: (ChunkDirection, [UInt8]) throws -> Bool
    ) throws -> Bool {
        guard var reader = try archive.recording(session, row, &fetcher) else { return false }
        try archive.withMap(of: session) { try reader.seek(exchange: exchange, &$0) }
        while let item = try reader.next() {
            if item.kind == .leaf {
                let summary = item.payload.withUnsafeBytes { LeafSummary($0) }
                if summary?.type == .commandOutcome, summary?.exchange == exchange { return false }
            } else if item.exchange == exchange,
                let own = ChunkDirection(rawValue: item.direction & ~SealedRecord.carries),
                direction.map({ $0 == own }) ?? true, last.map({ item.position > $0 }) ?? true
            {
                last = item.position
                if try !body(own, item.kind == .content ? ended(item.payload, own) : item.payload) { return false }
            }
        }
        return true
    }
}
