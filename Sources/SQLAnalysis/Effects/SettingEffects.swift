import GatewayCore

/// What changing a setting means beyond its own value.
package enum SettingEffects {
    /// Whether the change gives other rights, loads code, weakens the server's checks or silences its log.
    static func isRisky(_ change: SettingChange) -> Bool {
        switch change.kind {
        case .reset, .resetAll: return false
        case .set, .local, .stored: break
        }
        // Stored without a name is ALTER … RESET ALL.
        guard let name = change.name else { return change.kind != .stored }
        if name == "role" || name == "session_authorization" { return change.value?.lowercased() != "none" }
        return risky.contains(name) || prefixes.contains(where: name.hasPrefix)
    }

    /// Whether built-in functions, operators and types could be hidden by others of the same name afterwards.
    package static func hidesBuiltIns(_ change: SettingChange) -> Bool {
        guard change.kind == .set || change.kind == .local else { return false }
        guard let name = change.name else { return true }
        guard name == "search_path" else { return false }
        return change.value.map { hidesBuiltIns(searchPath: $0) } ?? true
    }

    /// `pg_catalog` is searched first unless the path names it, and then where it stands. A quoted comma makes too much
    /// of a path, never too little.
    package static func hidesBuiltIns(searchPath: String) -> Bool {
        let schemas = searchPath.split(separator: ",").map { schema in
            String(schema.lowercased().filter { $0 != " " && $0 != "\"" && $0 != "'" && $0 != "\t" && $0 != "\n" })
        }
        return schemas.dropFirst().contains("pg_catalog")
    }

    /// Whether the change could lift a transaction's or the session's read-only mode.
    package static func liftsReadOnly(_ change: SettingChange) -> Bool {
        guard let name = change.name else { return change.kind != .resetAll }
        guard ["transaction_read_only", "default_transaction_read_only"].contains(name) else { return false }
        guard change.kind == .set || change.kind == .local, let value = change.value else { return true }
        return !isOn(value)
    }

    /// As PostgreSQL reads a boolean that is true: any unambiguous beginning of the words.
    package static func isOn(_ value: String) -> Bool {
        ["on", "t", "tr", "tru", "true", "y", "ye", "yes", "1"].contains(value.lowercased())
    }

    private static let risky: Set<String> = [
        "session_replication_role", "session_preload_libraries", "local_preload_libraries", "shared_preload_libraries",
        "dynamic_library_path", "jit_provider", "allow_system_table_mods", "allow_in_place_tablespaces",
        "ignore_system_indexes", "ignore_checksum_failure", "ignore_invalid_pages", "zero_damaged_pages",
        "lo_compat_privileges", "exit_on_error", "password_encryption", "track_activities",
    ]
    private static let prefixes = ["log_", "debug_", "pgaudit.", "ssl_", "archive_", "recovery_"]
}
