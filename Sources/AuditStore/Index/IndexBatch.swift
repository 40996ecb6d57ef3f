import AuditLedger
import Crypto
import Foundation
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

        /// The target says how many, so there may be any number of any size.
        mutating func add(rows more: Int64) {
            rows = min(rows + Int(clamping: min(max(more, 0), IndexBatch.mostRows)), Int(IndexBatch.mostRows))
        }
    }

    /// A command that begins in this batch; most end in it too, and are written once.
    private struct Command {
        var id: Int64
        var sid: Int64
        var exchange: UInt64
        var text: Int64
        var time: Int64
        var outcome: Int?
        var code: String?
        var rows: Int64?
    }

    /// Where a session's count of rows stops: the largest number that every reader of JSON has. Two of them still make a
    /// whole number of SQLite's.
    static let mostRows: Int64 = 1 << 53 - 1

    static let outcomeKinds: [OutcomeKind] = [
        .success, .error, .blocked, .cancelled, .interrupted, .suspended, .skipped,
    ]

    private let db: Database
    private let textKey: SymmetricKey
    private(set) var memory: IndexMemory
    private var tallies: [RecordID: Tally] = [:]
    /// In the order of their ids.
    private var commands: [Command] = []
    private let addEntry: Statement
    private let addChunk: Statement
    /// The last record was content, and its entry comes next.
    private var content: Int64?
    /// The ledger's index of the next leaf.
    private var leaf: Int64
    private let firstLeaf: Int64
    private var times: ClosedRange<Int64>?

    init(_ db: Database, memory: IndexMemory, textKey: SymmetricKey) throws {
        self.db = db
        self.memory = memory
        self.textKey = textKey
        addEntry = try db.cachedStatement(
            sql: "INSERT OR IGNORE INTO entries (sid, seq, position, content) VALUES (?, ?, ?, ?)")
        addChunk = try db.cachedStatement(
            sql: "INSERT OR IGNORE INTO chunks (sid, exchange, position, direction) VALUES (?, ?, ?, ?)")
        let progress = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT content, leaf, pending FROM progress"))
        content = progress?.value(0)
        leaf = progress?.value(1) ?? 0
        firstLeaf = leaf
        if self.memory.pending == nil { self.memory.pending = progress?.value(2, as: Data.self).map(Array.init) }
    }

    /// `content`: what a content record holds, opened; empty when its session's key was erased.
    mutating func add(_ record: LogRecord, content items: [SaltedContent]) throws {
        switch record.kind {
        case .mark: return
        case .content:
            content = Int64(clamping: record.position)
            memory.pending = items.first { $0.kind == .text }?.bytes
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
        guard let leaf = record.payload.withUnsafeBytes({ LeafSummary($0) }) else { throw Self.damage(record) }
        if let known = record.leaf { move(to: known) }
        let number = self.leaf
        self.leaf += 1
        defer {
            content = nil
            memory.pending = nil
        }
        guard
            var tally = try tally(
                of: leaf.session, context: Self.whole(record).context, position: record.position)
        else { return }
        let time = leaf.time.microseconds
        times = times.map { min($0.lowerBound, time)...max($0.upperBound, time) } ?? time...time
        try addEntry.execute(arguments: [
            tally.sid, Int64(clamping: leaf.sequence), Int64(clamping: record.position),
            leaf.hasContent ? content : nil,
        ])
        tally.next = max(tally.next, leaf.sequence + 1)
        count(leaf, into: &tally)
        tallies[leaf.session] = tally
        switch leaf.type {
        case .commandAllowed, .commandBlocked, .commandHeld:
            try begin(leaf, of: record, number: number, sid: tally.sid)
        case .commandDenied, .commandExpired, .commandDeferred: try refuse(leaf, sid: tally.sid)
        case .commandOutcome: try end(leaf, sid: tally.sid)
        case .approvalRequested: try note(approval: Self.whole(record))
        case .erased:
            if let erased = try Self.whole(record)["subject_session"]?.string.flatMap({ RecordID($0) }) {
                try PendingErasures.add(erased, db)
            }
        default: break
        }
    }

    /// Few entries need more than their summary.
    private static func whole(_ record: LogRecord) throws -> Leaf {
        do { return try Leaf(record.payload) } catch { throw damage(record, cause: error) }
    }

    private static func damage(_ record: LogRecord, cause: (any Error)? = nil) -> GatewayError {
        GatewayError(.logCorrupt, "The entry at position \(record.position) of the audit log is no leaf.", cause: cause)
    }

    /// Goes on with the leaf of this index in the ledger: the index is made again session by session.
    mutating func move(to leaf: UInt64) { self.leaf = Int64(clamping: leaf) }

    private func count(_ leaf: LeafSummary, into tally: inout Tally) {
        switch leaf.type {
        case .sessionOpen, .gatewayStarted: tally.opened = leaf.time.microseconds
        case .sessionClose, .gatewayStopped:
            tally.closed = leaf.time.microseconds
            tally.closing = leaf.outcome?.rawValue
            tally.reason = leaf.reason
        case .commandAllowed: tally.commands += 1
        case .commandBlocked:
            tally.commands += 1
            tally.blocked += 1
        case .commandHeld:
            tally.commands += 1
            tally.held += 1
        case .commandDenied, .commandExpired, .commandDeferred: tally.blocked += 1
        case .commandOutcome:
            if let kind = leaf.outcome {
                if kind == .error { tally.errors += 1 }
                if let bit = Self.outcomeKinds.firstIndex(of: kind) { tally.outcomes |= 1 << bit }
            }
            tally.add(rows: leaf.rows ?? 0)
        default: break
        }
    }

    // MARK: Commands

    private mutating func begin(_ leaf: LeafSummary, of record: LogRecord, number: Int64, sid: Int64) throws {
        guard let exchange = leaf.exchange else { return }
        let shape = try shape(leaf.meaning) { try Self.whole(record) }
        let text = try text(memory.pending, shape: shape)
        var command = Command(id: number, sid: sid, exchange: exchange, text: text, time: leaf.time.microseconds)
        // What is refused at once, without the target hearing of it, has no other outcome.
        if leaf.type == .commandBlocked { command.outcome = Self.outcomeKinds.firstIndex(of: .blocked) }
        commands.append(command)
        memory.begin(.init(sid: sid, exchange: exchange), number)
    }

    private mutating func end(_ leaf: LeafSummary, sid: Int64) throws {
        guard let exchange = leaf.exchange, let kind = leaf.outcome else { return }
        let key = IndexMemory.OpenCommand(sid: sid, exchange: exchange)
        try settle(key, kind, code: leaf.code, rows: leaf.rows)
        memory.end(key)
    }

    /// Denied, expired or deferred: an outcome of the target's may still follow.
    private mutating func refuse(_ leaf: LeafSummary, sid: Int64) throws {
        guard let exchange = leaf.exchange else { return }
        try settle(.init(sid: sid, exchange: exchange), .blocked, code: nil, rows: nil)
    }

    private mutating func settle(
        _ key: IndexMemory.OpenCommand, _ kind: OutcomeKind, code: String?, rows: Int64?
    ) throws {
        guard let outcome = Self.outcomeKinds.firstIndex(of: kind) else { return }
        if let command = memory.open[key], let place = index(of: command) {
            commands[place].outcome = outcome
            commands[place].code = code
            commands[place].rows = rows
        } else {
            // Begun in an earlier batch.
            try db.cachedStatement(
                sql: "UPDATE commands SET outcome = ?, code = ?, rows = ? WHERE sid = ? AND exchange = ?"
            ).execute(arguments: [outcome, code, rows, key.sid, Int64(clamping: key.exchange)])
        }
    }

    private func index(of command: Int64) -> Int? {
        var (low, high) = (0, commands.count)
        while low < high {
            let middle = (low + high) / 2
            if commands[middle].id < command { low = middle + 1 } else { high = middle }
        }
        return low < commands.count && commands[low].id == command ? low : nil
    }

    /// `meaning`: the leaf's, by which what was seen before is known without reading the leaf.
    private mutating func shape(_ meaning: [UInt8], leaf: () throws -> Leaf) throws -> Int64 {
        if let known = memory.shapes[meaning] { return known }
        let leaf = try leaf()
        func strings(_ name: String) -> [String] { (leaf[name]?.list ?? []).compactMap(\.string) }
        let shape = IndexedShape(
            classes: strings("classes"), verb: leaf["verb"]?.string, objects: strings("objects"),
            rules: strings("rules"), verdict: leaf["verdict"]?.string)
        let id = try IndexedShape.find(db, key: shape.key) { shape }
        memory.remember(shape: meaning, id)
        return id
    }

    private mutating func text(_ body: [UInt8]?, shape: Int64) throws -> Int64 {
        let key = IndexMemory.TextKey(shape: shape, body: body)
        if let known = memory.texts[key] { return known }
        let id = try IndexedText.find(db, shape: shape, body: body, key: textKey)
        memory.remember(key, id)
        return id
    }

    private mutating func note(approval leaf: Leaf) throws {
        guard let approval = leaf["approval"]?.string.flatMap({ RecordID($0) }), let exchange = leaf.exchange,
            let session = leaf["subject_session"]?.string.flatMap({ RecordID($0) }),
            let tally = try tally(of: session, context: nil, position: 0)
        else { return }
        try db.cachedStatement(sql: "INSERT OR IGNORE INTO approvals (approval, sid, exchange) VALUES (?, ?, ?)")
            .execute(arguments: [Data(approval.bytes), tally.sid, Int64(clamping: exchange)])
    }

    // MARK: Sessions

    private mutating func tally(
        of session: RecordID, context: @autoclosure () throws -> SessionContext?, position: UInt64
    ) throws -> Tally? {
        if let known = tallies[session] { return known }
        if let known = memory.sessions[session] {
            let tally = Tally(sid: known.sid, next: known.next)
            tallies[session] = tally
            return tally
        }
        let find = try db.cachedStatement(sql: "SELECT sid, next FROM sessions WHERE id = ?")
        if let row = try Row.fetchOne(find, arguments: [session.description]) {
            let tally = Tally(sid: row.value(0) ?? 0, next: row.position(1))
            tallies[session] = tally
            return tally
        }
        // A session's first record is a leaf; a chunk before it has nobody to belong to.
        guard let context = try context() else { return nil }
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

    // MARK: End

    /// Whether the next record belongs to the last one, so that a transaction should not end between them.
    var awaitsLeaf: Bool { content != nil }

    mutating func finish(segment: UInt64, position: UInt64) throws {
        try writeCommands()
        try writeSessions()
        try writeSpan()
        try db.cachedStatement(sql: "UPDATE progress SET segment = ?, position = ?, content = ?, leaf = ?, pending = ?")
            .execute(arguments: [
                Int64(clamping: segment), Int64(clamping: position), content, leaf, memory.pending.map { Data($0) },
            ])
    }

    private func writeCommands() throws {
        let add = try db.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO commands (command, sid, exchange, text, time, outcome, code, rows)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """)
        for command in commands {
            try add.execute(arguments: [
                command.id, command.sid, Int64(clamping: command.exchange), command.text, command.time,
                command.outcome, command.code, command.rows,
            ])
        }
    }

    private mutating func writeSessions() throws {
        let update = try db.cachedStatement(
            sql: """
                UPDATE sessions SET next = ?, commands = commands + ?, blocked = blocked + ?, held = held + ?, errors = errors + ?,
                    rows = max(0, min(\(Self.mostRows), rows + ?)), outcomes = outcomes | ?, opened = coalesce(?, opened), closed = coalesce(?, closed),
                    closing = coalesce(?, closing), reason = coalesce(?, reason) WHERE sid = ?
                """)
        for (session, tally) in tallies {
            try update.execute(arguments: [
                Int64(clamping: tally.next), tally.commands, tally.blocked, tally.held, tally.errors, tally.rows,
                tally.outcomes,
                tally.opened, tally.closed, tally.closing, tally.reason, tally.sid,
            ])
            memory.remember(session, .init(sid: tally.sid, next: tally.next))
        }
    }

    /// Which leaves lie in which time, a row for some thousands of them: what a search by time begins with.
    private func writeSpan() throws {
        guard let times, leaf > firstLeaf else { return }
        let last = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT first, last, low, high FROM spans ORDER BY first DESC LIMIT 1"))
        if let last, let first: Int64 = last.value(0), last.value(1) == firstLeaf - 1, leaf - first <= 4096 {
            try db.cachedStatement(
                sql: "UPDATE spans SET last = ?, low = min(low, ?), high = max(high, ?) WHERE first = ?"
            )
            .execute(arguments: [leaf - 1, times.lowerBound, times.upperBound, first])
        } else {
            try db.cachedStatement(sql: "INSERT OR REPLACE INTO spans (first, last, low, high) VALUES (?, ?, ?, ?)")
                .execute(arguments: [firstLeaf, leaf - 1, times.lowerBound, times.upperBound])
        }
    }
}
