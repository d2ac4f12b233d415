"""What CREATE TABLE says and SQLite's PRAGMAs leave out: constraint names, checks, deferral, generated expressions.

SQLite keeps a table's text as it was written. The text is known to be valid, so the parser reads one clause at a time
and steps over what it does not need, rather than repeat the whole grammar (https://sqlite.org/lang_createtable.html).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from exuvia.catalog.model import Check
from exuvia.engines.sqlite.tokens import Token, closing, split, tokenize


@dataclass(frozen=True, slots=True)
class KeyClause:
    """A PRIMARY KEY or UNIQUE clause: the columns as they are spelled in it, and its CONSTRAINT name."""

    columns: tuple[str, ...]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ReferenceClause:
    """A REFERENCES clause, in column or table form."""

    columns: tuple[str, ...]
    name: str | None = None
    deferrable: bool = False
    initially_deferred: bool = False


@dataclass(slots=True)
class TableClauses:
    """The clauses of one CREATE TABLE, in the order of the text. ``generated`` maps a column to its expression."""

    columns: list[str] = field(default_factory=list)
    primary_key: KeyClause | None = None
    uniques: list[KeyClause] = field(default_factory=list)
    references: list[ReferenceClause] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    generated: dict[str, str] = field(default_factory=dict)


def parse_table(sql: str) -> TableClauses:
    """Read the clauses of a CREATE TABLE statement that SQLite has accepted.

    Raises:
        ValueError: The text has no complete list of columns.
    """
    return _TableParser(sql).parse()


class _TableParser:
    _TABLE_CLAUSES = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
    # Words that end a column's type; GENERATED is missing because SQLite, too, reads it as part of the type.
    _COLUMN_CLAUSES = frozenset(
        {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "NOT", "NULL", "DEFAULT", "COLLATE", "REFERENCES", "AS"}
        | {"DEFERRABLE", "ON"}
    )

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._tokens = list(tokenize(sql))
        self._at = 0
        self._end = 0
        self._column: str | None = None
        self._name: str | None = None
        self._foreign: tuple[str, ...] = ()
        self._found = TableClauses()
        self._handlers: dict[str, Callable[[], None]] = {
            "CONSTRAINT": self._constraint,
            "PRIMARY": self._primary_key,
            "UNIQUE": self._unique,
            "CHECK": self._check,
            "FOREIGN": self._foreign_key,
            "REFERENCES": self._references,
            "NOT": self._not,
            "DEFERRABLE": self._deferrable,
            "DEFAULT": self._default,
            "COLLATE": self._skip_operand,
            "MATCH": self._skip_operand,
            "ON": self._on,
            "AS": self._generated,
        }

    def parse(self) -> TableClauses:
        opening = next((i for i, token in enumerate(self._tokens) if token.text == "("), None)
        if opening is None:
            raise ValueError("its definition has no list of columns")
        self._at = opening + 1
        self._end = closing(self._tokens, opening)
        if self._end == len(self._tokens):
            raise ValueError("the list of columns in its definition has no end")
        self._item()
        while self._at < self._end:
            if self._peek() == ",":
                self._at += 1
                self._item()
            else:
                self._clause()
        return self._found

    def _item(self) -> None:
        """Begin an element of the table's list: a column definition, or table constraints."""
        self._column = self._name = None
        if self._at >= self._end or self._tokens[self._at].word in self._TABLE_CLAUSES:
            return
        self._column = self._take().value
        self._found.columns.append(self._column)
        while self._at < self._end and self._tokens[self._at].names and self._peek() not in self._COLUMN_CLAUSES:
            self._at += 1
        if self._peek() == "(":
            self._group()

    def _clause(self) -> None:
        token = self._take()
        handler = self._handlers.get(token.word)
        if handler is not None:
            handler()
            if token.word not in ("CONSTRAINT", "FOREIGN"):
                self._name = None
        elif token.text == "(":
            self._at -= 1
            self._group()

    def _constraint(self) -> None:
        self._name = self._take().value

    def _primary_key(self) -> None:
        self._accept("KEY")
        self._found.primary_key = KeyClause(self._key_columns(), self._name)

    def _unique(self) -> None:
        self._found.uniques.append(KeyClause(self._key_columns(), self._name))

    def _check(self) -> None:
        self._found.checks.append(Check(self._text_of_group(), self._name))

    def _foreign_key(self) -> None:
        self._accept("KEY")
        self._foreign = self._key_columns()

    def _references(self) -> None:
        columns = self._foreign if self._column is None else (self._column,)
        self._take()
        if self._peek() == "(":
            self._group()
        self._found.references.append(ReferenceClause(columns, self._name))

    def _not(self) -> None:
        if self._accept("DEFERRABLE"):
            if self._accept("INITIALLY"):
                self._take()
            self._defer(deferrable=False, initially=False)

    def _deferrable(self) -> None:
        initially = self._accept("INITIALLY") and self._take().word == "DEFERRED"
        self._defer(deferrable=True, initially=initially)

    def _defer(self, *, deferrable: bool, initially: bool) -> None:
        references = self._found.references
        if references:
            references[-1] = replace(references[-1], deferrable=deferrable, initially_deferred=initially)

    def _default(self) -> None:
        if self._peek() == "(":
            self._group()
            return
        if self._peek() in ("+", "-"):
            self._take()
        self._take()

    def _generated(self) -> None:
        expression = self._text_of_group()
        if self._column is not None:
            self._found.generated[self._column] = expression

    def _on(self) -> None:
        """Step over ON CONFLICT, ON DELETE or ON UPDATE: the DEFAULT in SET DEFAULT is no clause of its own."""
        self._take()
        if self._take().word in ("SET", "NO"):
            self._take()

    def _skip_operand(self) -> None:
        self._take()

    def _key_columns(self) -> tuple[str, ...]:
        """The columns in parentheses, or, without parentheses, the column whose definition this is part of."""
        if self._peek() != "(":
            return () if self._column is None else (self._column,)
        pieces = split(self._group())
        firsts = (next((token for token in piece if token.names), None) for piece in pieces)
        return tuple(first.value for first in firsts if first is not None)

    def _text_of_group(self) -> str:
        if self._peek() != "(":
            return ""
        start = self._tokens[self._at].end
        self._group()
        return self._sql[start : self._tokens[self._at - 1].start].strip()

    def _group(self) -> list[Token]:
        """Step over the parentheses that begin here, and return the tokens between them."""
        opening = self._at
        close = closing(self._tokens, opening)
        self._at = close + 1
        return self._tokens[opening + 1 : close]

    def _peek(self) -> str:
        """The next token: a word in capitals, anything else as it stands; ``""`` at the end."""
        if self._at >= self._end:
            return ""
        token = self._tokens[self._at]
        return token.word or token.text

    def _take(self) -> Token:
        if self._at >= self._end:
            raise ValueError("its definition ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _accept(self, text: str) -> bool:
        found = self._peek() == text
        self._at += found
        return found
