"""Functions, operators, types, catalogs and settings of PostgreSQL that are known only to compute or to describe.

They are chosen one by one, by the manual's chapters. The server's own label is not enough: ``ts_stat`` and
``table_to_xml`` run any SQL they are given, ``setseed`` and ``pg_notify`` change no table, and ``current_setting``
tells secrets of the session.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTIONS: Final = _words(
    """
    abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd cosh cot cotd degrees
    div erf erfc exp factorial floor gamma gcd lcm lgamma ln log log10 min_scale mod pi power pow radians random
    random_normal round scale sign sin sind sinh sqrt tan tand tanh trim_scale trunc width_bucket numeric_inc
    ascii bit_length btrim casefold char_length character_length chr concat concat_ws convert_from convert_to crc32
    crc32c
    decode encode format initcap is_normalized left length like_escape lower lpad ltrim md5 normalize octet_length
    overlay
    parse_ident position quote_ident quote_literal quote_nullable regexp_count regexp_instr regexp_like regexp_match
    regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr repeat replace reverse right
    rpad rtrim sha224 sha256 sha384 sha512 similar_to_escape similar_escape split_part starts_with string_to_array
    string_to_table strpos substr substring to_ascii to_bin to_hex to_oct translate unicode_assigned unistr upper
    get_bit get_byte set_bit set_byte bit_count
    age clock_timestamp date date_add date_bin date_part date_subtract date_trunc extract isfinite justify_days
    justify_hours justify_interval make_date make_interval make_time make_timestamp make_timestamptz now overlaps
    statement_timestamp timeofday timezone to_char to_date to_number to_timestamp transaction_timestamp
    gen_random_uuid uuidv4 uuidv7 uuid_extract_timestamp uuid_extract_version
    array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position array_positions
    array_prepend array_remove array_replace array_reverse array_sample array_shuffle array_sort array_to_string
    array_upper cardinality trim_array unnest generate_series generate_subscripts
    isempty lower_inc lower_inf upper_inc upper_inf range_merge multirange int4range int8range numrange tsrange
    tstzrange
    daterange int4multirange int8multirange nummultirange tsmultirange tstzmultirange datemultirange
    json_array_elements json_array_elements_text json_array_length json_build_array json_build_object json_each
    json_each_text json_extract_path json_extract_path_text json_object json_object_keys json_strip_nulls json_to_record
    json_to_recordset json_typeof jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array
    jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object
    jsonb_object_keys jsonb_path_exists jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query
    jsonb_path_query_array jsonb_path_query_array_tz jsonb_path_query_first jsonb_path_query_first_tz
    jsonb_path_query_tz
    jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof row_to_json
    to_json to_jsonb array_to_json
    array_to_tsvector get_current_ts_config json_to_tsvector jsonb_to_tsvector numnode phraseto_tsquery plainto_tsquery
    querytree setweight strip to_tsquery to_tsvector ts_delete ts_filter ts_headline ts_rank ts_rank_cd tsquery_phrase
    tsvector_to_array websearch_to_tsquery
    abbrev broadcast family host hostmask inet_merge inet_same_family masklen netmask network set_masklen
    area box center circle diagonal diameter height isclosed isopen line lseg npoints path pclose point polygon popen
    radius slope width
    any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp cume_dist dense_rank
    every first_value json_agg json_agg_strict json_object_agg json_object_agg_strict json_object_agg_unique jsonb_agg
    jsonb_agg_strict jsonb_object_agg jsonb_object_agg_strict jsonb_object_agg_unique lag last_value lead max min mode
    nth_value ntile percent_rank percentile_cont percentile_disc range_agg range_intersect_agg rank regr_avgx regr_avgy
    regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy row_number stddev stddev_pop stddev_samp
    string_agg sum var_pop var_samp variance
    bool bpchar float4 float8 int2 int4 int8 interval numeric text time timestamp timestamptz timetz varchar
    enum_first enum_last enum_range num_nonnulls num_nulls nullif
    col_description obj_description format_type pg_typeof pg_column_size pg_size_pretty pg_size_bytes pg_relation_size
    pg_table_size pg_indexes_size pg_total_relation_size pg_get_constraintdef pg_get_indexdef pg_get_viewdef pg_get_expr
    pg_get_serial_sequence pg_collation_for pg_input_is_valid pg_table_is_visible pg_type_is_visible
    pg_get_partkeydef pg_encoding_to_char
    has_column_privilege has_schema_privilege has_table_privilege to_regclass to_regtype to_regnamespace
    current_database current_schema version
    """
)

# Functions of extensions that only compute. They are found in the default schema, or where their extension is.
EXTENSION_FUNCTIONS: Final = _words(
    """
    cosine_distance inner_product l1_distance l2_distance l2_norm l2_normalize vector_dims vector_norm binary_quantize
    subvector hamming_distance jaccard_distance
    similarity word_similarity strict_word_similarity show_trgm unaccent
    """
)

OPERATORS: Final = _words(
    """
    + - * / % ^ |/ ||/ @ & | # ~ << >> = <> != < > <= >= || ^@
    ~~ !~~ ~~* !~~* ~* !~ !~* ~>=~ ~>~ ~<=~ ~<~ @> <@ && -|- &< &> -> ->> #> #>> ? ?| ?& #- @? @@ @@@
    <<= >>= <<| |>> &<| |&> ## @-@ @@ <^ >^ ?- ?# ?-| ?|| ~= *= *<> *< *> *<= *>=
    <-> <#> <=> <+> <~> <%> <% %> <<% %>> <<-> <->> <<<-> <->>>
    """
)

TYPES: Final = _words(
    """
    bool boolean bit varbit bytea char bpchar varchar character text name int2 int4 int8 int smallint integer bigint
    float4 float8 real numeric decimal money date time timetz timestamp timestamptz interval uuid json jsonb jsonpath
    inet cidr macaddr macaddr8 point line lseg box path polygon circle tsvector tsquery oid regclass regtype
    regnamespace regconfig int4range int8range numrange tsrange tstzrange daterange int4multirange int8multirange
    nummultirange tsmultirange tstzmultirange datemultirange pg_lsn record
    """
)
COLUMN_TYPES: Final = frozenset({"serial", "serial2", "serial4", "serial8", "smallserial", "bigserial"})
EXTENSION_TYPES: Final = frozenset({"vector", "halfvec", "sparsevec", "citext", "hstore", "ltree"})

CATALOGS: Final = _words(
    """
    pg_class pg_attribute pg_attrdef pg_namespace pg_type pg_index pg_constraint pg_enum pg_inherits pg_description
    pg_partitioned_table pg_collation pg_am pg_opclass pg_operator pg_extension pg_depend pg_sequence pg_range
    pg_tables pg_views pg_matviews pg_indexes pg_sequences pg_stat_user_tables pg_stat_user_indexes
    pg_statio_user_tables pg_statio_user_indexes pg_timezone_names pg_timezone_abbrevs
    """
)
INFORMATION_SCHEMA: Final = _words(
    """
    tables columns views schemata table_constraints key_column_usage constraint_column_usage referential_constraints
    check_constraints constraint_table_usage column_domain_usage domains sequences element_types
    """
)

OPERATOR_CLASSES: Final = _words(
    """
    text_pattern_ops varchar_pattern_ops bpchar_pattern_ops text_ops varchar_ops int4_ops int8_ops numeric_ops uuid_ops
    date_ops timestamp_ops timestamptz_ops jsonb_ops jsonb_path_ops array_ops tsvector_ops inet_ops range_ops
    int4_minmax_ops int8_minmax_ops date_minmax_ops timestamp_minmax_ops timestamptz_minmax_ops
    gin_trgm_ops gist_trgm_ops
    vector_l2_ops vector_ip_ops vector_cosine_ops vector_l1_ops halfvec_l2_ops halfvec_ip_ops halfvec_cosine_ops
    halfvec_l1_ops sparsevec_l2_ops sparsevec_ip_ops sparsevec_cosine_ops bit_hamming_ops bit_jaccard_ops
    """
)

SETTINGS: Final = _words(
    """
    server_version server_version_num server_encoding client_encoding timezone time zone datestyle intervalstyle
    search_path transaction_isolation transaction_read_only statement_timeout lock_timeout standard_conforming_strings
    max_identifier_length block_size
    """
)

# Built-in functions that no list can allow, by what they do; a few words stand for all whose names begin with them.
DANGEROUS: Final[tuple[tuple[str, str], ...]] = (
    ("set_config", "changes the settings of a session that others use after you"),
    ("setseed", "changes the session that others use after you"),
    ("current_setting", "tells settings of the server and secrets of the session"),
    ("pg_sleep", "only waits, and keeps a connection meanwhile"),
    ("pg_terminate_backend", "ends other sessions"),
    ("pg_cancel_backend", "stops other sessions"),
    ("pg_read_", "reads files of the server"),
    ("pg_ls_", "lists files of the server"),
    ("pg_stat_file", "looks at files of the server"),
    ("pg_file_", "writes files of the server"),
    ("pg_logdir_ls", "lists files of the server"),
    ("pg_current_logfile", "tells where the server's files are"),
    ("pg_hba_file_rules", "tells how the server lets people in"),
    ("pg_ident_file_mappings", "tells how the server lets people in"),
    ("pg_show_all_", "tells settings of the server"),
    ("pg_stat_get_activity", "tells what other sessions do"),
    *(
        (f"lo_{name}", "reads and writes large objects and files")
        for name in ("import", "export", "creat", "open", "close", "put", "get", "from_bytea", "unlink", "truncate")
    ),
    ("lo_lseek", "reads large objects"),
    ("lo_tell", "reads large objects"),
    ("loread", "reads large objects"),
    ("lowrite", "writes large objects"),
    ("dblink", "connects to other databases, outside of this transaction"),
    ("query_to_xml", "runs SQL that nobody has judged"),
    ("table_to_xml", "reads any table"),
    ("schema_to_xml", "reads any schema"),
    ("database_to_xml", "reads every table"),
    ("cursor_to_xml", "runs a cursor"),
    ("ts_stat", "runs SQL that nobody has judged"),
    ("ts_rewrite", "can run SQL that nobody has judged"),
    ("nextval", "moves a sequence, which no rollback takes back"),
    ("setval", "sets a sequence, which no rollback takes back"),
    ("currval", "tells the state of the session"),
    ("lastval", "tells the state of the session"),
    ("pg_advisory_", "takes locks that outlast the statement"),
    ("pg_try_advisory_", "takes locks that outlast the statement"),
    ("pg_notify", "reaches other sessions"),
    ("txid_current", "takes a transaction number"),
    ("pg_current_xact_id", "takes a transaction number"),
    ("pg_reload_conf", "changes the server's configuration"),
    ("pg_rotate_logfile", "changes the server's log"),
    ("pg_promote", "changes the server's role"),
    ("pg_switch_wal", "changes the server's log"),
    ("pg_create_", "changes the server's replication"),
    ("pg_drop_", "changes the server's replication"),
    ("pg_copy_", "changes the server's replication"),
    ("pg_replication_", "changes the server's replication"),
    ("pg_logical_", "changes the server's replication"),
    ("pg_backup_", "changes the server's backups"),
    ("pg_stat_reset", "throws statistics away"),
    ("pg_stat_clear_snapshot", "changes the session's statistics"),
    ("pg_import_system_collations", "changes the catalog"),
    ("pg_export_snapshot", "keeps a snapshot for other sessions"),
    ("binary_upgrade_", "changes the catalog"),
    ("brin_", "changes indexes"),
    ("gin_clean_pending_list", "changes indexes"),
    ("inet_server_", "tells where the server is"),
    ("inet_client_", "tells where the client is"),
)


def danger(function: str) -> str | None:
    """Return what makes a built-in function dangerous, as a verb phrase; None when it is not known to be."""
    return next((what for name, what in DANGEROUS if function.startswith(name)), None)


# https://www.postgresql.org/docs/current/xfunc-sql.html#XFUNC-SQL-COMPOSITE-FUNCTIONS: x.f is f(x), whatever x is.
_ONE_ARGUMENT: Final = _words(
    """
    aclexplode current_setting currval gin_clean_pending_list lo_close lo_creat lo_create lo_get lo_import lo_tell
    lo_tell64 lo_unlink mxid_age nextval row_security_active setseed ts_stat txid_status xml xml_send
    """
)


def is_called_by_a_dot(name: str) -> bool:
    """Whether ``x.name`` may call a function that is not known only to compute."""
    return name not in FUNCTIONS and (
        name in _ONE_ARGUMENT or name.startswith(("pg_", "dblink", "brin_", "binary_upgrade_"))
    )
