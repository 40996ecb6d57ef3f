/// The coarse class of one statement; a rule's `statement:` names one of these or a verb.
package enum StatementClass: String, Sendable, CaseIterable {
    /// SELECT, VALUES, TABLE, SHOW, plain EXPLAIN, FETCH: reads.
    case select
    case insert
    case update
    case delete
    case merge
    case truncate
    /// CREATE, ALTER, DROP, COMMENT, REINDEX, REFRESH, SECURITY LABEL: changes what exists.
    case ddl
    /// GRANT, REVOKE, and everything on roles.
    case grant
    /// COPY in either direction, with the table, a query, a file or a program.
    case copy
    /// CALL and DO.
    case procedure
    /// BEGIN, COMMIT, ROLLBACK, SAVEPOINT, PREPARE TRANSACTION...
    case transaction
    /// SET, RESET, DISCARD, ALTER SYSTEM.
    case setting
    /// PREPARE, EXECUTE, DEALLOCATE, DECLARE, CLOSE and the like, beyond what they carry.
    case session
    /// VACUUM, ANALYZE, CLUSTER, CHECKPOINT, LOCK, LISTEN, NOTIFY, LOAD.
    case maintenance
    /// A function called by the protocol's FunctionCall message.
    case functionCall = "function_call"
    /// LOCK beyond ACCESS SHARE, SELECT … FOR UPDATE, advisory locks: others may wait.
    case lock
    /// LISTEN, NOTIFY, pg_notify.
    case notify
    /// nextval and setval.
    case sequence
    /// pg_sleep and the like.
    case sleep
    /// Large objects: lo_creat, lowrite…
    case largeObject = "large_object"
    /// Files and programs of the server: COPY with a file or PROGRAM, pg_read_file, lo_export…
    case file
    /// Other servers: dblink, foreign servers and tables, subscriptions.
    case remote
    /// The server itself: ALTER SYSTEM, LOAD, CHECKPOINT, other backends, replication, write-ahead log, statistics.
    case server
    /// Functions that run a text or read what a text names: query_to_xml, table_to_xml, ts_stat.
    case sqlText = "sql_text"
    /// Settings that give other rights, load code or silence the server's log: `SET ROLE`, `session_replication_role`…
    case riskySetting = "risky_setting"
    /// A function, operator or cast that is not one of the server's own, reviewed by name, is called.
    case unknownEffect = "unknown_effect"
    /// No statement at all: an empty text.
    case empty
    /// Not understood.
    case unknown
}

/// A table, view or other relation as a statement names it. Unquoted names are folded already; empty schema = by
/// search_path.
package struct RelationName: Sendable, Hashable {
    package var schema: String
    package var name: String

    package init(schema: String = "", name: String) {
        self.schema = schema
        self.name = name
    }
}

extension RelationName: CustomStringConvertible {
    package var description: String { schema.isEmpty ? name : schema + "." + name }
}

/// Why a text was not understood: shown to the client with the refusal, and recorded.
package struct NotUnderstood: Error, Sendable, Hashable {
    /// What was met, e.g. `syntax error at or near "FOO"` or `the text has 12,001 tokens, the limit is 5,000`.
    package var message: String
    /// Character position in the text, 1-based, when the parser told one.
    package var position: Int?
    /// The setting that changes it, e.g. `limits.tokens`, when one does.
    package var setting: String?
    /// The SQLSTATE of a refusal because of it, where that is none of permission.
    package var code: String?

    package init(message: String, position: Int? = nil, setting: String? = nil, code: String? = nil) {
        self.message = message
        self.position = position
        self.setting = setting
        self.code = code
    }
}
