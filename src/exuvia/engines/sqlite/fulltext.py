"""Full-text tables (FTS3, FTS4 and FTS5) as their CREATE VIRTUAL TABLE text declares them.

https://sqlite.org/fts5.html, sections 3 to 4.8, and https://sqlite.org/fts3.html, sections 1.2 and 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exuvia.catalog.model import Column, Key, Table, VirtualTable
from exuvia.catalog.names import fold
from exuvia.engines.sqlite.order import quote
from exuvia.engines.sqlite.tokens import Token, split, tokenize

MODULES = frozenset({"fts3", "fts4", "fts5"})

_FTS4_OPTIONS = frozenset(
    {"tokenize", "matchinfo", "prefix", "order", "compress", "uncompress", "content", "languageid", "notindexed"}
)
_FTS5_OPTIONS = frozenset(
    {
        "tokenize",
        "prefix",
        "content",
        "content_rowid",
        "columnsize",
        "detail",
        "contentless_delete",
        "contentless_unindexed",
        "locale",
        "tokendata",
    }
)


@dataclass(frozen=True, slots=True)
class FullText:
    """A full-text table.

    Args:
        name: Its name.
        module: fts3, fts4 or fts5.
        columns: Its columns, in order.
        unindexed: Those that can be read and not searched.
        content: The table or view whose text it indexes; empty for a table that keeps no text, None for one that keeps
            its own.
        content_rowid: The column of ``content`` by which its rows are found.
        tokenizer: The words of the option ``tokenize``; empty for the module's default.
        language: FTS4's column for the row's language, empty for none.
        compressed: Whether FTS4 stores the text through functions of the application.
    """

    name: str
    module: str
    columns: tuple[str, ...]
    unindexed: frozenset[str] = frozenset()
    content: str | None = None
    content_rowid: str = "rowid"
    tokenizer: tuple[str, ...] = ()
    language: str = ""
    compressed: bool = False

    @property
    def searched(self) -> tuple[str, ...]:
        """The columns that are indexed."""
        return tuple(column for column in self.columns if column not in self.unindexed)


def is_full_text(table: VirtualTable) -> bool:
    """Whether a virtual table is a full-text table."""
    return fold(table.module) in MODULES


def full_text(table: VirtualTable) -> FullText:
    """Read the declaration of a full-text table."""
    tokens = list(tokenize(table.sql))
    opening = next((at for at, token in enumerate(tokens) if token.text == "("), len(tokens))
    module = fold(table.module)
    columns: list[str] = []
    unindexed: set[str] = set()
    options: dict[str, list[Token]] = {}
    known = _FTS5_OPTIONS if module == "fts5" else _FTS4_OPTIONS
    for argument in split(tokens[opening + 1 : -1]):
        name = fold(argument[0].value) if argument else ""
        if len(argument) > 1 and argument[1].text == "=" and name in known:
            if name == "notindexed":
                unindexed.add(fold(_value(argument[2:])))
            options[name] = argument[2:]
        elif module != "fts5" and name == "tokenize" and len(argument) > 1:
            options[name] = argument[1:]
        elif argument:
            columns.append(argument[0].value)
            if module == "fts5" and any(token.word == "UNINDEXED" for token in argument[1:]):
                unindexed.add(name)
    content = _value(options["content"]) if "content" in options else None
    return FullText(
        table.name,
        module,
        tuple(columns) or (("content",) if content is None else ()),
        frozenset(column for column in columns if fold(column) in unindexed),
        content,
        _value(options["content_rowid"]) if "content_rowid" in options else "rowid",
        tuple(_value(options["tokenize"]).split()) if "tokenize" in options else (),
        _value(options["languageid"]) if "languageid" in options else "",
        "compress" in options or "uncompress" in options,
    )


def _value(tokens: Sequence[Token]) -> str:
    """An option's value: one string or name, or words side by side."""
    return " ".join(token.value for token in tokens)


def keeper(table: VirtualTable) -> tuple[str, str] | None:
    """Return the shadow table that keeps a full-text table's own texts, and its column for the rowid; None without."""
    found = full_text(table)
    shadow = next((name for name in table.shadows if fold(name) == fold(f"{table.name}_content")), None)
    if found.content is not None or shadow is None:
        return None
    return shadow, "id" if found.module == "fts5" else "docid"


def derived(table: VirtualTable) -> Table | None:
    """Return a full-text table's own rows as an ordinary table, read from the shadow table that keeps them.

    None where it keeps no text, or only in a form of the application's own. The rowid is the column ``rowid``, or
    ``docid`` where a column of the table has that name.
    """
    found, kept = full_text(table), keeper(table)
    if kept is None or found.compressed:
        return None
    shadow, key = kept
    rowid = "docid" if "rowid" in map(fold, found.columns) else "rowid"
    if found.module == "fts5":
        stored = [key, *(f"c{number}" for number in range(len(found.columns)))]
    else:
        stored = [key, *(f"c{number}{name}" for number, name in enumerate(found.columns))]
    names = [rowid, *found.columns]
    if found.language:
        stored.append("langid")
        names.append(found.language)
    items = ", ".join(f"{quote(here)} AS {quote(name)}" for here, name in zip(stored, names, strict=True))
    return Table(
        name=table.name,
        columns=tuple(Column(name) for name in names),
        primary_key=Key((rowid,)),
        rowid_column=rowid,
        rowid_name=None,
        sql=table.sql,
        query=f"SELECT {items} FROM main.{quote(shadow)}",
    )
