import GatewayCore

/// Functions that do something beside giving a value, and what: the classes that a call of them adds to its statement.
///
/// What may do anything that a rule could be about (run a text, here or on another server) is an unknown effect as well,
/// so that a rule about deletes is not passed by. So is every name that is not one of the server's own: anybody could
/// have given it to anything.
enum KnownEffects {
    /// Effects of the server's own function `name`; nil when it is none, or none is known.
    static func classes(ofBuiltIn name: String) -> Set<StatementClass>? { exact[name] }

    /// Effects of the extensions' functions called like that, beside being unknown.
    static func classes(ofFamily name: String) -> Set<StatementClass> {
        prefixes.first { name.hasPrefix($0.prefix) }?.classes ?? exact[name] ?? []
    }

    private static func table(_ classes: Set<StatementClass>, _ names: String) -> [(String, Set<StatementClass>)] {
        names.split { $0 == " " || $0 == "\n" }.map { (String($0), classes) }
    }

    private static let exact: [String: Set<StatementClass>] = Dictionary(
        [
            table([.sequence], "nextval setval"),
            table([.setting], "set_config"),
            table([.sleep], "pg_sleep pg_sleep_for pg_sleep_until"),
            // Held by the session or the transaction, seen by all; a plain unlock can free what another part relies on.
            table(
                [.lock],
                """
                pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_shared
                pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_lock pg_try_advisory_lock_shared
                pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared
                """),
            table([.notify], "pg_notify"),
            table([.file, .largeObject], "lo_import lo_export"),
            table(
                [.largeObject],
                """
                lowrite loread lo_close lo_creat lo_create lo_from_bytea lo_get lo_lseek lo_lseek64 lo_open lo_put
                lo_tell lo_tell64 lo_truncate lo_truncate64 lo_unlink
                """),
            table(
                [.file],
                """
                pg_stat_file pg_current_logfile pg_hba_file_rules pg_ident_file_mappings pg_show_all_file_settings
                pg_config pg_relation_filepath pg_export_snapshot pg_read_file pg_read_file_old pg_read_binary_file
                pg_ls_dir pg_ls_logdir pg_ls_waldir pg_ls_tmpdir pg_ls_archive_statusdir pg_ls_logicalmapdir
                pg_ls_logicalsnapdir pg_ls_replslotdir pg_ls_summariesdir
                """),
            table(
                [.server],
                """
                pg_terminate_backend pg_cancel_backend pg_reload_conf pg_rotate_logfile pg_rotate_logfile_old
                pg_log_backend_memory_contexts pg_promote pg_switch_wal pg_create_restore_point pg_backup_start
                pg_backup_stop pg_start_backup pg_stop_backup pg_logical_emit_message pg_log_standby_snapshot
                pg_import_system_collations pg_stop_making_pinned_objects pg_nextoid gin_clean_pending_list
                brin_summarize_new_values brin_summarize_range brin_desummarize_range pg_drop_replication_slot
                pg_copy_physical_replication_slot pg_copy_logical_replication_slot pg_sync_replication_slots
                pg_restore_relation_stats pg_restore_attribute_stats pg_clear_relation_stats pg_clear_attribute_stats
                pg_stat_reset pg_stat_reset_shared pg_stat_reset_single_table_counters
                pg_stat_reset_single_function_counters pg_stat_reset_slru pg_stat_reset_replication_slot
                pg_stat_reset_subscription_stats pg_stat_reset_backend_stats pg_wal_replay_pause pg_wal_replay_resume
                pg_create_physical_replication_slot pg_create_logical_replication_slot pg_replication_slot_advance
                pg_replication_origin_create pg_replication_origin_drop pg_replication_origin_advance
                pg_replication_origin_session_setup pg_replication_origin_session_reset
                pg_replication_origin_xact_setup pg_replication_origin_xact_reset pg_logical_slot_get_changes
                pg_logical_slot_get_binary_changes pg_logical_slot_peek_changes pg_logical_slot_peek_binary_changes
                """),
            // A text given as a value is run, or the relation it names is read.
            table(
                [.sqlText, .unknownEffect],
                """
                query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema
                table_to_xml table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml schema_to_xmlschema
                schema_to_xml_and_xmlschema database_to_xml database_to_xmlschema database_to_xml_and_xmlschema
                ts_stat ts_rewrite
                """),
        ].flatMap { $0 }, uniquingKeysWith: { one, _ in one })

    // Of the extensions that come with the server.
    private static let prefixes: [(prefix: String, classes: Set<StatementClass>)] = [
        ("dblink", [.remote]), ("postgres_fdw_", [.remote]),
        ("crosstab", [.sqlText]), ("connectby", [.sqlText]), ("xpath_table", [.sqlText]),
        ("pg_file_", [.file]), ("pg_logdir_ls", [.file]),
        ("pg_prewarm", [.server]), ("pg_buffercache_evict", [.server]), ("pg_truncate_visibility_map", [.server]),
        ("heap_force_", [.server]), ("pg_stat_statements_reset", [.server]),
    ]
}
