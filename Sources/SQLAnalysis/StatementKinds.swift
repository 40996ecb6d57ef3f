import GatewayCore

/// Class and verb of the parser's statement nodes.
enum StatementKinds {
    /// Nil verb: it is in the words of the text (`VerbReader`).
    static func of(_ node: String) -> (statementClass: StatementClass, verb: String?) {
        switch node {
        case "SelectStmt": (.select, "SELECT")
        case "InsertStmt": (.insert, "INSERT")
        case "UpdateStmt": (.update, "UPDATE")
        case "DeleteStmt": (.delete, "DELETE")
        case "MergeStmt": (.merge, "MERGE")
        case "TruncateStmt": (.truncate, "TRUNCATE")
        case "CopyStmt": (.copy, "COPY")
        case "CallStmt": (.procedure, "CALL")
        case "DoStmt": (.procedure, "DO")
        case "ExplainStmt": (.select, "EXPLAIN")
        case "VariableShowStmt": (.select, "SHOW")
        case "FetchStmt": (.select, "FETCH")
        case "TransactionStmt": (.transaction, nil)
        case "ConstraintsSetStmt": (.transaction, "SET CONSTRAINTS")
        case "VariableSetStmt": (.setting, "SET")
        case "AlterSystemStmt": (.setting, "ALTER SYSTEM")
        case "AlterDatabaseSetStmt": (.setting, "ALTER DATABASE")
        case "AlterRoleSetStmt": (.grant, "ALTER ROLE")
        case "DiscardStmt": (.setting, "DISCARD")
        case "PrepareStmt": (.session, "PREPARE")
        case "ExecuteStmt": (.session, "EXECUTE")
        case "DeallocateStmt": (.session, "DEALLOCATE")
        case "DeclareCursorStmt": (.session, "DECLARE")
        case "ClosePortalStmt": (.session, "CLOSE")
        case "GrantStmt", "GrantRoleStmt": (.grant, nil)
        case "AlterDefaultPrivilegesStmt": (.grant, "ALTER DEFAULT PRIVILEGES")
        case "CreateRoleStmt", "AlterRoleStmt", "DropRoleStmt": (.grant, nil)
        case "ReassignOwnedStmt": (.grant, "REASSIGN OWNED")
        case "DropOwnedStmt": (.grant, "DROP OWNED")
        case "VacuumStmt", "ClusterStmt", "CheckPointStmt", "LockStmt", "ListenStmt", "NotifyStmt", "LoadStmt":
            (.maintenance, nil)
        case "UnlistenStmt": (.session, "UNLISTEN")
        case "CreateTableAsStmt": (.ddl, "CREATE TABLE AS")
        // Whatever else the grammar knows creates, alters or drops something.
        default: (.ddl, nil)
        }
    }

    /// What the statement does beside its own class.
    static func effects(of node: String) -> Set<StatementClass> {
        switch node {
        case "ListenStmt", "NotifyStmt": [.notify]
        case "CheckPointStmt", "LoadStmt", "AlterSystemStmt": [.server]
        case "CreateForeignServerStmt", "AlterForeignServerStmt", "CreateUserMappingStmt", "AlterUserMappingStmt",
            "DropUserMappingStmt", "CreateForeignTableStmt", "ImportForeignSchemaStmt", "CreateFdwStmt", "AlterFdwStmt",
            "CreateSubscriptionStmt", "AlterSubscriptionStmt", "DropSubscriptionStmt":
            [.remote]
        default: []
        }
    }

    /// Class by the first words alone, for texts the parser does not see. What may carry another statement is `unknown`.
    static func byFirstWord(_ verb: String) -> StatementClass {
        switch verb {
        case "SELECT", "VALUES", "TABLE", "SHOW", "FETCH", "MOVE": .select
        case "INSERT": .insert
        case "UPDATE": .update
        case "DELETE": .delete
        case "MERGE": .merge
        case "TRUNCATE": .truncate
        case "COPY": .copy
        case "CALL", "DO": .procedure
        case "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PREPARE TRANSACTION": .transaction
        case "SET", "RESET", "DISCARD", "ALTER SYSTEM": .setting
        case "DEALLOCATE", "CLOSE", "UNLISTEN": .session
        case "GRANT", "REVOKE", "CREATE ROLE", "ALTER ROLE", "DROP ROLE", "REASSIGN", "ALTER DEFAULT PRIVILEGES": .grant
        case "VACUUM", "ANALYZE", "CLUSTER", "CHECKPOINT", "LOCK", "LISTEN", "NOTIFY", "LOAD": .maintenance
        case "COMMENT", "REINDEX", "REFRESH", "SECURITY", "IMPORT": .ddl
        default: verb.hasPrefix("CREATE ") || verb.hasPrefix("ALTER ") || verb.hasPrefix("DROP ") ? .ddl : .unknown
        }
    }
}

/// Reads the verb from the first words of a statement: `CREATE OR REPLACE TEMP VIEW` is `CREATE VIEW`.
struct VerbReader {
    let text: UnsafeRawBufferPointer

    func verb(of tokens: ArraySlice<SQLToken>) -> String {
        var rest = tokens.drop { $0.isSymbol(0x28, in: text) }
        guard let first = word(rest.first) else { return "" }
        rest = rest.dropFirst()
        switch first {
        case "START": return "BEGIN"
        case "END": return "COMMIT"
        case "ABORT": return "ROLLBACK"
        case "ANALYSE": return "ANALYZE"
        case "PREPARE", "COMMIT", "ROLLBACK":
            guard word(rest.first) == "TRANSACTION" || word(rest.first) == "PREPARED",
                first == "PREPARE" || word(rest.first) == "PREPARED"
            else { return first }
            return first + " " + (word(rest.first) ?? "")
        case "CREATE", "ALTER", "DROP":
            return first + object(rest)
        default: return first
        }
    }

    private func object(_ tokens: ArraySlice<SQLToken>) -> String {
        let modifiers: Set<String> = [
            "OR", "REPLACE", "TEMP", "TEMPORARY", "UNLOGGED", "GLOBAL", "LOCAL", "UNIQUE", "RECURSIVE", "TRUSTED",
            "PROCEDURAL",
            "CONSTRAINT",
        ]
        var rest = tokens
        while let next = word(rest.first), modifiers.contains(next) { rest = rest.dropFirst() }
        guard let one = word(rest.first) else { return "" }
        let two = word(rest.dropFirst().first) ?? ""
        let three = word(rest.dropFirst(2).first) ?? ""
        switch (one, two) {
        case ("DEFAULT", "CONVERSION"): return " CONVERSION"
        case ("USER", "MAPPING"), ("FOREIGN", "TABLE"), ("MATERIALIZED", "VIEW"), ("EVENT", "TRIGGER"),
            ("ACCESS", "METHOD"),
            ("OPERATOR", "CLASS"), ("OPERATOR", "FAMILY"), ("DEFAULT", "PRIVILEGES"), ("LARGE", "OBJECT"):
            return " \(one) \(two)"
        case ("FOREIGN", "DATA"), ("TEXT", "SEARCH"): return " \(one) \(two) \(three)"
        case ("USER", _), ("GROUP", _): return " ROLE"
        default: return " " + one
        }
    }

    private func word(_ token: SQLToken?) -> String? {
        guard let token, token.kind == .word, token.end - token.start < 32 else { return nil }
        return String(decoding: text[token.range].map(ASCII.upper), as: UTF8.self)
    }
}
