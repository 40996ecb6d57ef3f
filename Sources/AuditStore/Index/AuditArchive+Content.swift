import AuditLedger
import GRDB
package import GatewayCore

/// One entry with its content.
package struct ArchivedEntry: Sendable {
    /// The canonical leaf.
    package var leaf: [UInt8]
    /// In the order of the leaf's commitments; empty when there is none or the key was erased.
    package var content: [SaltedContent]
    /// The entry has content, but the session's key was erased.
    package var isErased: Bool
}

/// What a session said and was answered.
extension AuditArchive {
    /// At most `limit` entries of a session whose sequence is `from` or later, in their order.
    package func entries(of session: RecordID, from: UInt64, limit: Int) throws -> [ArchivedEntry] {
        let places = try index.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT position, content FROM entries WHERE sid = (SELECT sid FROM sessions WHERE id = ?) AND seq >= ?
                    ORDER BY seq LIMIT ?
                    """, arguments: [session.description, Int64(clamping: from), limit]
            ).map {
                (position: UInt64(clamping: $0[0] as Int64), content: ($0[1] as Int64?).map(UInt64.init(clamping:)))
            }
        }
        var fetcher = try RecordFetcher(index: index, storage: storage, vaultKey: vaultKey)
        return try places.map { place in
            var entry = ArchivedEntry(leaf: [], content: [], isErased: false)
            if let content = place.content {
                let plain = try fetcher.open(fetcher.record(at: content), session: session)
                entry.content = try plain.map { try SealedRecord.decode($0) } ?? []
                entry.isErased = plain == nil
            }
            entry.leaf = try fetcher.record(at: place.position).payload
            return entry
        }
    }

    /// Calls `body` with each recorded chunk of one exchange in its order, until it returns false.
    package func chunks(
        of session: RecordID, exchange: UInt64, _ direction: ChunkDirection, _ body: ([UInt8]) throws -> Bool
    ) throws {
        let positions = try index.read { db in
            try Int64.fetchAll(
                db,
                sql: """
                    SELECT position FROM chunks WHERE sid = (SELECT sid FROM sessions WHERE id = ?) AND exchange = ? AND direction = ?
                    ORDER BY position
                    """, arguments: [session.description, Int64(clamping: exchange), Int64(direction.rawValue)])
        }
        guard !positions.isEmpty else { return }
        var fetcher = try RecordFetcher(index: index, storage: storage, vaultKey: vaultKey)
        for position in positions {
            let record = try fetcher.record(at: UInt64(clamping: position))
            guard var plain = try fetcher.open(record, session: session) else { return }
            if record.kind == .content {
                let kind: ContentItem.Kind = direction == .answer ? .answer : .input
                plain = try SealedRecord.decode(plain).first { $0.kind == kind }?.bytes ?? []
            }
            if try !body(plain) { return }
        }
    }

    /// The recorded bytes of one exchange, at most `limit`, and whether that is all.
    package func chunks(
        of session: RecordID, exchange: UInt64, _ direction: ChunkDirection, limit: Int
    ) throws -> (bytes: [UInt8], isWhole: Bool) {
        var bytes: [UInt8] = []
        try chunks(of: session, exchange: exchange, direction) { chunk in
            bytes += chunk.prefix(limit + 1 - bytes.count)
            return bytes.count <= limit
        }
        return bytes.count > limit ? (Array(bytes.prefix(limit)), false) : (bytes, true)
    }
}
