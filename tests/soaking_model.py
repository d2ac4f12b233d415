"""The oracle of the long live tests: what writers' rows must be, worked out in memory.

What a writer's n-th transaction does follows from its number, n and what its transactions before have left, so that
replaying them gives the rows to expect without a look at any database. Each writer has keys of its own.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE progress (writer INTEGER PRIMARY KEY, n INTEGER NOT NULL);
CREATE TABLE item (id INTEGER PRIMARY KEY, sku TEXT UNIQUE, stock INTEGER, price REAL, body BLOB);
CREATE TABLE page (path TEXT PRIMARY KEY NOT NULL, title TEXT, views INTEGER NOT NULL);
CREATE TABLE pair (a INTEGER NOT NULL, b TEXT NOT NULL, value TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE note (said TEXT, at REAL);
CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE book (
  id INTEGER PRIMARY KEY, author INTEGER REFERENCES author(id) ON DELETE CASCADE ON UPDATE CASCADE, title TEXT
);
CREATE INDEX of_author ON book(author);
CREATE TABLE seen (title TEXT, book INTEGER);
CREATE TRIGGER told AFTER INSERT ON book BEGIN INSERT INTO seen VALUES (NEW.title, NEW.id); END;
"""
TABLES = ("item", "page", "pair", "note", "author", "book", "seen")
KEYS = 150


Value = int | float | str | bytes | None
Row = tuple[Value, ...]
_Key = TypeVar("_Key", int, str)


@dataclass(frozen=True, slots=True)
class Statement:
    """One change: its SQL for SQLite, and for PostgreSQL where that needs other statements."""

    sqlite: str
    values: dict[str, Value]
    postgresql: tuple[str, ...] = ()


