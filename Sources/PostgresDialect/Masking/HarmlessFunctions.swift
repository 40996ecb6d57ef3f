/// Functions of the server itself whose results come from their arguments, or tell of the catalogue: they read no table
/// that a statement does not name. A function that is not known to be one may read a masked table by itself.
///
/// Names without a schema find these before any function of a user with the same arguments.
enum HarmlessFunctions {
    static func contains(_ name: String) -> Bool {
        names.contains(name) || name.hasPrefix("pg_") && !readsFiles(name)
    }

    /// Whether a call leaves everything as it was, too.
    static func changesNothing(_ name: String) -> Bool {
        names.contains(name) && !["nextval", "set_config", "setseed", "setval", "txid_current"].contains(name)
    }

    private static func readsFiles(_ name: String) -> Bool {
        ["pg_read_", "pg_logical_", "pg_get_wal"].contains(where: name.hasPrefix)
    }

    private static let names = Set(
        """
        abs acos age any_value array_agg array_append array_cat array_dims array_length array_lower array_ndims
        array_position array_positions array_prepend array_remove array_replace array_to_json array_to_string
        array_upper ascii asin atan atan2 avg bit_and bit_count bit_length bit_or bit_xor bool_and bool_or btrim
        cardinality cbrt ceil ceiling char_length character_length chr clock_timestamp col_description concat
        concat_ws convert convert_from convert_to corr cos cosh cot count covar_pop covar_samp cume_dist
        current_catalog current_database current_query current_role current_schema current_schemas
        current_setting current_user currval date date_bin date_part date_trunc decode degrees dense_rank div
        encode enum_first enum_last enum_range erf every exp extract factorial first_value float4 float8 floor
        format format_type gcd gen_random_uuid generate_series generate_subscripts get_bit get_byte grouping
        has_any_column_privilege has_column_privilege has_database_privilege has_function_privilege
        has_schema_privilege has_sequence_privilege has_table_privilege hashtext height host inet_client_addr
        inet_client_port inet_server_addr inet_server_port initcap int2 int4 int8 is_normalized isempty isfinite
        json_agg json_array_elements json_array_elements_text json_array_length json_build_array
        json_build_object json_each json_each_text json_extract_path json_extract_path_text json_object
        json_object_agg json_object_keys json_strip_nulls json_typeof jsonb_agg jsonb_array_elements
        jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each
        jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg
        jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array
        jsonb_path_query_first jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_typeof justify_days justify_hours
        justify_interval lag last_value lastval lcm lead left length ln localtime localtimestamp log log10 lower
        lower_inc lower_inf lpad ltrim make_date make_interval make_time make_timestamp make_timestamptz max md5
        min min_scale mod mode netmask network nextval normalize now nth_value ntile num_nonnulls num_nulls
        numeric numnode obj_description octet_length oidvectortypes overlay parse_ident percent_rank
        percentile_cont percentile_disc phraseto_tsquery pi plainto_tsquery point position power quote_ident
        quote_literal quote_nullable radians random range_merge rank regexp_count regexp_instr regexp_like
        regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr
        regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy repeat
        replace reverse right round row_number row_to_json rpad rtrim scale session_user set_bit set_byte
        set_config setseed setval sha224 sha256 sha384 sha512 shobj_description sign sin sinh split_part sqrt
        starts_with statement_timestamp stddev stddev_pop stddev_samp string_agg string_to_array string_to_table
        strpos substr substring sum system_user tan tanh text timeofday timezone to_ascii to_char to_date to_hex
        to_json to_jsonb to_number to_regclass to_regnamespace to_regoper to_regproc to_regprocedure to_regrole
        to_regtype to_timestamp to_tsquery to_tsvector transaction_timestamp translate trim trim_array
        trim_scale trunc ts_headline ts_rank ts_rank_cd txid_current unistr unnest upper upper_inc upper_inf
        user var_pop var_samp variance version websearch_to_tsquery width width_bucket xmlagg
        """.split { $0 == " " || $0 == "\n" }.map(String.init))
}
