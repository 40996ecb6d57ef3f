import Foundation
import GRDB
package import GatewayCore

/// Which commands there are.
extension AuditArchive {
    /// How long one page looks for its hits before it ends short.
    private static let searchBudget = Duration.milliseconds(500)
    /// Bytes of an excerpt before and after what was found.
    private static let excerptBefore = 80
    private static let excerptAfter = 240

    /// A page of what matches, newest first; `cursor` is the `next` of the page before. What comes in between two pages
    /// does not move the second.
    ///
    /// Errors: `bad_query` when the cursor is not of this query and viewer; `index_failed`.
    package func search(_ query: SearchQuery, cursor: String? = nil) throws(GatewayError) -> SearchPage {
        try search(query, cursor: cursor, budget: Self.searchBudget)
    }

    /// With another bound on the time that one page may take.
    package func search(_ query: SearchQuery, cursor: String?, budget: Duration) throws(GatewayError) -> SearchPage {
        let sealer = SearchCursor(vaultKey: vaultKey)
        let before = try cursor.map { (text) throws(GatewayError) in try sealer.open(text, for: query) }
        return try index.read { db in
            var scan = try SearchScan(db, query, budget: budget)
            let (found, next) = try scan.run(before: before.map { Int64(clamping: $0) })
            return SearchPage(
                hits: try hits(found, query, db), next: next.map { sealer.seal(UInt64(clamping: $0), for: query) })
        }
    }

    private func hits(_ found: [SearchScan.Found], _ query: SearchQuery, _ db: Database) throws -> [SearchHit] {
        var sessions: [Int64: ArchivedSession] = [:]
        return try found.compactMap { command in
            if sessions[command.sid] == nil {
                sessions[command.sid] = try Row.fetchOne(
                    db, sql: "SELECT * FROM sessions WHERE sid = ?", arguments: [command.sid]
                ).flatMap(ArchivedSession.init)
            }
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT classes, verb, objects, rules, verdict, size, body FROM texts JOIN shapes USING (shape) WHERE text = ?
                    """, arguments: [command.text])
            guard let session = sessions[command.sid], let row else { return nil }
            return SearchHit(
                session: session, exchange: UInt64(clamping: command.exchange),
                time: Timestamp(microseconds: command.time),
                verdict: row.value(4, as: String.self).flatMap(VerdictKind.init(rawValue:)),
                outcome: command.outcome.flatMap {
                    IndexBatch.outcomeKinds.indices.contains($0) ? IndexBatch.outcomeKinds[$0] : nil
                },
                code: command.code, rows: command.rows.map(Int.init), classes: IndexedShape.decode(row.value(0) ?? ""),
                verb: row.value(1), objects: IndexedShape.decode(row.value(2) ?? ""),
                rules: IndexedShape.decode(row.value(3) ?? ""),
                text: row.value(6, as: Data.self).map {
                    Self.excerpt(Array($0), size: row.value(5) ?? 0, query.terms)
                })
        }
    }

    /// What lies around the first place where the first term does.
    private static func excerpt(_ text: [UInt8], size: Int, _ terms: SearchTerms?) -> SearchHit.Excerpt {
        let found = terms?.terms.first.flatMap { term in text.withUnsafeBytes { term.range(in: $0) } } ?? 0..<0
        let start = edge(text, max(0, found.lowerBound - excerptBefore))
        let end = edge(text, min(text.count, found.upperBound + excerptAfter))
        func string(_ range: Range<Int>) -> String { String(decoding: text[range], as: UTF8.self) }
        return SearchHit.Excerpt(
            before: string(min(start, found.lowerBound)..<found.lowerBound), match: string(found),
            after: string(found.upperBound..<max(end, found.upperBound)), isCut: start > 0 || end < size)
    }

    /// The start of the character that holds this byte.
    private static func edge(_ text: [UInt8], _ offset: Int) -> Int {
        var offset = offset
        while offset > 0, offset < text.count, text[offset] & 0xC0 == 0x80 { offset -= 1 }
        return offset
    }
}