@dataclass(slots=True)
class Model:
    """What a writer's rows are, after the transactions that have been done.

    Args:
        writer: The writer's number, from 1 on.
    """

    writer: int
    n: int = 0
    item: dict[int, Row] = field(default_factory=dict)
    page: dict[str, Row] = field(default_factory=dict)
    pair: dict[tuple[int, str], Value] = field(default_factory=dict)
    note: Counter[Row] = field(default_factory=Counter)
    author: dict[int, str] = field(default_factory=dict)
    book: dict[int, tuple[int, str]] = field(default_factory=dict)
    seen: Counter[Row] = field(default_factory=Counter)

    def next(self) -> list[Statement]:
        """Do the next transaction here and return its statements."""
        self.n += 1
        chance = random.Random(f"{self.writer} {self.n}")
        made: list[Statement] = []
        for number in range(chance.randrange(1, 6)):
            values = {"n": chance.randrange(KEYS), "m": chance.randrange(KEYS)}
            made += chance.choice(_CHANGES)(self, values["n"], values["m"], self._new(number))
        progress = "INSERT INTO progress VALUES (:w, :n) ON CONFLICT (writer) DO UPDATE SET n = excluded.n"
        return [*made, Statement(progress, {"w": self.writer, "n": self.n})]

    def rows(self) -> dict[str, Counter[Row]]:
        """Return every table's rows."""
        return {
            "item": Counter((key, *row) for key, row in self.item.items()),
            "page": Counter((key, *row) for key, row in self.page.items()),
            "pair": Counter((*key, value) for key, value in self.pair.items()),
            "note": +self.note,
            "author": Counter(self.author.items()),
            "book": Counter((key, *row) for key, row in self.book.items()),
            "seen": +self.seen,
        }

    def key(self, number: int) -> int:
        """Return one of the few keys that are used again and again."""
        return self.writer * 100_000_000 + number

    def text(self, number: int) -> str:
        """Return one of the few texts that are used again and again."""
        return f"{self.writer}/{number}"

    def _new(self, number: int) -> int:
        return self.writer * 100_000_000 + 1_000 + self.n * 5 + number

    def replace_item(self, n: int, m: int, _: int) -> list[Statement]:
        key, sku = self.key(n), self.text(m)
        self.item = {one: row for one, row in self.item.items() if one != key and row[0] != sku}
        row: Row = (sku, n * m, m / 4, bytes([n, m]) * (n % 30))
        self.item[key] = row
        values: dict[str, Value] = {"id": key, "sku": sku, "stock": row[1], "price": row[2], "body": row[3]}
        insert = "INSERT INTO item VALUES (:id, :sku, :stock, :price, :body)"
        return [
            Statement(
                insert.replace("INSERT", "INSERT OR REPLACE"),
                values,
                ("DELETE FROM item WHERE id = :id OR sku = :sku", insert),
            )
        ]

    def upsert_item(self, n: int, m: int, new: int) -> list[Statement]:
        sku = self.text(n)
        held = next((key for key, row in self.item.items() if row[0] == sku), None)
        before = self.item[held] if held is not None else (sku, None, None, None)
        self.item[new if held is None else held] = (sku, before[1], m / 8, before[3])
        upsert = "INSERT INTO item(id, sku, price) VALUES (:id, :sku, :price)"
        return [
            Statement(
                f"{upsert} ON CONFLICT (sku) DO UPDATE SET price = excluded.price",
                {"id": new, "sku": sku, "price": m / 8},
            )
        ]

    def take_sku(self, n: int, m: int, _: int) -> list[Statement]:
        key, sku = self._held(self.item, n), self.text(m)
        if key is None:
            return []
        self.item = {one: row for one, row in self.item.items() if one == key or row[0] != sku}
        self.item[key] = (sku, *self.item[key][1:])
        update = "UPDATE item SET sku = :sku WHERE id = :id"
        return [
            Statement(
                update.replace("UPDATE", "UPDATE OR REPLACE"),
                {"id": key, "sku": sku},
                ("DELETE FROM item WHERE sku = :sku AND id <> :id", update),
            )
        ]

    def rekey_item(self, n: int, _: int, new: int) -> list[Statement]:
        key = self._held(self.item, n)
        if key is None:
            return []
        self.item[new] = self.item.pop(key)
        return [Statement("UPDATE item SET id = :new WHERE id = :id", {"id": key, "new": new})]

    def delete_item(self, n: int, _: int, __: int) -> list[Statement]:
        key = self._held(self.item, n)
        self.item = {one: row for one, row in self.item.items() if one != key}
        return [Statement("DELETE FROM item WHERE id = :id", {"id": key})]

    def replace_page(self, n: int, m: int, _: int) -> list[Statement]:
        path = self.text(n)
        self.page[path] = (f"Title {m}", 0)
        insert = "INSERT INTO page VALUES (:path, :title, 0)"
        return [
            Statement(
                insert.replace("INSERT", "INSERT OR REPLACE"),
                {"path": path, "title": f"Title {m}"},
                ("DELETE FROM page WHERE path = :path", insert),
            )
        ]

    def view_pages(self, n: int, _: int, __: int) -> list[Statement]:
        path = self._held(self.page, n)
        if path is None:
            return []
        title, views = self.page[path]
        assert isinstance(views, int)
        self.page[path] = (title, views + 1)
        return [Statement("UPDATE page SET views = views + 1 WHERE path = :path", {"path": path})]

    def rekey_page(self, n: int, _: int, new: int) -> list[Statement]:
        path = self._held(self.page, n)
        if path is None:
            return []
        self.page[self.text(new)] = self.page.pop(path)
        return [Statement("UPDATE page SET path = :new WHERE path = :path", {"path": path, "new": self.text(new)})]

    def delete_page(self, n: int, _: int, __: int) -> list[Statement]:
        path = self._held(self.page, n)
        self.page = {one: row for one, row in self.page.items() if one != path}
        return [Statement("DELETE FROM page WHERE path = :path", {"path": path})]

    def replace_pair(self, n: int, m: int, _: int) -> list[Statement]:
        key = (self.writer * 1_000 + n % 20, f"b{m % 20}")
        self.pair[key] = f"value {n}"
        insert = "INSERT INTO pair VALUES (:a, :b, :value)"
        return [
            Statement(
                insert.replace("INSERT", "INSERT OR REPLACE"),
                {"a": key[0], "b": key[1], "value": f"value {n}"},
                ("DELETE FROM pair WHERE a = :a AND b = :b", insert),
            )
        ]

    def delete_pairs(self, n: int, m: int, _: int) -> list[Statement]:
        a, b = self.writer * 1_000 + n % 20, f"b{m % 20}"
        self.pair = {key: value for key, value in self.pair.items() if key[0] != a or key[1] != b}
        return [Statement("DELETE FROM pair WHERE a = :a AND b = :b", {"a": a, "b": b})]

    def say_twice(self, n: int, m: int, _: int) -> list[Statement]:
        said, at = self.text(n), m / 2
        self.note[said, at] += 2
        return [Statement("INSERT INTO note VALUES (:said, :at), (:said, :at)", {"said": said, "at": at})]

    def move_notes(self, n: int, _: int, __: int) -> list[Statement]:
        said = self.text(n)
        self.note = _mapped(self.note, lambda row: (row[0], _number_of(row[1]) + 0.5) if row[0] == said else row)
        return [Statement("UPDATE note SET at = at + 0.5 WHERE said = :said", {"said": said})]

    def unsay(self, n: int, _: int, __: int) -> list[Statement]:
        said = self.text(n)
        self.note = Counter({row: count for row, count in self.note.items() if row[0] != said})
        return [Statement("DELETE FROM note WHERE said = :said", {"said": said})]

    def add_author(self, n: int, _: int, new: int) -> list[Statement]:
        self.author[new] = f"Author {n}"
        return [Statement("INSERT INTO author VALUES (:id, :name)", {"id": new, "name": f"Author {n}"})]

    def add_book(self, n: int, m: int, new: int) -> list[Statement]:
        author = self._held(self.author, n)
        if author is None:
            return []
        title = self.text(m)
        self.book[new] = (author, title)
        self.seen[title, new] += 1
        values: dict[str, Value] = {"id": new, "author": author, "title": title}
        return [Statement("INSERT INTO book VALUES (:id, :author, :title)", values)]

    def rekey_author(self, n: int, _: int, new: int) -> list[Statement]:
        author = self._held(self.author, n)
        if author is None:
            return []
        self.author[new] = self.author.pop(author)
        self.book = {key: (new if of == author else of, title) for key, (of, title) in self.book.items()}
        return [Statement("UPDATE author SET id = :new WHERE id = :id", {"id": author, "new": new})]

    def delete_author(self, n: int, _: int, __: int) -> list[Statement]:
        author = self._held(self.author, n)
        self.author = {one: name for one, name in self.author.items() if one != author}
        self.book = {key: row for key, row in self.book.items() if row[0] != author}
        return [Statement("DELETE FROM author WHERE id = :id", {"id": author})]

    def forget_seen(self, n: int, _: int, __: int) -> list[Statement]:
        title = self.text(n)
        self.seen = Counter({row: count for row, count in self.seen.items() if row[0] != title})
        return [Statement("DELETE FROM seen WHERE title = :title", {"title": title})]

    @staticmethod
    def _held(rows: Mapping[_Key, object], n: int) -> _Key | None:
        return list(rows)[n % len(rows)] if rows else None


_CHANGES: tuple[Callable[[Model, int, int, int], list[Statement]], ...] = (
    *[Model.replace_item, Model.upsert_item, Model.take_sku, Model.rekey_item, Model.delete_item],
    *[Model.replace_page, Model.view_pages, Model.rekey_page, Model.delete_page],
    *[Model.replace_pair, Model.delete_pairs],
    *[Model.say_twice, Model.move_notes, Model.unsay],
    *[Model.add_author, Model.add_book, Model.add_book, Model.add_book, Model.rekey_author, Model.delete_author],
    Model.forget_seen,
)


def replayed(writer: int, n: int) -> Model:
    """Return what a writer's rows are after n transactions."""
    model = Model(writer)
    while model.n < n:
        model.next()
    return model


def _number_of(value: Value) -> float:
    assert isinstance(value, float)
    return value


def _mapped(rows: Counter[Row], change: Callable[[Row], Row]) -> Counter[Row]:
    found: Counter[Row] = Counter()
    for row, count in rows.items():
        found[change(row)] += count
    return found
