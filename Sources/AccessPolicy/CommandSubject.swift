package import GatewayCore

/// What policy knows of one command, whatever its protocol; a dialect fills it, policy reads nothing else.
package struct CommandSubject: Sendable {
    /// Classes of every statement in the command and of all that they carry.
    package var classes: Set<StatementClass>
    /// Verbs in words, any case: `DROP TABLE`. COPY comes with its direction: `COPY FROM`, `COPY TO` (client), `COPY TO
    /// FILE`…
    package var verbs: [String]
    package var reads: [RelationName]
    package var writes: [RelationName]
    /// Called functions, folded.
    package var functions: [String]
    /// Names of settings that the command changes, folded; an empty name stands for one that cannot be told. Going back to
    /// what the session began with is no change.
    package var settings: [String]
    /// An UPDATE, DELETE or MERGE without a condition, or a TRUNCATE.
    package var writesWithoutWhere: Bool
    /// Rows are asked for, and nothing in the text bounds their number.
    package var readsWithoutLimit = false
    /// Relations that one query of it joins, at most.
    package var joinedRelations = 0
    /// Names of columns that are read, in conditions too, folded; a text does not tell of which table they are.
    package var columnsRead: [String] = []
    /// Columns may be read that the text does not name: a star, a whole row, a natural join.
    package var readsAnyColumn = false
    package var columnsWritten: [String] = []
    /// An INSERT or COPY FROM that names no columns.
    package var writesAnyColumn = false
    /// Schemas that are named as such: made, dropped, granted on.
    package var schemas: [String] = []
    /// Where relations named without a schema may lie.
    package var searchPath = SearchPath.unknown
    /// The target was asked for it already.
    package var pathWasAsked = false
    /// Functions, operators and casts whose effect is not known, in words.
    package var unknownCalls: [String] = []
    /// It is understood as it is only as long as the server's own functions are found first.
    package var leansOnPath = false
    /// It could lift a read-only mode that the server holds.
    package var liftsReadOnly = false
    /// It asks about masked columns, and a mask says what then happens.
    package var oracle: OracleUse?
    /// What is asked for, of a command that is a request.
    package var request: (any RequestFacts)?
    /// What must be known before `oracle` says all. While it is not empty there is no verdict.
    package var oracleQuestions: [OracleQuestion] = []
    /// The command's text as judged and forwarded.
    package var text: [UInt8]
    package var notUnderstood: NotUnderstood?
    package var principal: Principal?
    package var agent: AgentContext?
    package var connection: String
    package var database: String
    /// How many rows it is about; asked at the target, only where a rule depends on it. Nil: not asked.
    package var estimate: RowEstimate?
    /// Where the verdict on it may be kept, when it comes again as it is.
    package var memo: VerdictMemo?
    /// When it is judged; set by who judges, only where rules ask for it.
    package var time: Timestamp?

    package init(
        classes: Set<StatementClass>, verbs: [String] = [], reads: [RelationName] = [], writes: [RelationName] = [],
        functions: [String] = [], settings: [String] = [], writesWithoutWhere: Bool = false, text: [UInt8] = [],
        notUnderstood: NotUnderstood? = nil, principal: Principal? = nil, agent: AgentContext? = nil,
        connection: String = "",
        database: String = ""
    ) {
        self.classes = classes
        self.verbs = verbs
        self.reads = reads
        self.writes = writes
        self.functions = functions
        self.settings = settings
        self.writesWithoutWhere = writesWithoutWhere
        self.text = text
        self.notUnderstood = notUnderstood
        self.principal = principal
        self.agent = agent
        self.connection = connection
        self.database = database
    }
}
