"""What the target's types and constraints would refuse of staged rows: found and named before a row goes in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import psycopg

from exuvia.catalog.names import qualify, quote
from exuvia.engines.postgres.existing import ExistingCheck, ExistingColumn, ExistingForeignKey, ExistingUnique
from exuvia.errors import PlanError
from exuvia.move.existing import staged
from exuvia.move.existing.bridges import Bridge
from exuvia.move.existing.fitting import FittedTable, OnConflict
from exuvia.move.plan import Problem
from exuvia.move.planning.words import ROW, VALUE, counted
from exuvia.values.facts import Example

_LISTED = 10
_ALONE = "c"


def check_values(connection: psycopg.Connection, tables: Sequence[FittedTable]) -> tuple[Problem, ...]:
    """Try the staged rows against the target's types, NOT NULL, CHECKs and unique keys, without the target's rows.

    Returns:
        What a person should know, such as values that the target spells otherwise.

    Raises:
        PlanError: Some rows cannot go; the message names the first.
    """
    found = [problem for table in tables for problem in _values(connection, table)]
    refuse(found)
    for table in tables:
        found += _constraints(connection, table)
    refuse(found)
    return tuple(found)


def check_relations(
    connection: psycopg.Connection, tables: Sequence[FittedTable], on_conflict: OnConflict
) -> tuple[Problem, ...]:
    """Try the staged rows against the target's rows: foreign keys, and keys that are taken.

    Returns:
        One problem per foreign key that leads nowhere and per key that is taken, all of level 'error'.
    """
    found: list[Problem] = []
    for table in tables:
        for key in table.target.foreign_keys:
            found += _orphans(connection, table, key, tables)
        if on_conflict != "refuse":
            for unique in table.target.uniques:
                found += _taken(connection, table, unique, on_conflict)
    return tuple(found)


def refuse(problems: Sequence[Problem]) -> None:
    """Raise for the problems of level 'error', if there are any.

    Raises:
        PlanError: Names the first of them with their first rows.
    """
    errors = [problem for problem in problems if problem.level == "error"]
    if not errors:
        return
    lines = [f"{one.where}: {one.message}{_rows(one.rows)}" for one in errors[:_LISTED]]
    if len(errors) > _LISTED:
        lines.append(f"and {len(errors) - _LISTED} more.")
    hint = "; ".join(dict.fromkeys(choice for one in errors for choice in one.choices))
    raise PlanError(
        "\n".join([*lines, "The target is as it was."]), hint=f"Choices: {hint}." if hint else "", code="refused"
    )


def _rows(rows: Sequence[Example]) -> str:
    if not rows:
        return ""
    shown = [f"{row.row} ({row.value})" if row.row and row.value else row.row or row.value for row in rows]
    return f" First: {'; '.join(shown)}."


def _values(connection: psycopg.Connection, table: FittedTable) -> Iterator[Problem]:
    """Values that a type refuses or changes, and NULLs where there must be none."""
    for column, way in table.inserted:
        where = _where(table, column)
        if not way.is_plain:
            if _refuses(connection, table, column, way):
                count, rows = staged.refused(connection, table, column, way)
                message = f"{counted(count, VALUE)} of it cannot be {column.type.name} in {table.target.place}."
                yield Problem("error", where, message, rows, count, _value_choices(table, column))
                continue
            yield from _changed(connection, table, column, way)
        if column.not_null:
            yield from _null(connection, table, column)


def _refuses(connection: psycopg.Connection, table: FittedTable, column: ExistingColumn, way: Bridge) -> bool:
    query = f"SELECT count({staged.written(column, way)}) FROM {staged.place(table)} s"
    try:
        connection.execute(query.encode())
    except (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.InvalidTextRepresentation):
        return True
    return False


def _changed(
    connection: psycopg.Connection, table: FittedTable, column: ExistingColumn, way: Bridge
) -> Iterator[Problem]:
    here = f"{_ALONE}.{quote(column.name)}"
    back = way.back(f"({way.written(here)})")
    count, rows = staged.find(
        connection, f"{staged.place(table)} c", f"{back} IS DISTINCT FROM {here}", staged.naming(table), (here, back)
    )
    if not count:
        return
    if way.exact:
        message = f"{counted(count, VALUE)} of it would change in {table.target.place}, as {column.type.name}."
        yield Problem("error", _where(table, column), message, rows, count, _value_choices(table, column))
    else:
        message = (
            f"{counted(count, VALUE)} of it {'is' if count == 1 else 'are'} spelled otherwise by {column.type.name};"
            " a later comparison lists them."
        )
        yield Problem("warning", _where(table, column), message, rows, count)


def _value_choices(table: FittedTable, column: ExistingColumn) -> tuple[str, ...]:
    return (
        f"Mend the values of {_where(table, column)} in the source, change the type of"
        f" {table.target.place}.{quote(column.name)}, or leave the column out (exclude = true in the plan file).",
    )


def _null(connection: psycopg.Connection, table: FittedTable, column: ExistingColumn) -> Iterator[Problem]:
    condition = f"{_ALONE}.{quote(column.name)} IS NULL"
    count, rows = staged.find(connection, f"{staged.rows(table)} c", condition, staged.naming(table), ())
    if count:
        message = f"{counted(count, VALUE)} of it would be NULL; {table.target.place}.{column.name} is NOT NULL."
        yield Problem("error", _where(table, column), message, rows, count, _value_choices(table, column))


def _constraints(connection: psycopg.Connection, table: FittedTable) -> list[Problem]:
    """Rows that break a CHECK or come twice; what needs more than the columns that go in is left to the insertion."""
    known = staged.columns(table)
    found: list[Problem] = []
    for check in table.target.checks:
        if set(check.columns) <= known:
            # An expression over the row as a whole names the table, which staged rows do not have.
            with suppress(psycopg.ProgrammingError):
                found += _broken(connection, table, check)
    for unique in table.target.uniques:
        if set(unique.columns) <= known:
            with suppress(psycopg.ProgrammingError):
                found += _duplicates(connection, table, unique)
    return found


def _broken(connection: psycopg.Connection, table: FittedTable, check: ExistingCheck) -> Iterator[Problem]:
    where = table.plan.source.name
    condition = f"NOT ({check.expression})"
    shown = [f"c.{quote(column)}" for column in check.columns]
    count, rows = staged.find(connection, f"{staged.rows(table)} c", condition, staged.naming(table), shown)
    if count:
        message = f"{counted(count, ROW)} would break the CHECK {check.name} {check.expression} of the target."
        yield Problem("error", where, message, rows, count, (f"Mend the rows of {where}, or the CHECK.",))


def _duplicates(connection: psycopg.Connection, table: FittedTable, unique: ExistingUnique) -> Iterator[Problem]:
    numbers = ", ".join(str(number + 1) for number in range(len(unique.parts)))
    query = (
        f"SELECT {', '.join(_texts(unique))}, count(*), count(*) OVER () FROM {staged.rows(table)} c"
        f"{_among(unique)} GROUP BY {', '.join(unique.parts)} HAVING count(*) > 1 ORDER BY {numbers} LIMIT 3"
    )
    found = connection.execute(query.encode()).fetchall()
    if not found:
        return
    width = len(unique.parts)
    rows = tuple(Example(-1, f"{row[width]} rows have {_tuple(row[:width])}") for row in found)
    count = found[0][-1]
    what = "value" if count == 1 else "values"
    message = f"{count:,} {what} of ({', '.join(unique.parts)}) would come twice, against {unique.name} of the target."
    where = table.plan.source.name
    choices = (f"Mend the rows of {where}, or the key.",)
    yield Problem("error", where, message, rows, count, choices)


def _orphans(
    connection: psycopg.Connection, table: FittedTable, key: ExistingForeignKey, tables: Sequence[FittedTable]
) -> Iterator[Problem]:
    if not set(key.columns) <= staged.columns(table):
        return
    pairs = list(zip(key.columns, key.target_columns, strict=True))
    joined = " AND ".join(f"p.{quote(there)} = c.{quote(here)}" for here, there in pairs)
    parts = [f"c.{quote(here)} IS NOT NULL" for here in key.columns]
    parts.append(f"NOT EXISTS (SELECT FROM {_name(key)} p WHERE {joined})")
    parent = next((one for one in tables if (one.target.schema, one.target.name) == (key.schema, key.table)), None)
    if parent is not None:
        if not set(key.target_columns) <= staged.columns(parent):
            return
        parts.append(f"NOT EXISTS (SELECT FROM {staged.rows(parent)} p WHERE {joined})")
    shown = [f"c.{quote(column)}" for column in key.columns]
    count, rows = staged.find(connection, f"{staged.rows(table)} c", " AND ".join(parts), staged.naming(table), shown)
    if count:
        verb = "refers" if count == 1 else "refer"
        message = f"{counted(count, ROW)} {verb} to a row of {key.table} that does not exist ({key.name})."
        where = f"{table.plan.source.name}.{', '.join(key.columns)}"
        choices = (f"Mend or delete the rows of {table.plan.source.name} that lead nowhere.",)
        yield Problem("error", where, message, rows, count, choices)


def _taken(
    connection: psycopg.Connection, table: FittedTable, unique: ExistingUnique, on_conflict: OnConflict
) -> Iterator[Problem]:
    """Staged rows whose key a row of the target has already: another row, where rows with equal keys are replaced."""
    if not set(unique.columns) <= staged.columns(table):
        return
    key = table.target.primary_key
    if on_conflict == "upsert" and unique.primary:
        return
    parts = [(part, quote(f"exuvia part {number}")) for number, part in enumerate(unique.parts)]
    wanted = [f"{part} AS {name}" for part, name in parts]
    names = [quote(name) for name in (key.plain if key is not None and table.has_key else ())]
    mine = f"(SELECT {', '.join([*wanted, *names])} FROM {staged.rows(table)} c{_among(unique)}) c"
    theirs = f"(SELECT {', '.join([*wanted, *names])} FROM {table.target.place} t{_among(unique)}) t"
    equal = "IS NOT DISTINCT FROM" if unique.nulls_equal else "="
    condition = " AND ".join(f"t.{name} {equal} c.{name}" for _, name in parts)
    if on_conflict == "upsert" and names:
        # A row of the target that is replaced itself gives its key up.
        replaced = " AND ".join(f"r.{name} = t.{name}" for name in names)
        condition += f" AND NOT EXISTS (SELECT FROM {staged.rows(table)} r WHERE {replaced})"
    shown = [f"c.{name}" for _, name in parts]
    count, rows = staged.find(connection, f"{mine} JOIN {theirs} ON true", condition, (), shown)
    if count:
        what = "row of it has" if count == 1 else "rows of it have"
        message = f"{count:,} {what} a key ({', '.join(unique.parts)}) that a row of {table.target.place} has already"
        choices = (
            ("--on-conflict upsert",) if unique.primary else ("Mend or delete those rows on one of the two sides.",)
        )
        yield Problem("error", table.plan.source.name, f"{message} ({unique.name}).", rows, count, choices)


def _among(unique: ExistingUnique) -> str:
    """The WHERE clause of the rows that a unique index compares."""
    conditions = [] if unique.nulls_equal else [f"{part} IS NOT NULL" for part in unique.parts]
    conditions += [unique.where] if unique.where else []
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _texts(unique: ExistingUnique) -> list[str]:
    return [f"({part})::text" for part in unique.parts]


def _tuple(values: Sequence[str | None]) -> str:
    return "(" + ", ".join("NULL" if value is None else value for value in values) + ")"


def _name(key: ExistingForeignKey) -> str:
    return qualify(key.schema, key.table)


def _where(table: FittedTable, column: ExistingColumn) -> str:
    names = {target.name: name for name, (target, _) in table.columns.items()}
    return f"{table.plan.source.name}.{names[column.name]}"
