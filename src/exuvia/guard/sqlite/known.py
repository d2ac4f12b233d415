"""Functions, pragmas and table-valued functions of SQLite that are known only to compute or to describe."""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTIONS: Final = _words(
    """
    abs changes char coalesce concat concat_ws format glob hex ifnull iif if instr last_insert_rowid length like
    likelihood likely lower ltrim max min nullif octet_length printf quote random replace round rtrim sign soundex
    substr substring total_changes trim typeof unhex unicode unistr unistr_quote unlikely upper sqlite_version subtype
    date time datetime julianday unixepoch strftime timediff current_date current_time current_timestamp
    avg count group_concat string_agg sum total median percentile percentile_cont percentile_disc
    row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
    acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2 mod pi pow power
    radians sin sinh sqrt tan tanh trunc
    json jsonb json_array jsonb_array json_array_length json_array_insert jsonb_array_insert json_error_position
    json_extract jsonb_extract -> ->> json_insert jsonb_insert json_object jsonb_object
    json_pretty json_remove jsonb_remove json_replace jsonb_replace json_set jsonb_set json_type json_valid json_quote
    json_group_array jsonb_group_array json_group_object jsonb_group_object
    match bm25 highlight snippet offsets matchinfo fts5_get_locale fts5_insttoken rank geopoly_area rtreecheck
    vec_distance_l2 vec_distance_l1 vec_distance_cosine vec_distance_hamming vec_length vec_to_json vec_f32 vec_int8
    vec_bit vec_type vec_version regexp
    """
)

# ALTER TABLE compiles to statements that call these; SQL of others' cannot.
INTERNAL_FUNCTIONS: Final = ("sqlite_rename_", "sqlite_drop_", "sqlite_add_", "sqlite_fail")

TABLE_FUNCTIONS: Final = _words(
    """
    json_each json_tree jsonb_each jsonb_tree generate_series pragma_table_info pragma_table_xinfo pragma_table_list
    pragma_index_list pragma_index_info pragma_index_xinfo pragma_foreign_key_list pragma_function_list
    pragma_compile_options pragma_quick_check vec_each
    """
)

# Pragmas that describe, with an argument or without; the others describe only without one, and change with it.
DESCRIBING: Final = _words(
    """
    table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list foreign_key_check
    integrity_check quick_check function_list module_list compile_options collation_list database_list
    """
)
TELLING: Final = _words(
    """
    application_id encoding foreign_keys freelist_count journal_mode page_count page_size schema_version user_version
    data_version auto_vacuum
    """
)
