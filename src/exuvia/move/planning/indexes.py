"""The indexes of a table in the target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from exuvia.catalog.model import Index, IndexPart, Key, Table
from exuvia.catalog.target import TargetIndex, TargetIndexPart
from exuvia.catalog.types import Base
from exuvia.engines.postgres.translate import Translation
from exuvia.move.plan import Fate, ObjectPlan, Problem
from exuvia.move.planning.constraints import MAX_KEY_COLUMNS, Found, Shape
from exuvia.move.planning.naming import Names
from exuvia.move.planning.overrides import TableOverride
from exuvia.move.planning.translating import Translator

_TEXTS = (Base.TEXT, Base.VARCHAR)
_COLLATIONS = ("BINARY", "NOCASE", "RTRIM")
_NOT_INDEXED = (Base.JSON, Base.VECTOR)


@dataclass(frozen=True, slots=True)
class Indexes:
    """A table's indexes, and the sets of source columns that plain unique ones make a key of."""

    indexes: tuple[TargetIndex, ...]
    keys: frozenset[frozenset[str]]


def indexes(shape: Shape, override: TableOverride, translator: Translator, names: Names, found: Found) -> Indexes:
    """Plan a table's indexes, and one for each key whose columns SQLite compares without case.

    Args:
        shape: The table.
        override: What a person says about it.
        translator: Translates expressions over the table's columns.
        names: The target's names.
        found: Takes fates and problems.
    """
    result: list[TargetIndex] = []
    unique: set[frozenset[str]] = set()
    for index in shape.table.indexes:
        name = names.indexes[shape.table.name, index.name]
        if index.name in override.indexes and override.indexes[index.name].exclude:
            found.left_out("index", index.name, shape.table.name, "excluded", index.sql)
            continue
        target, reason = _index(shape, index, name, translator)
        if target is None:
            found.left_out("index", index.name, shape.table.name, reason, index.sql)
            _warn(shape, index, reason, found)
            continue
        result.append(target)
        plain = all(part.column and _plain(shape, part) for part in index.parts)
        if plain and index.where is None:
            found.moved("index", index.name, shape.table.name, index.sql)
            unique |= {frozenset(part.column or "" for part in index.parts)} if index.unique else set()
        else:
            found.translated("index", index.name, shape.table.name, index.sql, "translated to PostgreSQL's expressions")
    result += _caseless(shape, translator, names, found)
    return Indexes(tuple(result), frozenset(unique))


def _warn(shape: Shape, index: Index, reason: str, found: Found) -> None:
    what = "unique index" if index.unique else "index"
    message = f"The {what} is left out: {reason}."
    found.problems.append(Problem("warning" if index.unique else "note", f"{shape.table.name}.{index.name}", message))


def _index(shape: Shape, index: Index, name: str, translator: Translator) -> tuple[TargetIndex | None, str]:
    if len(index.parts) > MAX_KEY_COLUMNS:
        return None, f"it has {len(index.parts)} columns, and PostgreSQL's indexes have at most {MAX_KEY_COLUMNS}"
    parts: list[TargetIndexPart] = []
    for part in index.parts:
        answer = _part(shape, part, translator)
        if answer.sql is None:
            return None, answer.reason
        parts.append(TargetIndexPart(answer.sql, part.descending))
    where: str | None = None
    if index.where is not None:
        condition = translator.condition(index.where, shape.table.name)
        if condition.sql is None:
            return None, f"its condition cannot be translated: {condition.reason}"
        where = condition.sql
    return TargetIndex(name, tuple(parts), index.unique, where), ""


def _part(shape: Shape, part: IndexPart, translator: Translator) -> Translation:
    if part.column is None:
        answer = translator.index_part(part, shape.table.name)
        return answer if answer.sql is not None else Translation(None, f"{part.expression}: {answer.reason}")
    if part.column not in shape.columns:
        return Translation(None, f"its column {part.column} is excluded")
    type_ = shape.types[part.column]
    if type_.base in _NOT_INDEXED:
        return Translation(None, f"its column {part.column} is {type_}, which has no ordinary index in PostgreSQL")
    if part.collation not in _COLLATIONS and type_.base in _TEXTS:
        return Translation(None, f"PostgreSQL has no collation {part.collation}")
    return translator.index_part(part, shape.table.name)


def _plain(shape: Shape, part: IndexPart) -> bool:
    return part.collation == "BINARY" or part.column is None or shape.types[part.column].base not in _TEXTS


def _caseless(shape: Shape, translator: Translator, names: Names, found: Found) -> Iterator[TargetIndex]:
    """Unique indexes for keys over NOCASE or RTRIM columns: PostgreSQL's key alone would let in what SQLite refuses."""
    for key in _keys(shape.table):
        if shape.missing(key.columns):
            continue
        parts = [IndexPart(name, collation=shape.table.column(name).collation) for name in key.columns]
        if all(_plain(shape, part) for part in parts):
            continue
        foreign = next((part.collation for part in parts if part.collation not in _COLLATIONS), None)
        if foreign is not None:
            where = f"{shape.table.name}.{', '.join(key.columns)}"
            message = (
                f"SQLite compares its key by the collation {foreign}, which PostgreSQL lacks: it compares exactly."
            )
            found.problems.append(Problem("warning", where, message))
            continue
        wanted = Index("_".join((shape.name, *shape.targets(key.columns), "nocase")), tuple(parts), unique=True)
        name = names.claim(shape.schema, wanted.name)
        target, reason = _index(shape, wanted, name, translator)
        if target is None:
            found.left_out("index", name, shape.table.name, reason)
            _warn(shape, wanted, reason, found)
            continue
        why = f"SQLite compares ({', '.join(key.columns)}) by their collation: a unique index does the same"
        found.objects.append(ObjectPlan("index", name, shape.table.name, Fate.TRANSLATED, why))
        yield target


def _keys(table: Table) -> Iterator[Key]:
    for key in (table.primary_key, *table.uniques):
        if key is not None:
            yield key
