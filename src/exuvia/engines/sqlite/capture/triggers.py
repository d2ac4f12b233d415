"""The SQL of the log, of its triggers and of the fence.

The application's own connection runs this, so it is SQL that SQLite 3.8 understands. Nothing in it can fail or be
ignored: whatever conflict clause the outer statement has replaces that of a trigger's statements
(https://sqlite.org/lang_createtrigger.html), and the log has no constraint that could conflict.
"""

from __future__ import annotations

from collections.abc import Sequence

from exuvia.engines.sqlite.capture.own import LOG, MARK, PREFIX, STATE
from exuvia.engines.sqlite.capture.plan import ROWID_NAMES, CapturedTable, Seek, UniqueSet
from exuvia.engines.sqlite.order import balanced, quote


def log_definitions(key_columns: int) -> tuple[str, ...]:
    """Return the statements that make the log and the state.

    Key columns have no affinity, so that a value keeps its storage class. ``seq`` rises without AUTOINCREMENT as long
    as the highest row stays. The state has no key and no index, so that VACUUM renumbers its rows.

    Args:
        key_columns: The number of columns of the widest key.
    """
    keys = ", ".join(f"k{number}" for number in range(1, key_columns + 1))
    return (
        f"CREATE TABLE {STATE}(key, value {MARK})",
        f"CREATE TABLE {LOG}(seq INTEGER PRIMARY KEY {MARK}, t INTEGER, {keys})",
    )


def log_widening(before: int, now: int) -> tuple[str, ...]:
    """Return the statements that give the log more columns for keys, where it needs more.

    Args:
        before: The number of columns of the widest key so far.
        now: The same of the tables as they are now.
    """
    return tuple(f"ALTER TABLE {LOG} ADD COLUMN k{number}" for number in range(before + 1, now + 1))


def log_triggers(table: CapturedTable) -> dict[str, str]:
    """Return the CREATE TRIGGER statements that log the keys of changed rows, by name."""
    new, old = _values(table, "NEW"), _values(table, "OLD")
    return dict(
        (
            _trigger(table, "insert", "AFTER INSERT", [new]),
            _trigger(table, "update", "AFTER UPDATE", [new]),
            _trigger(table, "rekey", f"AFTER UPDATE OF {_names(_assigning(table))}", [old], _rekeyed(table)),
            _trigger(table, "delete", "AFTER DELETE", [old]),
        )
    )


def watch_triggers(table: CapturedTable) -> dict[str, str]:
    """Return the CREATE TRIGGER statements that log the keys of rows which REPLACE would delete, by name.

    They log the keys of conflicting rows whatever the statement's conflict clause is: a trigger cannot know it.
    """
    if not table.uniques:
        return {}
    statements = [_conflicting(table, unique) for unique in table.uniques]
    made = [_trigger(table, "replace", "BEFORE INSERT", statements)]
    for number, unique in enumerate(table.uniques, 1):
        event = "BEFORE UPDATE" if unique.assigned is None else f"BEFORE UPDATE OF {_names(unique.assigned)}"
        made.append(_trigger(table, f"replace_{number}", event, [_conflicting(table, unique, besides_old=True)]))
    return dict(made)


def fence_triggers(number: int, table: str, message: str) -> dict[str, str]:
    """Return the CREATE TRIGGER statements that refuse every write to a table, by name.

    Args:
        number: A number of the table's own.
        table: The table.
        message: What a writer is told.
    """
    text = message.replace("'", "''")
    found = {}
    for event in ("INSERT", "UPDATE", "DELETE"):
        name = quote(f"{PREFIX}fence_{number}_{event.lower()}")
        body = f"SELECT RAISE(ABORT, '{text}');"
        found[name] = f"CREATE TRIGGER {name} BEFORE {event} ON {quote(table)} BEGIN {MARK} {body} END"
    return found


def _trigger(
    table: CapturedTable, kind: str, event: str, statements: Sequence[str], condition: str = ""
) -> tuple[str, str]:
    name = quote(f"{PREFIX}{table.number}_{kind}")
    when = f" WHEN {condition}" if condition else ""
    body = " ".join(f"{statement};" for statement in statements)
    return name, f"CREATE TRIGGER {name} {event} ON {quote(table.place)}{when} BEGIN {MARK} {body} END"


def _insert(table: CapturedTable) -> str:
    return f"INSERT INTO {LOG}(t, {', '.join(f'k{number}' for number in range(1, len(table.key) + 1))})"


def _values(table: CapturedTable, row: str) -> str:
    values = ", ".join(f"{row}.{quote(column.logged)}" for column in table.key)
    return f"{_insert(table)} VALUES ({table.number}, {values})"


def _conflicting(table: CapturedTable, unique: UniqueSet, *, besides_old: bool = False) -> str:
    """The statement that logs the rows which share ``unique`` with the new row. ``=`` is never true of NULL, as in
    unique indexes."""
    equal = [f"{sql} COLLATE {quote(collation)} = {_of_new(table, unique, sql)}" for sql, collation in unique.terms]
    if unique.where is not None:
        equal.append(f"({unique.where})")
    if unique.where is not None and unique.where_of_new:
        equal.append(_of_new(table, unique, f"({unique.where})"))
    if besides_old and all(column.exact for column in table.key):
        equal.append(f"({_differs(table, '', 'OLD.')})")
    keys = ", ".join(quote(column.logged) for column in table.key)
    return f"{_insert(table)} SELECT {table.number}, {keys} FROM {quote(table.place)} WHERE {balanced(equal, 'AND')}"


def _of_new(table: CapturedTable, unique: UniqueSet, sql: str) -> str:
    """The value of a column, or of an expression in parentheses, of the new row. For an expression there is a scope in
    which the columns, and the table's name, mean that row."""
    if not sql.startswith("("):
        return f"NEW.{sql}"
    if not unique.inputs:
        return sql
    columns = ", ".join(f"NEW.{quote(name)} AS {quote(name)}" for name in unique.inputs)
    return f"(SELECT {sql} FROM (SELECT {columns}) AS {quote(table.place)})"


def _rekeyed(table: CapturedTable) -> str:
    """Whether the new key is another one; empty where SQLite's equality cannot tell."""
    return _differs(table, "OLD.", "NEW.") if all(column.exact for column in table.key) else ""


def _differs(table: CapturedTable, left: str, right: str) -> str:
    terms = [
        f"{left}{name} COLLATE BINARY IS NOT {right}{name}" for name in (quote(column.logged) for column in table.key)
    ]
    return balanced(terms, "OR")


def _assigning(table: CapturedTable) -> tuple[str, ...]:
    """The names by which an UPDATE assigns to the key."""
    own = tuple(column.logged for column in table.key)
    return (*own, *ROWID_NAMES) if table.seek is Seek.ROWID else own


def _names(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(map(quote, names)))
