import Foundation
import GRDB
import GatewayCore

/// One search in one state of the index. Looks at commands newest first, a window of them at a time, until the page is
/// full, nothing is left, or its time is over.
struct SearchScan {
    /// Rows of a driving table up to which commands are looked up by it rather than walked through.
    private static let mostCandidates = 20_000
    private static let mostDriven = 50_000
    /// Leaves whose commands are looked at together; each window is as wide as what the one before took allows.
    private static let firstWindow: Int64 = 8192
    private static let quick = Duration.milliseconds(20)

    struct Found {
        var command: Int64
        var sid: Int64
        var exchange: Int64
        var text: Int64
        var time: Int64
        var outcome: Int?
        var code: String?
        var rows: Int64?
    }

    /// How the commands that come into question are reached.
    private enum Driver {
        /// Through all, newest first.
        case walk
        /// By the sessions that match, which have few commands.
        case sessions
        /// By the texts that may match, as a JSON list.
        case texts(String)
        case outcome(Int)
        case approval(Data)
    }

    private let db: Database
    private let query: SearchQuery
    private let deadline: ContinuousClock.Instant
    private var shapes: Set<Int64>?
    /// Whether a text and its shape are as asked for.
    private var known: [Int64: Bool] = [:]
    private var sessionSQL: (condition: String, arguments: StatementArguments)?

    init(_ db: Database, _ query: SearchQuery, budget: Duration) throws {
        self.db = db
        self.query = query
        deadline = .now + budget
        shapes = try Self.shapes(db, query)
        sessionSQL = Self.sessionCondition(query)
    }

    /// The hits, and the command before which the next page begins; nil when there is none.
    mutating func run(before: Int64?) throws -> (found: [Found], next: Int64?) {
        guard shapes?.isEmpty != true, var range = try bounds(before) else { return ([], nil) }
        let driver = try driver()
        var found: [Found] = []
        var window = Self.firstWindow
        if case .sessions = driver { window = .max }
        if case .approval = driver { window = .max }
        while range.lowerBound < range.upperBound {
            let began = ContinuousClock.now
            let low = range.upperBound - range.lowerBound > window ? range.upperBound - window : range.lowerBound
            if try look(driver, low..<range.upperBound, &found) {
                // One more than asked for: there is a next page, which begins after the last one given.
                found.removeLast()
                return (found, found.last?.command)
            }
            range = range.lowerBound..<low
            let now = ContinuousClock.now
            if now - began < Self.quick, window <= .max / 8 { window *= 8 }
            if now >= deadline { return (found, range.isEmpty ? nil : low) }
        }
        return (found, nil)
    }

    // MARK: What narrows

    private static func shapes(_ db: Database, _ query: SearchQuery) throws -> Set<Int64>? {
        var sets: [Set<Int64>] = []
        func add(_ sql: String, _ arguments: StatementArguments) throws {
            sets.append(Set(try Int64.fetchAll(db, sql: sql, arguments: arguments)))
        }
        if let verdict = query.verdict {
            try add("SELECT shape FROM shapes WHERE verdict = ?", [verdict.rawValue])
        }
        if let rule = query.rule {
            try add(
                "SELECT shape FROM shape_names WHERE kind = ? AND name = ?",
                [IndexedShape.NameKind.rule.rawValue, rule])
        }
        if let object = query.object {
            try add(
                "SELECT shape FROM shape_names WHERE kind IN (?, ?) AND name = ?",
                [IndexedShape.NameKind.object.rawValue, IndexedShape.NameKind.lastPart.rawValue, object])
        }
        guard let first = sets.first else { return nil }
        return sets.dropFirst().reduce(first) { $0.intersection($1) }
    }

    private static func sessionCondition(_ query: SearchQuery) -> (String, StatementArguments)? {
        var conditions: [String] = []
        var arguments: [any DatabaseValueConvertible] = []
        func add(_ condition: String, _ values: (any DatabaseValueConvertible)?...) {
            let values = values.compactMap(\.self)
            guard !values.isEmpty else { return }
            conditions.append(condition)
            arguments += values
        }
        add("issuer = ? AND subject = ?", query.viewer?.issuer, query.viewer?.subject)
        add("(subject = ? OR name = ?)", query.principal, query.principal)
        add("agent = ?", query.agent)
        add("run = ?", query.run)
        add("connection = ?", query.connection)
        add("id = ?", query.session?.description)
        guard !conditions.isEmpty else { return nil }
        return (conditions.joined(separator: " AND "), StatementArguments(arguments))
    }

    /// The commands that may lie in the time asked for; nil when there are none.
    private func bounds(_ before: Int64?) throws -> Range<Int64>? {
        let row = try Row.fetchOne(
            db, sql: "SELECT min(first), max(last) + 1 FROM spans WHERE high >= ? AND low <= ?",
            arguments: [query.since?.microseconds ?? .min, query.until?.microseconds ?? .max])
        guard let row, let low: Int64 = row.value(0), let high: Int64 = row.value(1) else { return nil }
        let end = min(high, before ?? high)
        return low < end ? low..<end : nil
    }

