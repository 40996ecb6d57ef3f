import AuditLedger
import GRDB
package import GatewayCore

/// Which sessions there are.
extension AuditArchive {
    /// Newest first.
    package func sessions(_ query: SessionQuery) throws -> [ArchivedSession] {
        var found: [ArchivedSession] = []
        var before = query.before
        let words = query.text.map { $0.lowercased().split(whereSeparator: \.isWhitespace).map(String.init) } ?? []
        while found.count < query.limit {
            let batch = try sessions(query, before: before, limit: words.isEmpty ? query.limit - found.count : 200)
            guard let last = batch.last else { break }
            before = last.context.session
            for session in batch where found.count < query.limit {
                if try words.isEmpty || holds(words, session.context.session) { found.append(session) }
            }
        }
        return found
    }

    private func sessions(_ query: SessionQuery, before: RecordID?, limit: Int) throws -> [ArchivedSession] {
        var conditions = ["kind <> 'gateway'"]
        var arguments: [(any DatabaseValueConvertible)?] = []
        func add(_ condition: String, _ values: (any DatabaseValueConvertible)?...) {
            guard values.allSatisfy({ $0 != nil }) else { return }
            conditions.append(condition)
            arguments += values
        }
        add("issuer = ? AND subject = ?", query.owner?.issuer, query.owner?.subject)
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
        arguments.append(limit)
        let sql = "SELECT * FROM sessions WHERE \(conditions.joined(separator: " AND ")) ORDER BY id DESC LIMIT ?"
        return try index.read { db in
            try Row.fetchAll(db, sql: sql, arguments: StatementArguments(arguments)).compactMap(ArchivedSession.init)
        }
    }

    package func session(_ id: RecordID) throws -> ArchivedSession? {
        try index.read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM sessions WHERE id = ?", arguments: [id.description]).flatMap(
                ArchivedSession.init)
        }
    }

    private func holds(_ words: [String], _ session: RecordID) throws -> Bool {
        var from: UInt64 = 0
        while true {
            let page = try entries(of: session, from: from, limit: 200)
            for entry in page {
                for item in entry.content where item.kind == .text {
                    let text = String(decoding: item.bytes, as: UTF8.self).lowercased()
                    if words.allSatisfy({ text.contains($0) }) { return true }
                }
            }
            guard page.count == 200, let last = page.last, let sequence = try Leaf(last.leaf).sequence else {
                return false
            }
            from = sequence + 1
        }
    }

    /// The gateway's own sessions, one for each of its runs, oldest first: they hold the entries without a session.
    package func gatewaySessions() throws -> [RecordID] {
        try index.read { db in
            try String.fetchAll(db, sql: "SELECT id FROM sessions WHERE kind = 'gateway' ORDER BY sid")
                .compactMap { RecordID($0) }
        }
    }
}
