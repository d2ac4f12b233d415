"""PostgreSQL's identifiers: quoting, folding, the limit of 63 bytes, and unique names for what is moved."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from exuvia.errors import PlanError

MAX_BYTES = 63

NameKind = Literal["table", "column", "other"]

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})

# Every word that is more than an unreserved keyword in PostgreSQL 12 to 18 (pg_get_keywords(), catcode not 'U').
_KEYWORD_LIST = """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast
    char character check coalesce collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable
    desc distinct do else end except exists extract false fetch float for foreign freeze from full grant greatest group
    grouping having ilike in initially inner inout int integer intersect interval into is isnull join json json_array
    json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize json_table json_value
    lateral leading least left like limit localtime localtimestamp merge_action national natural nchar none normalize
    not notnull null nullif numeric offset on only or order out outer overlaps overlay placing position precision
    primary real references returning right row select session_user setof similar smallint some substring symmetric
    system_user table tablesample then time timestamp to trailing treat trim true union unique user using values
    varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest
    xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
_KEYWORDS = frozenset(_KEYWORD_LIST.split())
# Unquoted, these are not an error but a value of the server's: a query goes through and means something else.
_VALUE_LIST = """
    current_catalog current_date current_role current_schema current_time current_timestamp current_user localtime
    localtimestamp session_user system_user user
"""
_VALUES = frozenset(_VALUE_LIST.split())


def quote(name: str) -> str:
    """Return ``name`` as an SQL identifier, in quotes unless it is plain lower case and no keyword.

    Raises:
        PlanError: The name is empty or holds a NUL character, which no PostgreSQL name can be.
    """
    if not name or "\0" in name:
        raise PlanError(f"{name!r} cannot be a name in PostgreSQL.", hint="Give it another name.", code="name")
    if _PLAIN.fullmatch(name) and name not in _KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def qualify(schema: str, name: str) -> str:
    """Return ``schema.name`` with both parts quoted where needed; without a schema, the name alone."""
    return f"{quote(schema)}.{quote(name)}" if schema else quote(name)


def fold(name: str) -> str:
    """Return ``name`` in lower case as PostgreSQL and SQLite do it: ASCII letters only, so that ``Ä`` stays."""
    return name.translate(_ASCII_LOWER)


def fit(name: str) -> str:
    """Return ``name`` in at most 63 bytes of UTF-8: itself, or its beginning and a hash of the whole.

    The hash is the same in every run, and keeps names apart that differ only beyond the cut.
    """
    if len(name.encode("utf-8", "replace")) <= MAX_BYTES:
        return name
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return _cut(name, "_" + digest)


def _cut(name: str, suffix: str) -> str:
    """``name`` and ``suffix`` in at most 63 bytes, the name cut between characters."""
    room = MAX_BYTES - len(suffix.encode())
    return name.encode("utf-8", "replace")[:room].decode("utf-8", "ignore") + suffix


@dataclass(frozen=True, slots=True)
class Rename:
    """A name that could not be kept, what it became, and why."""

    source: str
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class NameNote:
    """A name that is kept but can surprise: ``message`` says how."""

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Assigned(Mapping[str, str]):
    """Target names by source name. ``renamed`` lists those that differ from what was asked for (the name itself, or
    its folded form), ``notes`` those that unqualified or unquoted mean something else in PostgreSQL."""

    names: Mapping[str, str]
    renamed: tuple[Rename, ...] = ()
    notes: tuple[NameNote, ...] = ()

    def __getitem__(self, name: str) -> str:
        return self.names[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def assign(names: Sequence[str], *, fold: bool, taken: Collection[str] = (), kind: NameKind = "table") -> Assigned:
    """Give each source name a PostgreSQL name of its own.

    A name that needs no change keeps it, whatever comes before it; of several names that become equal by folding or
    cutting, the first in order has it, and the others get ``_2``, ``_3`` and so on. The result depends on the
    arguments alone.

    Args:
        names: The source names, in order; a name that comes twice is one name.
        fold: Whether to turn ASCII letters to lower case.
        taken: Target names that are in use already.
        kind: What is named. Columns cannot have the names of PostgreSQL's system columns.
    """
    wanted = {name: _legal(name, fold=fold, kind=kind) for name in names}
    used = set(taken)
    reserved = used | {target for target, _ in wanted.values()}
    given: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for name in sorted(wanted, key=lambda name: wanted[name][0] != name):
        target, reason = wanted[name]
        if target in used:
            reason = _clash(name, target, given, taken)
            target = _free(target, reserved)
            reserved.add(target)
        used.add(target)
        given[name] = target
        if reason:
            reasons[name] = reason
    renamed = tuple(Rename(name, given[name], reasons[name]) for name in wanted if name in reasons)
    notes = tuple(note for name in wanted if (note := _note(given[name], kind)) is not None)
    return Assigned({name: given[name] for name in wanted}, renamed, notes)


def _legal(name: str, *, fold: bool, kind: NameKind) -> tuple[str, str]:
    """The name that PostgreSQL can have for ``name``, other names apart, and why it differs (``""`` if it does not)."""
    reasons = []
    target = name.translate(_ASCII_LOWER) if fold else name
    if "\0" in target:
        target = target.replace("\0", "_")
        reasons.append("PostgreSQL's names cannot hold a NUL character")
    if not target.isascii() and target.encode("utf-8", "replace").decode() != target:
        target = re.sub("[\ud800-\udfff]", "\ufffd", target)
        reasons.append("it is not valid Unicode")
    if not target:
        target = "unnamed"
        reasons.append("PostgreSQL's names cannot be empty")
    if kind == "column" and target in _SYSTEM_COLUMNS:
        reasons.append(f"{target} is a system column of every PostgreSQL table")
        target += "_"
    fitted = fit(target)
    if fitted != target:
        reasons.append(f"PostgreSQL's names have at most {MAX_BYTES} bytes")
    return fitted, "; ".join(reasons)


def _clash(name: str, target: str, given: Mapping[str, str], taken: Collection[str]) -> str:
    if target in taken:
        return f"{target} is taken"
    other = next((source for source, theirs in given.items() if theirs == target), "")
    return f"{other} and {name} would both become {target}"


def _free(name: str, reserved: Collection[str]) -> str:
    number = 2
    while (candidate := _cut(name, f"_{number}")) in reserved:
        number += 1
    return candidate


def _note(name: str, kind: NameKind) -> NameNote | None:
    if kind == "table" and name.startswith("pg_"):
        message = f"{name} without a schema means pg_catalog.{name} where PostgreSQL has one: write the schema"
        return NameNote(name, message)
    if kind != "other" and name in _VALUES:
        return NameNote(
            name, f"{name} without quotes is a value of PostgreSQL's own, not this {kind}: write {quote(name)}"
        )
    return None
