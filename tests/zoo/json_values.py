"""JSON columns as applications leave them."""

from __future__ import annotations

import json
import struct

from zoo.registry import Maker, specimen


def _documents(db: Maker, values: tuple[object, ...], declared: str = "JSON") -> None:
    db.run(f"CREATE TABLE t(id INTEGER PRIMARY KEY, doc {declared})")
    db.fill("t", list(enumerate(values)))


@specimen("json")
def json_scalars_that_sqlite_stored_as_numbers(db: Maker) -> None:
    _documents(
        db, ("42", "1.5", "1e3", '"text"', "true", "false", "null", None, "{}", "[]", "-0", "12345678901234567890")
    )


@specimen("json")
def json_null_beside_sql_null(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, a JSON, b JSON NOT NULL, c TEXT)")
    db.fill("t", [(1, "null", "null", "null"), (2, None, "{}", None), (3, '{"a": null}', "null", '{"a": null}')])


@specimen("json")
def json_with_duplicate_keys(db: Maker) -> None:
    _documents(db, ('{"a": 1, "a": 2}', '{"x": {"b": 1, "c": 2, "b": 3}}', '{"a": 1}'))


@specimen("json")
def json_with_an_escaped_nul(db: Maker) -> None:
    _documents(db, ('{"a": "x\\u0000y"}', '{"a\\u0000": 1}', '{"a": "\\\\u0000"}', "{}"))


@specimen("json")
def json_with_lone_surrogate_escapes(db: Maker) -> None:
    _documents(db, ('"\\ud800"', '{"a": "\\udc00x"}', '{"pair": "\\ud83d\\ude00"}', '{"swapped": "\\ude00\\ud83d"}'))


@specimen("json")
def json_that_python_writes_and_no_standard_allows(db: Maker) -> None:
    _documents(
        db, ("NaN", '{"a": NaN}', "[Infinity, -Infinity]", '{"a": 1}', "[1,2,]", "{'a': 1}", "{a: 1}", "undefined")
    )


@specimen("json")
def json_numbers_beyond_every_float(db: Maker) -> None:
    _documents(
        db, ('{"n": 1e400}', '{"n": -1e-400}', f"[{'9' * 200}]", f"[0.{'1' * 100}]", "[1.0, 1.00, 1, 1e0]", "[-0.0]")
    )


@specimen("json")
def json_numbers_beyond_postgresqls_numeric(db: Maker) -> None:
    _documents(db, ('{"n": 1e200000}', '{"n": 1e-20000}', '{"n": 1}'))


@specimen("json")
def json_nested_five_thousand_deep(db: Maker) -> None:
    _documents(db, ("[" * 900 + "]" * 900, "[" * 5_000 + "]" * 5_000, '{"a":' * 2_000 + "1" + "}" * 2_000, "[]"))


@specimen("json")
def json_nested_a_hundred_thousand_deep(db: Maker) -> None:
    _documents(db, ("[" * 100_000 + "]" * 100_000, "[]"))


@specimen("json")
def broken_json_empty_strings_and_blanks_in_a_json_column(db: Maker) -> None:
    _documents(db, ("", " ", "{", "{}x", '{"a": 1}', "\ufeff{}", " {} \n", "\t[1]", '"a\nb"', "nul"))


@specimen("json")
def json_whose_spelling_matters_to_nobody(db: Maker) -> None:
    _documents(db, ('{ "b" : 1 ,\n "a":[ 1, 2 ]}', '{"\\u0061": "\\/"}', '{"": ""}', '{"é": "😀"}', '["\\u00e9"]'))


@specimen("json")
def json_in_text_columns_without_a_declared_type(db: Maker) -> None:
    db.run(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, meta TEXT NOT NULL DEFAULT '{}', tags TEXT DEFAULT '[]', mixed TEXT)"
    )
    db.fill("t", [(i, json.dumps({"n": i}), json.dumps(["a", i]), "plain" if i == 3 else "{}") for i in range(10)])


@specimen("json")
def json_as_blobs_and_as_sqlites_own_binary_json(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, a JSON, b JSONB, c BLOB)")
    db.run(
        """INSERT INTO t VALUES(1, '{"a":1}', jsonb('{"a":1}'), CAST('{"a":1}' AS BLOB));"""
        """INSERT INTO t VALUES(2, CAST('{"a":2}' AS BLOB), '{"a":2}', jsonb('[1,2]'))"""
    )


@specimen("json", rejects={"t": 2})
def json_text_with_a_raw_nul_or_broken_bytes(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, doc JSON)")
    db.run(
        """
        INSERT INTO t VALUES(1, CAST(x'7b2261223a22ff227d' AS TEXT)), (2, CAST(x'22610062' || x'22' AS TEXT)),
            (3, '{}')
        """
    )


@specimen("json")
def embeddings_as_json_arrays_and_as_float32_blobs(db: Maker) -> None:
    db.run("CREATE TABLE t(id INTEGER PRIMARY KEY, j TEXT, b BLOB, ragged TEXT)")
    vectors = [[i / 7, -i / 3, 1e-3 * i] for i in range(20)]
    db.fill(
        "t", [(i, json.dumps(v), struct.pack("<3f", *v), json.dumps(v[: i % 3 + 1])) for i, v in enumerate(vectors)]
    )
