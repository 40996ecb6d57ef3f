import GatewayCore

/// The meaning of `read_only: true`: nothing may change.
enum ReadOnly {
    /// Why the subject could change something; nil when it cannot, as far as its words tell.
    static func objection(to subject: CommandSubject) -> String? {
        for name in StatementClass.allCases where subject.classes.contains(name) {
            switch name {
            case .select, .transaction, .session, .empty:
                continue
            case .copy:
                if StatementWord.copiesOutOnly(subject), !subject.verbs.contains(where: writesOnServer) { continue }
                return "copy"
            case .setting:
                if let harmful = harmfulSetting(subject) { return harmful }
            default:
                return name.rawValue
            }
        }
        // Before SELECT has a class of its own for it: a table made or a row locked by a SELECT.
        if subject.verbs.contains(where: { StatementWord.verb("SELECT INTO", covers: $0) }) { return "select into" }
        return subject.functions.first(where: changes)
    }

    private static func writesOnServer(_ verb: String) -> Bool {
        StatementWord.verb("COPY TO FILE", covers: verb) || StatementWord.verb("COPY TO PROGRAM", covers: verb)
    }

    private static func harmfulSetting(_ subject: CommandSubject) -> String? {
        if subject.verbs.contains(where: { StatementWord.verb("ALTER", covers: $0) }) { return "alter system" }
        return subject.settings.first { $0.isEmpty || harmfulSettings.contains($0) }.map {
            $0.isEmpty ? "setting" : "set \($0)"
        }
    }

    /// Settings that give other rights, or lift the target's own read-only mode.
    private static let harmfulSettings: Set<String> = [
        "role", "session_authorization", "transaction_read_only", "default_transaction_read_only",
        "session_replication_role",
    ]

    /// Built-in functions that change data, files, other sessions or the server; functions a database defines itself
    /// cannot be told by name.
    private static func changes(_ function: String) -> Bool {
        let name = function.split(separator: ".").last.map(String.init) ?? function
        if exact.contains(name) { return true }
        return prefixes.contains { name.hasPrefix($0) }
    }

    private static let exact: Set<String> = [
        "nextval", "setval", "set_config", "pg_notify", "pg_reload_conf", "pg_rotate_logfile", "pg_terminate_backend",
        "pg_cancel_backend",
        "pg_promote", "pg_switch_wal", "pg_create_restore_point", "pg_logical_emit_message",
        "pg_import_system_collations", "lowrite",
        "query_to_xml", "query_to_xml_and_xmlschema", "query_to_xmlschema",
    ]
    private static let prefixes = [
        "lo_creat", "lo_import", "lo_export", "lo_unlink", "lo_put", "lo_from_bytea", "lo_truncate", "dblink",
        "pg_file_", "pg_stat_reset",
        "pg_replication_", "pg_create_", "pg_drop_", "pg_wal_replay_", "pg_backup_", "pg_start_backup",
        "pg_stop_backup", "brin_",
        "gin_clean_",
    ]
}
