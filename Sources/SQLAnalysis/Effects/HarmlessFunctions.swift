/// Functions of PostgreSQL itself (8.4 to 18) that leave data, schema, settings, files and other sessions as they are:
/// reviewed name by name. A name that is on neither this list nor in `KnownEffects` has an unknown effect.
///
/// The catalogue's own marks prove nothing: `query_to_xml` is "volatile" as `random` is, and a STABLE function of a user
/// may do anything. So these never come onto the list:
/// - functions that run a text (`query_to_xml`, `ts_stat`, `ts_rewrite` with a query, `cursor_to_xml`);
/// - functions that read the content of a relation given by name (`table_to_xml`, `schema_to_xml`);
/// - functions that touch files, large objects, other backends, replication, statistics, the write-ahead log;
/// - functions that change a setting, a sequence, a lock, or give the transaction an id (`txid_current`);
/// - functions that wait (`pg_sleep`), notify, or are there for the server's own use (`internal`, `trigger`, support).
///
/// A name means `pg_catalog`'s function, since that schema is searched first (`SearchPath`). A function of a user with the
/// same name and other argument types may still win by its types: that needs the catalogue, and docs/policy.md says so.
enum HarmlessFunctions {
    static func contains(_ name: String) -> Bool { names.contains(name) }

    /// The few that drivers call by this schema: they are SQL over arrays and the catalogue.
    static func containsInformationSchema(_ name: String) -> Bool {
        ["_pg_expandarray", "_pg_truetypid", "_pg_truetypmod", "_pg_char_max_length", "_pg_numeric_precision"]
            .contains(name)
    }

    private static let names: Set<String> = Set(
        [
            aggregates, windows, numbers, strings, patterns, binary, dates, types, arrays, json, ranges, textSearch,
            geometry, network, xml, enums, session, catalogue, privileges, sizes, state,
        ].flatMap { $0.split { $0 == " " || $0 == "\n" }.map(String.init) })

