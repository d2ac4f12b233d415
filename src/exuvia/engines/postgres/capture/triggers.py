"""The SQL of the log, of its triggers and of the fence.

The functions run as their owner with a fixed search path, so that whoever may write a table is logged without rights
on the log (https://www.postgresql.org/docs/current/sql-createfunction.html, "Writing SECURITY DEFINER Functions
Safely"). The log's columns have the types of the table's own, so nothing depends on how a session spells values.
"""

from __future__ import annotations

from collections.abc import Iterator

from exuvia.catalog.names import quote
from exuvia.engines.postgres.capture.own import MARK, TRIGGER_PREFIX, log_name, own, own_schema
from exuvia.engines.postgres.capture.plan import CapturedTable
from exuvia.engines.postgres.ddl import literal

_HEADER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
_NOW = "pg_catalog.pg_current_xact_id()"


def definitions(schema: str) -> Iterator[str]:
    """Yield the statements that make the schema of capture, with its state."""
    yield f"CREATE SCHEMA {quote(own_schema(schema))}"
    yield f"COMMENT ON SCHEMA {quote(own_schema(schema))} IS {literal(MARK)}"
    yield f"CREATE TABLE {own(schema, 'state')} (key text PRIMARY KEY, value text NOT NULL)"


def truncated_function(schema: str) -> str:
    """Return the statement that makes the function which logs TRUNCATE; the trigger's argument names the log."""
    body = f"EXECUTE pg_catalog.format('INSERT INTO %s (xid, n) VALUES ({_NOW}, 0)', TG_ARGV[0]);"
    return _function(own(schema, "truncated"), body)


def log_definitions(table: CapturedTable) -> Iterator[str]:
    """Yield the statements that make a table's log, the functions that write it, and the triggers.

    ``n`` is 1 for a row that is there, -1 for one that is gone, and 0 where the table was emptied. With a primary key
    it is 1 in any case: what is there is read again.
    """
    schema, log = table.schema, own(table.schema, log_name(table.number))
    names = [quote(column.name) for column in table.columns]
    items = ", ".join(f"{name} AS k{number}" for number, name in enumerate(names, 1))
    yield f"CREATE TABLE {log} AS SELECT {_NOW} AS xid, 1::int2 AS n, {items} FROM {table.place} WITH NO DATA"
    yield f"CREATE INDEX ON {log} (xid)"
    there, gone = (own(schema, f"{kind}_{table.number}") for kind in ("there", "gone"))
    yield _function(there, _logged(table, "NEW", 1))
    yield _function(gone, _logged(table, "OLD", 1 if table.keyed else -1))
    changed = f"WHEN ({_image('OLD', names)} OPERATOR(pg_catalog.*<>) {_image('NEW', names)})"
    # A row that stays the same in a table without key is neither more nor less
    yield from _trigger(table, "put", "AFTER INSERT OR UPDATE" if table.keyed else "AFTER INSERT", there)
    if not table.keyed:
        yield from _trigger(table, "changed", "AFTER UPDATE", there, changed)
    yield from _trigger(table, "rekeyed", "AFTER UPDATE", gone, changed)
    yield from _trigger(table, "deleted", "AFTER DELETE", gone)
    yield from _trigger(table, "truncated", "AFTER TRUNCATE", own(schema, "truncated"), rows=False, argument=log)


def fence_function(schema: str) -> str:
    """Return the statement that makes the function which refuses writes with the trigger's argument."""
    body = "RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'read_only_sql_transaction';"
    return _function(own(schema, "refuse"), body)


def fence_triggers(schema: str, place: str, message: str) -> Iterator[str]:
    """Yield the statements that refuse every write to a table.

    Args:
        schema: The schema of the table.
        place: The table, as SQL.
        message: What a writer is told.
    """
    name = quote(f"{TRIGGER_PREFIX}fence")
    events = "BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE"
    called = f"{own(schema, 'refuse')}({literal(message)})"
    yield f"CREATE TRIGGER {name} {events} ON {place} FOR EACH STATEMENT EXECUTE FUNCTION {called}"
    yield f"ALTER TABLE {place} ENABLE ALWAYS TRIGGER {name}"


def _function(name: str, body: str) -> str:
    made = f"CREATE FUNCTION {name}() RETURNS trigger {_HEADER} AS {literal(f'BEGIN {body} RETURN NULL; END')}"
    return f"{made}; REVOKE ALL ON FUNCTION {name}() FROM PUBLIC"


def _logged(table: CapturedTable, row: str, sign: int) -> str:
    columns = ", ".join(f"k{number}" for number in range(1, len(table.columns) + 1))
    values = ", ".join(f"{row}.{quote(column.name)}" for column in table.columns)
    log = own(table.schema, log_name(table.number))
    return f"INSERT INTO {log} (xid, n, {columns}) VALUES ({_NOW}, {sign}, {values});"


def _image(row: str, names: list[str]) -> str:
    """The bytes of a row's columns: 1.0 and 1.00 are equal numbers but not the same value."""
    return f"ROW({', '.join(f'{row}.{name}' for name in names)})::record"


def _trigger(
    table: CapturedTable, kind: str, event: str, function: str, when: str = "", *, rows: bool = True, argument: str = ""
) -> Iterator[str]:
    name = quote(f"{TRIGGER_PREFIX}{kind}")
    each = f"FOR EACH {'ROW' if rows else 'STATEMENT'}"
    called = f"{function}({literal(argument) if argument else ''})"
    yield f"CREATE TRIGGER {name} {event} ON {table.place} {each} {when} EXECUTE FUNCTION {called}"
    yield f"ALTER TABLE {table.place} ENABLE ALWAYS TRIGGER {name}"
