package import GatewayCore

/// What one statement does, with everything it contains flattened into sets: what rules judge.
package struct StatementFacts: Sendable {
    /// The statement's own class.
    package var statementClass: StatementClass
    /// Its own class and those of all that it contains: data-modifying CTEs, what PREPARE, DECLARE, COPY and EXPLAIN ANALYZE carry.
    package var classes: Set<StatementClass>
    /// `SELECT`, `DROP TABLE`, `CREATE TABLE AS`: capitals, synonyms folded (USER is ROLE, END is COMMIT).
    package var verb: String
    /// Place in the text, without what separates statements.
    package var range: Range<Int>
    package var reads: [RelationName] = []
    /// Relations that are changed, made, dropped, locked or granted on.
    package var writes: [RelationName] = []
    /// Other objects that a statement names: schemas, databases, roles, functions, extensions.
    package var objects: [String] = []
    /// Called functions, folded; with schema when the text has one.
    package var functions: [String] = []
    /// Functions (`f`, `s.f`), operators (`operator s.+`) and casts (`type s.t`) at any level whose effect is not known.
    package var unknownCalls: [String] = []
    /// A function, operator or type stands for the server's own only as long as `pg_catalog` is searched first.
    package var leansOnPath = false
    /// An UPDATE, DELETE or MERGE at any level whose condition is missing or holds for every row, or a TRUNCATE.
    package var hasWriteWithoutWhere = false
    /// Last names of all column references, folded.
    package var columns: [String] = []
    /// Names behind a row, folded: `c.name` of a relation `c`, `(x).name`. What is no column there is a function called
    /// with the row.
    package var rowAttributes: [String] = []
    /// Columns that INSERT, UPDATE or MERGE name as targets.
    package var writtenColumns: [String] = []
    /// A `*` that stands for columns, or a reference to a whole row, which does so too.
    package var hasStar = false
    /// NATURAL JOIN: columns are read that the text does not name.
    package var joinsNaturally = false
    /// An INSERT that names no columns.
    package var writesAnyColumn = false
    /// It answers with rows whose number nothing in the text bounds.
    package var readsWithoutLimit = false
    /// Relations that one query of it joins, at most.
    package var joinedRelations = 0
    /// Schemas that are named as such: made, dropped, altered, granted on.
    package var schemas: [String] = []
    /// What each output column mentions; nil unless the statement is a plain SELECT that names them all.
    package var outputs: [TargetColumns]?
    /// Columns by which the statement chooses, joins, groups, orders or sums up, at any level, folded; `*` for those of a
    /// whole row.
    package var probes: [String] = []
    package var name: NameEffect?
    /// Facts of the statement that PREPARE or DECLARE carries, for EXECUTE and FETCH to go by; empty otherwise.
    package var inner: [StatementFacts] = []
    package var settings: [SettingChange] = []
    package var transaction: TransactionControl?
    package var copy: CopyTarget?
    /// The language of a DO block; `plpgsql` when it names none.
    package var doLanguage: String?

    /// An operator or cast runs a function that may read anything by itself.
    package var callsForeignOperator: Bool { unknownCalls.contains(where: Self.isOperatorOrCast) }

    static func isOperatorOrCast(_ call: String) -> Bool { call.hasPrefix("operator ") || call.hasPrefix("type ") }

    package init(_ statementClass: StatementClass, verb: String, range: Range<Int>) {
        self.statementClass = statementClass
        self.classes = [statementClass]
        self.verb = verb
        self.range = range
    }
}

/// What a statement does to the session's names of prepared statements and cursors.
package enum NameEffect: Sendable, Hashable {
    case prepares(String)
    case executes(String)
    case deallocates(String)
    case deallocatesAll
    case declaresCursor(String)
    /// FETCH and MOVE.
    case fetches(String)
    case closesCursor(String)
    case closesAllCursors
    /// DISCARD ALL: statements, cursors and settings.
    case discardsAll
    /// DISCARD PLANS, SEQUENCES or TEMP: no name goes away.
    case discardsOther
}

/// A change of a run-time setting.
package struct SettingChange: Sendable, Hashable {
    package enum Kind: String, Sendable {
        case set
        /// For the transaction only.
        case local
        case reset
        case resetAll
        /// ALTER SYSTEM, ALTER DATABASE and ALTER ROLE: takes effect for sessions to come.
        case stored
    }

    /// Folded; `role` and `session_authorization` for SET ROLE and SET SESSION AUTHORIZATION. Nil when it cannot be told.
    package var name: String?
    /// Nil for DEFAULT, for resets and where it cannot be told.
    package var value: String?
    package var kind: Kind

    package init(name: String?, value: String?, kind: Kind) {
        self.name = name
        self.value = value
        self.kind = kind
    }
}

package enum TransactionControl: String, Sendable {
    case begin
    case commit
    case rollback
    case savepoint
    case rollbackTo
    case release
    case prepare
    case commitPrepared
    case rollbackPrepared
    /// SET CONSTRAINTS.
    case constraints
}

/// Direction and far end of a COPY.
package struct CopyTarget: Sendable, Hashable {
    package enum Endpoint: Sendable, Hashable {
        /// STDIN or STDOUT: the client.
        case client
        case file(String)
        case program(String)
    }

    package enum Direction: Sendable {
        case from
        case to
    }

    package var direction: Direction
    package var endpoint: Endpoint
    /// The table; nil for COPY (query).
    package var relation: RelationName?
    /// Columns as named; empty for all, or for a query.
    package var columns: [String]
    /// Bytes of the query in the text, between the parentheses; nil for a table.
    package var query: Range<Int>?
    /// `text`, `csv` or `binary`.
    package var format: String
    /// All options in their order, but for a FORMAT that `format` tells.
    package var options: [CopyOption]

    package init(
        direction: Direction, endpoint: Endpoint, relation: RelationName?, columns: [String], query: Range<Int>?,
        format: String, options: [CopyOption] = []
    ) {
        self.direction = direction
        self.endpoint = endpoint
        self.relation = relation
        self.columns = columns
        self.query = query
        self.format = format
        self.options = options
    }
}

/// An option of COPY as the parser read it, in the old or the new syntax.
package struct CopyOption: Sendable, Hashable {
    package enum Value: Sendable, Hashable {
        case none
        /// A word, a string or a number.
        case word(String)
        /// A list, a star, or anything else.
        case other
    }

    /// Folded unless it was quoted.
    package var name: String
    package var value: Value

    package init(name: String, value: Value) {
        self.name = name
        self.value = value
    }

    /// The value as PostgreSQL reads a boolean option; nil when it would not.
    package var boolean: Bool? {
        switch value {
        case .none: true
        case .word(let word):
            switch word.lowercased() {
            case "true", "on", "1": true
            case "false", "off", "0": false
            default: nil
            }
        case .other: nil
        }
    }
}