    // Over rows that the statement itself reads.
    private static let aggregates = """
        any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp every grouping
        json_agg json_agg_strict json_object_agg json_object_agg_strict json_object_agg_unique
        json_object_agg_unique_strict jsonb_agg jsonb_agg_strict jsonb_object_agg jsonb_object_agg_strict
        jsonb_object_agg_unique jsonb_object_agg_unique_strict max min mode percentile_cont percentile_disc range_agg
        range_intersect_agg regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy
        stddev stddev_pop stddev_samp string_agg sum var_pop var_samp variance xmlagg
        """
    private static let windows = """
        cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
        """
    // `random` and `setseed` move a generator that only this session sees.
    private static let numbers = """
        abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd cosh cot cotd
        degrees div erf erfc exp factorial floor gamma gcd lcm lgamma ln log log10 min_scale mod pi pow power radians
        random random_normal round scale setseed sign sin sind sinh sqrt tan tand tanh to_bin to_hex to_oct trim_scale
        trunc width_bucket generate_series num_nonnulls num_nulls
        """
    private static let strings = """
        ascii bit_length btrim casefold char_length character_length chr concat concat_ws convert convert_from convert_to
        crc32 crc32c format initcap is_normalized left length lower lpad ltrim md5 normalize octet_length overlay
        parse_ident position quote_ident quote_literal quote_nullable repeat replace reverse right rpad rtrim split_part
        starts_with strpos string_to_array string_to_table substr substring textcat textlen to_ascii to_char to_number
        translate trim unicode_assigned unistr upper
        """
    private static let patterns = """
        like like_escape notlike regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace
        regexp_split_to_array regexp_split_to_table regexp_substr similar_escape similar_to_escape
        """
    private static let binary = """
        bit_count decode encode gen_random_uuid get_bit get_byte hashtext hashtextextended set_bit set_byte sha224 sha256
        sha384 sha512 uuid_extract_timestamp uuid_extract_version uuidv4 uuidv7
        """
    // timeofday and clock_timestamp tell the time, nothing more.
    private static let dates = """
        age clock_timestamp date_add date_bin date_part date_subtract date_trunc extract isfinite justify_days
        justify_hours justify_interval localtime localtimestamp make_date make_interval make_time make_timestamp
        make_timestamptz now overlaps statement_timestamp timeofday timezone to_date to_timestamp transaction_timestamp
        """
    // Casts written as calls: they parse or convert their argument. The reg* ones look a name up in the catalogue.
    private static let types = """
        bit bool bpchar bytea char date float4 float8 int2 int4 int8 interval money name numeric oid text time timestamp
        timestamptz timetz uuid varbit varchar xid regclass
        """
    private static let arrays = """
        array_append array_cat array_dims array_fill array_larger array_length array_lower array_ndims array_position
        array_positions array_prepend array_remove array_replace array_reverse array_sample array_shuffle array_smaller
        array_sort array_to_json array_to_string array_upper cardinality generate_subscripts trim_array unnest
        """
    private static let json = """
        json json_array json_array_element json_array_element_text json_array_elements json_array_elements_text
        json_array_length json_build_array json_build_object json_each json_each_text json_extract_path
        json_extract_path_text json_object json_object_field json_object_field_text json_object_keys
        json_populate_record json_populate_recordset json_strip_nulls json_to_record json_to_recordset json_typeof jsonb
        jsonb_array_element jsonb_array_element_text jsonb_array_elements jsonb_array_elements_text jsonb_array_length
        jsonb_build_array jsonb_build_object jsonb_contains jsonb_each jsonb_each_text jsonb_exists jsonb_exists_all
        jsonb_exists_any jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_field
        jsonb_object_field_text jsonb_object_keys jsonb_path_exists jsonb_path_exists_tz jsonb_path_match
        jsonb_path_match_tz jsonb_path_query jsonb_path_query_array jsonb_path_query_array_tz jsonb_path_query_first
        jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_record jsonb_populate_recordset jsonb_pretty
        jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json to_json
        to_jsonb
        """
    private static let ranges = """
        datemultirange daterange int4multirange int4range int8multirange int8range isempty lower_inc lower_inf multirange
        nummultirange numrange range_merge tsmultirange tsrange tstzmultirange tstzrange upper_inc upper_inf
        """
    // ts_rewrite and ts_stat take a query as text and are not here.
    private static let textSearch = """
        array_to_tsvector get_current_ts_config json_to_tsvector jsonb_to_tsvector numnode phraseto_tsquery
        plainto_tsquery querytree setweight strip to_tsquery to_tsvector ts_debug ts_delete ts_filter ts_headline
        ts_lexize ts_parse ts_rank ts_rank_cd ts_token_type tsquery_phrase tsvector_to_array websearch_to_tsquery
        """
    private static let geometry = """
        area bound_box box center circle diagonal diameter height isclosed ishorizontal isopen isparallel isperp
        isvertical line lseg npoints path pclose point polygon popen radius slope width
        """
    private static let network = """
        abbrev broadcast cidr family host hostmask inet inet_merge inet_same_family macaddr macaddr8 macaddr8_set7bit
        masklen netmask network set_masklen
        """
    // xpath and its like read a value; PostgreSQL's parser loads no outside entity.
    private static let xml = """
        xml xml_is_well_formed xml_is_well_formed_content xml_is_well_formed_document xmlcomment xmlconcat xmlelement
        xmlexists xmlforest xmlparse xmlpi xmlroot xmlserialize xmltext xpath xpath_exists
        """
    private static let enums = "enum_first enum_last enum_range"
    // What SHOW and the session itself tell. currval and lastval repeat what nextval gave to this session before.
    // pg_advisory_unlock_all ends what this session holds; pools send it when a connection comes back.
    private static let session = """
        current_catalog current_database current_query current_role current_schema current_schemas current_setting
        current_user currval getdatabaseencoding getpgusername inet_client_addr inet_client_port inet_server_addr
        inet_server_port lastval pg_advisory_unlock_all pg_backend_pid pg_client_encoding pg_conf_load_time
        pg_current_snapshot pg_current_xact_id_if_assigned pg_cursor pg_is_other_temp_schema pg_jit_available
        pg_listening_channels pg_my_temp_schema pg_postmaster_start_time pg_prepared_statement pg_settings_get_flags
        pg_show_all_settings pg_snapshot_xip pg_snapshot_xmax pg_snapshot_xmin pg_timezone_abbrevs pg_timezone_names
        pg_trigger_depth pg_visible_in_snapshot session_user system_user txid_current_if_assigned
        txid_current_snapshot txid_snapshot_xip txid_snapshot_xmax txid_snapshot_xmin txid_status
        txid_visible_in_snapshot user version
        """
    // Definitions and names from the catalogue, by OID or name: never the content of a user's table.
    private static let catalogue = """
        acldefault aclexplode col_description format_type makeaclitem obj_description oidvectortypes
        pg_available_extension_versions pg_available_extensions pg_basetype pg_char_to_encoding pg_collation_for
        pg_collation_actual_version pg_collation_is_visible pg_column_compression pg_column_is_updatable pg_column_size
        pg_conversion_is_visible pg_database_collation_actual_version pg_describe_object pg_encoding_max_length
        pg_encoding_to_char pg_extension_update_paths pg_filenode_relation pg_function_is_visible
        pg_get_catalog_foreign_keys pg_get_constraintdef pg_get_expr pg_get_function_arg_default
        pg_get_function_arguments pg_get_function_identity_arguments pg_get_function_result pg_get_function_sqlbody
        pg_get_functiondef pg_get_indexdef pg_get_keywords pg_get_object_address pg_get_partition_constraintdef
        pg_get_partkeydef pg_get_publication_tables pg_get_replica_identity_index pg_get_ruledef pg_get_serial_sequence
        pg_get_statisticsobjdef pg_get_statisticsobjdef_columns pg_get_statisticsobjdef_expressions pg_get_triggerdef
        pg_get_userbyid pg_get_viewdef pg_identify_object pg_identify_object_as_address pg_index_column_has_property
        pg_index_has_property pg_indexam_has_property pg_mcv_list_items pg_opclass_is_visible pg_operator_is_visible
        pg_opfamily_is_visible pg_options_to_table pg_partition_ancestors pg_partition_root pg_partition_tree
        pg_relation_filenode pg_relation_is_publishable pg_relation_is_updatable pg_sequence_last_value
        pg_sequence_parameters pg_get_sequence_data pg_statistics_obj_is_visible pg_table_is_visible
        pg_tablespace_databases pg_tablespace_location pg_ts_config_is_visible pg_ts_dict_is_visible
        pg_ts_parser_is_visible pg_ts_template_is_visible pg_type_is_visible pg_typeof shobj_description to_regclass
        to_regcollation to_regnamespace to_regoper to_regoperator to_regproc to_regprocedure to_regrole to_regtype
        to_regtypemod
        """
    private static let privileges = """
        has_any_column_privilege has_column_privilege has_database_privilege has_foreign_data_wrapper_privilege
        has_function_privilege has_language_privilege has_largeobject_privilege has_parameter_privilege
        has_schema_privilege has_sequence_privilege has_server_privilege has_table_privilege has_tablespace_privilege
        has_type_privilege pg_has_role row_security_active
        """
    // How large something is, by OID.
    private static let sizes = """
        pg_database_size pg_indexes_size pg_relation_size pg_size_bytes pg_size_pretty pg_table_size
        pg_tablespace_size pg_total_relation_size
        """
    // Where the server stands.
    private static let state = """
        mxid_age pg_control_checkpoint pg_control_init pg_control_recovery pg_control_system pg_current_wal_flush_lsn
        pg_current_wal_insert_lsn pg_current_wal_lsn pg_is_in_recovery pg_is_wal_replay_paused pg_last_committed_xact
        pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_lsn
        pg_notification_queue_usage pg_wal_lsn_diff pg_walfile_name pg_walfile_name_offset pg_xact_commit_timestamp
        pg_xact_status
        """
}
