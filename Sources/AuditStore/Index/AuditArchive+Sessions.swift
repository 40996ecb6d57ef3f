import AuditLedger
import Foundation
import GRDB
package import GatewayCore

/// Which sessions there are.
extension AuditArchive {
    /// Texts up to which sessions are looked up by the texts that match, rather than looked into one by one.
    private static let mostTexts = 20_000

    /// Newest first. Errors: `bad_query`, `index_failed`.
    package func sessions(_ query: SessionQuery) throws -> [ArchivedSession] {
        let terms = try query.text.map { try SearchTerms($0) }
        return try index.read { db in
            guard let terms else { return try Self.sessions(db, query, before: query.before, limit: query.limit) }
            if let texts = try Self.texts(db, terms) {
                return try Self.sessions(db, query, before: query.before, limit: query.limit, texts: texts)
            }
            var found: [ArchivedSession] = []
            var before = query.before
            while found.count < query.limit {
                let batch = try Self.sessions(db, query, before: before, limit: 200)
                guard let last = batch.last else { break }
                before = last.context.session
                for session in batch where found.count < query.limit {
                    if try Self.holds(db, terms, session.context.session) { found.append(session) }
                }
            }
            return found
        }
    }

    private static func sessions(
        _ db: Database, _ query: SessionQuery, before: RecordID?, limit: Int, texts: String? = nil
    ) throws -> [ArchivedSession] {
        var conditions = ["kind <> 'gateway'"]
        var arguments: [(any DatabaseValueConvertible)?] = []
        func add(_ condition: String, _ values: (any DatabaseValueConvertible)?...) {
            guard values.allSatisfy({ $0 != nil }) else { return }
            conditions.append(condition)
            arguments += values
        }
        add("issuer = ? AND subject = ?", query.owner?.issuer, query.owner?.subject)
        add("subject = ?", query.subject)
        add("issuer = ?", query.issuer)
        add("(subject = ? OR name = ?)", query.principal, query.principal)
        add("agent = ?", query.agent)
        add("run = ?", query.run)
        add("connection = ?", query.connection)
        if let outcome = query.outcome {
            let bit = OutcomeKind(rawValue: outcome).flatMap { IndexBatch.outcomeKinds.firstIndex(of: $0) }
            add("outcomes & ? <> 0", bit.map { 1 << $0 } ?? 0)
        }
        add("opened >= ?", query.since?.microseconds)
        add("opened <= ?", query.until?.microseconds)
        add("id < ?", before?.description)
        add("sid IN (SELECT sid FROM commands WHERE text IN (SELECT value FROM json_each(?)))", texts)
        arguments.append(limit)
        let sql = "SELECT * FROM sessions WHERE \(conditions.joined(separator: " AND ")) ORDER BY id DESC LIMIT ?"
        return try Row.fetchAll(db, sql: sql, arguments: StatementArguments(arguments)).compactMap(ArchivedSession.init)
    }

    /// The texts that hold all terms, as a JSON list; nil when too many may.
    private static func texts(_ db: Database, _ terms: SearchTerms) throws -> String? {
        guard let grams = terms.gramQuery else { return nil }
        let candidates = try Int64.fetchAll(
            db, sql: "SELECT rowid FROM grams WHERE grams MATCH ? LIMIT ?", arguments: [grams, mostTexts + 1])
        guard candidates.count <= mostTexts else { return nil }
        let find = try db.cachedStatement(sql: "SELECT body FROM texts WHERE text = ?")
        let texts = try candidates.filter { text in
            try Data.fetchOne(find, arguments: [text])?.withUnsafeBytes { terms.match($0) } ?? false
        }
        return "[" + texts.map(String.init).joined(separator: ",") + "]"
    }

    private static func holds(_ db: Database, _ terms: SearchTerms, _ session: RecordID) throws -> Bool {
        let find = try db.cachedStatement(
            sql: """
                SELECT body FROM texts WHERE body IS NOT NULL AND text IN
                    (SELECT text FROM commands WHERE sid = (SELECT sid FROM sessions WHERE id = ?))
                """)
        let bodies = try Row.fetchCursor(find, arguments: [session.description])
        while let row = try bodies.next() {
            let holds = try row.withUnsafeData(atIndex: 0) { $0?.withUnsafeBytes { terms.match($0) } ?? false }
            if holds { return true }
        }
        return false
    }

    package func session(_ id: RecordID) throws -> ArchivedSession? {
        try index.read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM sessions WHERE id = ?", arguments: [id.description]).flatMap(
                ArchivedSession.init)
        }
    }

    /// Whether nothing is left of a session, or it is being erased.
    func isErased(_ id: RecordID) throws -> Bool {
        try index.read { try PendingErasures.isErased(id, $0) }
    }

    /// The gateway's own sessions, one for each of its runs, oldest first: they hold the entries without a session.
    package func gatewaySessions() throws -> [RecordID] {
        try index.read { db in
            try String.fetchAll(db, sql: "SELECT id FROM sessions WHERE kind = 'gateway' ORDER BY sid")
                .compactMap { RecordID($0) }
        }
    }
}
