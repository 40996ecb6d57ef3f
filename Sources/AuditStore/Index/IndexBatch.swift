import AuditLedger
import GRDB
import GatewayCore

/// Projects a run of records into the index, within one transaction.
struct IndexBatch {
    /// What a batch changes of one session.
    private struct Tally {
        var sid: Int64
        var next: UInt64
        var commands = 0
        var blocked = 0
        var held = 0
        var errors = 0
        var rows = 0
        var outcomes = 0
        var opened: Int64?
        var closed: Int64?
        var closing: String?
        var reason: String?
    }

    static let outcomeKinds: [OutcomeKind] = [
        .success, .error, .blocked, .cancelled, .interrupted, .suspended, .skipped,
    ]

    private let db: Database
    private var tallies: [RecordID: Tally] = [:]
    private let addEntry: Statement
    private let addChunk: Statement
    /// The last record was content, and its entry comes next.
    private var content: Int64?

    init(_ db: Database) throws {
        self.db = db
        addEntry = try db.cachedStatement(
            sql: "INSERT OR IGNORE INTO entries (sid, seq, position, content) VALUES (?, ?, ?, ?)")
        addChunk = try db.cachedStatement(
            sql: "INSERT OR IGNORE INTO chunks (sid, exchange, position, direction) VALUES (?, ?, ?, ?)")
        content = try Int64.fetchOne(db, sql: "SELECT content FROM progress")
    }

    /// `content`: what a content record holds, opened; empty when its session's key was erased.
    mutating func add(_ record: LogRecord, content items: [SaltedContent]) throws {
        switch record.kind {
        case .mark: return
        case .content:
            content = Int64(clamping: record.position)
            try add(chunk: record)
        case .chunk: try add(chunk: record)
        case .leaf: try add(leaf: record)
        }
    }

    private mutating func add(chunk record: LogRecord) throws {
        guard let clear = record.payload.withUnsafeBytes({ SealedRecord.clear(of: $0) }),
            let direction = clear.chunkDirection,
            let tally = try tally(of: clear.session, context: nil, position: record.position)
        else { return }
        try addChunk.execute(arguments: [
            tally.sid, Int64(clamping: clear.exchange), Int64(clamping: record.position), Int64(direction.rawValue),
        ])
    }

    private mutating func add(leaf record: LogRecord) throws {
        let leaf: Leaf
        do { leaf = try Leaf(record.payload) } catch {
            throw GatewayError(
                .logCorrupt, "The entry at position \(record.position) of the audit log is no leaf.", cause: error)
        }
        guard let session = leaf.session, let sequence = leaf.sequence, let type = leaf.type,
            var tally = try tally(of: session, context: leaf.context, position: record.position)
        else { return }
        try addEntry.execute(arguments: [
            tally.sid, Int64(clamping: sequence), Int64(clamping: record.position),
            leaf["content"] == nil ? nil : content,
        ])
        content = nil
        tally.next = max(tally.next, sequence + 1)
        count(leaf, type, into: &tally)
        tallies[session] = tally
    }

    private func count(_ leaf: Leaf, _ type: EntryType, into tally: inout Tally) {
        switch type {
        case .sessionOpen, .gatewayStarted: tally.opened = leaf.time?.microseconds
        case .sessionClose, .gatewayStopped:
            tally.closed = leaf.time?.microseconds
            tally.closing = leaf["outcome"]?["kind"]?.string
            tally.reason = leaf["reason"]?.string
        case .commandAllowed: tally.commands += 1
        case .commandBlocked:
            tally.commands += 1
            tally.blocked += 1
        case .commandHeld:
            tally.commands += 1
            tally.held += 1
        case .commandDenied, .commandExpired: tally.blocked += 1
        case .commandOutcome:
            if let kind = leaf["outcome"]?["kind"]?.string.flatMap(OutcomeKind.init(rawValue:)) {
                if kind == .error { tally.errors += 1 }
                if let bit = Self.outcomeKinds.firstIndex(of: kind) { tally.outcomes |= 1 << bit }
            }
            tally.rows &+= Int(clamping: leaf["counts"]?["rows"]?.integer ?? 0)
        default: break
        }
    }

    private mutating func tally(of session: RecordID, context: SessionContext?, position: UInt64) throws -> Tally? {
        if let known = tallies[session] { return known }
        let find = try db.cachedStatement(sql: "SELECT sid, next FROM sessions WHERE id = ?")
        if let row = try Row.fetchOne(find, arguments: [session.description]) {
            let tally = Tally(sid: row[0], next: UInt64(clamping: row[1] as Int64))
            tallies[session] = tally
            return tally
        }
        // A session's first record is a leaf; a chunk before it has nobody to belong to.
        guard let context else { return nil }
        let add = try db.cachedStatement(
            sql: """
                INSERT INTO sessions (id, kind, connection, issuer, subject, name, agent, model, run, purpose, on_behalf_of,
                    traceparent, trust, address, database, role, durability, first, next, commands, blocked, held, errors, rows, outcomes)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0, 0)
                """)
        let (who, agent) = (context.principal, context.agent)
        try add.execute(arguments: [
            session.description, context.kind, context.connection, who?.issuer, who?.subject, who?.name, agent.agent,
            agent.model,
            agent.run, agent.purpose, agent.onBehalfOf, agent.traceparent, agent.trust.rawValue, context.clientAddress,
            context.database,
            context.role, context.durability, Int64(clamping: position),
        ])
        let tally = Tally(sid: db.lastInsertedRowID, next: 0)
        tallies[session] = tally
        return tally
    }

    mutating func finish(segment: UInt64, position: UInt64) throws {
        let update = try db.cachedStatement(
            sql: """
                UPDATE sessions SET next = ?, commands = commands + ?, blocked = blocked + ?, held = held + ?, errors = errors + ?,
                    rows = rows + ?, outcomes = outcomes | ?, opened = coalesce(?, opened), closed = coalesce(?, closed),
                    closing = coalesce(?, closing), reason = coalesce(?, reason) WHERE sid = ?
                """)
        for tally in tallies.values {
            try update.execute(arguments: [
                Int64(clamping: tally.next), tally.commands, tally.blocked, tally.held, tally.errors, tally.rows,
                tally.outcomes,
                tally.opened, tally.closed, tally.closing, tally.reason, tally.sid,
            ])
        }
        try db.cachedStatement(sql: "UPDATE progress SET segment = ?, position = ?, content = ?")
            .execute(arguments: [Int64(clamping: segment), Int64(clamping: position), content])
    }
}