    // MARK: How to reach them

    private func driver() throws -> Driver {
        if let approval = query.approval { return .approval(Data(approval.bytes)) }
        var commands = Int.max
        if let sessionSQL {
            commands =
                try Int.fetchOne(
                    db, sql: "SELECT total(commands) FROM sessions WHERE \(sessionSQL.condition)",
                    arguments: sessionSQL.arguments) ?? 0
            if commands <= 2000 { return .sessions }
        }
        if let grams = query.terms?.gramQuery {
            let texts = try candidates("SELECT rowid FROM grams WHERE grams MATCH ? LIMIT ?", [grams])
            if let texts, texts.count < commands { return .texts(Self.list(texts)) }
        }
        if let shapes, shapes.count <= 2000 {
            let texts = try candidates(
                "SELECT text FROM texts WHERE shape IN (SELECT value FROM json_each(?)) LIMIT ?",
                [Self.list(Array(shapes))])
            if let texts, texts.count < commands { return .texts(Self.list(texts)) }
        }
        if commands <= Self.mostDriven { return .sessions }
        if let outcome = query.outcome.flatMap({ IndexBatch.outcomeKinds.firstIndex(of: $0) }), outcome > 0 {
            return .outcome(outcome)
        }
        return .walk
    }

    /// Nil when there are too many.
    private func candidates(_ sql: String, _ arguments: StatementArguments) throws -> [Int64]? {
        let texts = try Int64.fetchAll(db, sql: sql, arguments: arguments + [Self.mostCandidates + 1])
        return texts.count <= Self.mostCandidates ? texts : nil
    }

    private static func list(_ numbers: [Int64]) -> String {
        "[" + numbers.map(String.init).joined(separator: ",") + "]"
    }

    // MARK: Looking

    /// True when there is one hit more than asked for.
    private mutating func look(_ driver: Driver, _ range: Range<Int64>, _ found: inout [Found]) throws -> Bool {
        var conditions: [String] = []
        var arguments: StatementArguments = []
        func add(_ condition: String, _ values: StatementArguments) {
            conditions.append(condition)
            arguments += values
        }
        var index = "NOT INDEXED"
        // A leading + keeps a condition from choosing another way than the driver's.
        switch driver {
        case .walk: break
        case .sessions: index = "INDEXED BY commands_session"
        case .texts(let list):
            index = "INDEXED BY commands_text"
            add("c.text IN (SELECT value FROM json_each(?))", [list])
        case .outcome(let outcome):
            index = "INDEXED BY commands_outcome"
            add("c.outcome > 0 AND c.outcome = ?", [outcome])
        case .approval(let approval):
            index = "INDEXED BY commands_session"
            add("(c.sid, c.exchange) IN (SELECT sid, exchange FROM approvals WHERE approval = ?)", [approval])
        }
        if case .sessions = driver {
            add("+c.command >= ? AND +c.command < ?", [range.lowerBound, range.upperBound])
        } else {
            add("c.command >= ? AND c.command < ?", [range.lowerBound, range.upperBound])
        }
        if let sessionSQL {
            var plus = "+"
            if case .sessions = driver { plus = "" }
            add("\(plus)c.sid IN (SELECT sid FROM sessions WHERE \(sessionSQL.condition))", sessionSQL.arguments)
        }
        if let outcome = query.outcome {
            add("+c.outcome = ?", [IndexBatch.outcomeKinds.firstIndex(of: outcome)])
        }
        if let since = query.since { add("c.time >= ?", [since.microseconds]) }
        if let until = query.until { add("c.time <= ?", [until.microseconds]) }
        let statement = try db.cachedStatement(
            sql: """
                SELECT c.command, c.sid, c.exchange, c.text, c.time, c.outcome, c.code, c.rows FROM commands c \(index)
                WHERE \(conditions.joined(separator: " AND ")) ORDER BY c.command DESC
                """)
        let rows = try Row.fetchCursor(statement, arguments: arguments)
        while let row = try rows.next() {
            let text: Int64 = row[3]
            guard try isWanted(text) else { continue }
            found.append(
                Found(
                    command: row[0], sid: row[1], exchange: row[2], text: text, time: row[4], outcome: row[5],
                    code: row[6], rows: row[7]))
            if found.count > query.limit { return true }
        }
        return false
    }

    private mutating func isWanted(_ text: Int64) throws -> Bool {
        guard shapes != nil || query.terms != nil else { return true }
        if let known = known[text] { return known }
        let find = try db.cachedStatement(sql: "SELECT shape, body FROM texts WHERE text = ?")
        let rows = try Row.fetchCursor(find, arguments: [text])
        var isWanted = false
        if let row = try rows.next() {
            isWanted = shapes?.contains(row[0]) ?? true
            if isWanted, let terms = query.terms {
                isWanted = try row.withUnsafeData(atIndex: 1) { body in
                    body?.withUnsafeBytes { terms.match($0) } ?? false
                }
            }
        }
        // Bounded: a long walk through different texts would only fill it.
        if known.count < 100_000 { known[text] = isWanted }
        return isWanted
    }
}
