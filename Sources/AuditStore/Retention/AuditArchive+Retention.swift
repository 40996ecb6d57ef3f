import AuditLedger
import GRDB
package import GatewayCore

/// What rules of retention say to erase.
extension AuditArchive {
    /// At most `limit` closed sessions that are due at `now`: of each connection first those that are too old, then the
    /// oldest of those that are too many. Blocks while it reads.
    ///
    /// What lies only in the log yet has no bytes, so it is never what is too many. Errors: `index_failed`.
    package func due(
        _ rules: [RetentionRule], at now: Timestamp, limit: Int = .max
    ) throws(GatewayError) -> [RetentionCandidate] {
        guard !rules.isEmpty else { return [] }
        return try index.read { db in
            var found: [RetentionCandidate] = []
            let totals = rules.contains { $0.size != nil } ? try Self.totals(db) : [:]
            let connections = try String.fetchAll(
                db, sql: "SELECT DISTINCT connection FROM sessions WHERE kind <> 'gateway' ORDER BY connection")
            for connection in connections where found.count < limit {
                guard let rule = rules.first(where: { $0.names(connection) }) else { continue }
                try Self.add(
                    to: &found, db, rule, connection, now, limit, total: totals[connection] ?? 0)
            }
            return found
        }
    }

    /// Bytes of all recordings of each connection, of open sessions too.
    private static func totals(_ db: Database) throws -> [String: UInt64] {
        var totals: [String: UInt64] = [:]
        // A recording is named by the bytes of its session's id, a session by their text.
        let rows = try Row.fetchCursor(
            db,
            sql: """
                WITH named AS (SELECT lower(hex(session)) AS h, length FROM recordings)
                SELECT connection, sum(length) FROM named JOIN sessions ON id = substr(h, 1, 8) || '-' || substr(h, 9, 4)
                    || '-' || substr(h, 13, 4) || '-' || substr(h, 17, 4) || '-' || substr(h, 21)
                GROUP BY connection
                """)
        while let row = try rows.next() {
            if let connection: String = row.value(0) { totals[connection] = row.position(1) }
        }
        return totals
    }

    private static func add(
        to found: inout [RetentionCandidate], _ db: Database, _ rule: RetentionRule, _ connection: String,
        _ now: Timestamp, _ limit: Int, total: UInt64
    ) throws {
        // They do not end in the order in which they began, so all are looked at.
        let rows = try Row.fetchCursor(
            db,
            sql: "SELECT * FROM sessions WHERE connection = ? AND kind <> 'gateway' AND closed IS NOT NULL ORDER BY id",
            arguments: [connection])
        let oldest = rule.age.map { now.advanced(bySeconds: -$0).microseconds }
        var tooMany: [RetentionCandidate] = []
        var (kept, waiting) = (total, UInt64(0))
        while found.count < limit, let row = try rows.next() {
            guard let session = ArchivedSession(row), let closed = session.closed else { continue }
            let isOld = oldest.map { closed.microseconds < $0 } ?? false
            guard isOld || rule.size != nil else { continue }
            let bytes = try RecordingIndex.row(session.context.session, db)?.end.length ?? 0
            if isOld {
                kept -= min(kept, bytes)
                found.append(RetentionCandidate(session: session, bytes: bytes, rule: rule, cause: .age))
            } else if bytes > 0, kept > (rule.size ?? .max), waiting < total - min(total, rule.size ?? .max) {
                // Whatever is too old will go as well, so more than these are never needed.
                waiting += bytes
                tooMany.append(RetentionCandidate(session: session, bytes: bytes, rule: rule, cause: .size))
            }
        }
        guard let size = rule.size else { return }
        for candidate in tooMany where kept > size && found.count < limit {
            kept -= min(kept, candidate.bytes)
            found.append(candidate)
        }
    }
}
