"""Finding the nearest vectors, by each engine's own means.

With pgvector an index is scanned, iteratively until enough rows pass the filters. Elsewhere, under the cosine, the
codes of all vectors (a bit for each number) are compared first, and then the vectors of the nearest codes. Whatever
finds fewer rows than were asked for is followed by an exact scan of the rows that pass the filters, so that no search
returns less than there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exuvia.store.core.capabilities import Capabilities
from exuvia.store.core.dialect import Dialect
from exuvia.store.core.listing import Where
from exuvia.store.core.requests import Operation, Row, Statement, Value
from exuvia.store.vectors.encoding import Form, code, distances, hamming
from exuvia.store.vectors.records import ITEM, Floats, Hit

_SPARE: Final = 16  # rows beyond the limit, so that those equally far can be put in order
_WORTH_CODES: Final = 2_000  # vectors; fewer are compared themselves
_FIRST: Final = 500  # nearest codes that are looked at first, or 50 times the limit
_WIDER: Final = 8  # times as many, when too few of them have passed the filters
_MOST: Final = 32_000
_OVERSAMPLED: Final = 4  # times the limit have to pass them
_CHUNK: Final = 4_000_000  # bytes of vectors in memory at a time
_SQLITE_VEC: Final = {"cosine": "vec_distance_cosine", "l2": "vec_distance_l2"}


@dataclass(frozen=True, slots=True)
class Nearest:
    """A search in collections that are kept in one table.

    Args:
        dialect: The engine's.
        capabilities: What it can do here.
        form: How the vectors are written.
        collections: Which rows are of the collections.
        where: Which of them to look for.
        query: The vector to be near to.
        limit: Rows at most.
    """

    dialect: Dialect
    capabilities: Capabilities
    form: Form
    collections: Where
    where: Where
    query: Floats
    limit: int

    def find(self, *, exact: bool) -> Operation[list[Hit]]:
        """Return the nearest, the nearest first."""
        if not exact and self.form.collection.index_type != "none":
            found = yield from self._by_index() if self.form.is_native else self._by_codes()
            if found is not None:
                return found
        if self.form.is_native:
            # no index is of the sum
            return _hits((yield self._native(f"({self.form.distance}) + 0, project_id, id")))
        function = _SQLITE_VEC.get(self.form.collection.metric)
        if function and self._has_sqlite_vec:
            return _hits((yield self._by_function(function)))
        return (yield from self._by_chunks())

    @property
    def _has_sqlite_vec(self) -> bool:
        return not self.dialect.is_postgres and bool(self.capabilities.vector) and not self.form.collection.half

    def by_index(self) -> Statement:
        """Return what asks pgvector by its index."""
        return self._native(self.form.indexed_distance)

    def _by_index(self) -> Operation[list[Hit] | None]:
        rows = yield self.by_index()
        return _hits(rows) if len(rows) >= self.limit else None

    def _native(self, order: str) -> Statement:
        """Ask pgvector; planned anew each time, since the best plan depends on how many rows pass the filters."""
        sql = f"""
            WITH near AS MATERIALIZED (
              SELECT {ITEM.columns()}, {self.form.distance} AS distance FROM {self.form.collection.storage}
              WHERE {self.where} ORDER BY {order} LIMIT :near_limit)
            SELECT {ITEM.columns()}, distance FROM near ORDER BY distance, project_id, id
            """
        given = self._given(embedding=self.form.encode(self.query), near_limit=self.limit + _SPARE)
        return Statement(sql, given, prepared=False)

    def _by_function(self, function: str) -> Statement:
        """Ask sqlite-vec."""
        sql = f"""
            WITH near AS MATERIALIZED (
              SELECT item, {function}(embedding, :embedding) AS distance FROM vector_items
              WHERE {self.where} ORDER BY distance, project_id, id LIMIT :near_limit)
            SELECT {ITEM.columns("found")}, near.distance FROM near JOIN vector_items AS found ON found.item = near.item
            ORDER BY near.distance, found.project_id, found.id
            """
        return Statement(sql, self._given(embedding=self.form.encode(self.query), near_limit=self.limit))

    def _by_codes(self) -> Operation[list[Hit] | None]:
        """Compare the vectors of the nearest codes, and of more codes where few pass the filters."""
        if self.form.collection.metric != "cosine":
            return None
        glued = (
            "string_agg(code, ''), string_agg(CAST(item AS text), ',')"
            if self.dialect.is_postgres
            else "CAST(group_concat(code, '') AS blob), group_concat(item)"
        )
        sql = f"SELECT {glued} FROM vector_items WHERE {self.collections}"
        ((codes, numbers),) = yield Statement(sql, self.collections.parameters)
        items = np.fromstring(numbers or "", np.int64, sep=",")
        many = max(_FIRST, 50 * self.limit)
        if len(items) < _WORTH_CODES:
            return None
        unlike = hamming(codes, code(self.query))
        while many <= min(_MOST, len(items) // 2):
            nearest = np.sort(items[np.argpartition(unlike, many)[:many]])
            rows = yield self._among(nearest, "item, embedding")
            if len(rows) >= _OVERSAMPLED * self.limit:
                order, far = self._ranked([row[1] for row in rows])
                return (yield from self._fetched({rows[place][0]: float(far[place]) for place in order}))
            many *= _WIDER
        return None

    def _by_chunks(self) -> Operation[list[Hit]]:
        """Compare all vectors here, some at a time, in the order of their ids: the first of those equally far stays."""
        width = (2 if self.form.collection.half else 4) * self.form.collection.dimension
        size = max(64, _CHUNK // width)
        best: dict[int, float] = {}
        last: Row = ()
        while True:
            rows = yield self._chunk(size, last)
            if rows:
                _, far = self._ranked([row[1] for row in rows])
                best.update((row[0], float(distance)) for row, distance in zip(rows, far, strict=True))
                best = dict(sorted(best.items(), key=lambda pair: pair[1])[: self.limit])
                last = rows[-1][2:]
            if len(rows) < size:
                return (yield from self._fetched(best))

    def _chunk(self, size: int, last: Row) -> Statement:
        key = "project_id, collection_id, id"
        after = " AND (project_id, collection_id, id) > (:last_0, :last_1, :last_2)" if last else ""
        bounds = {f"last_{place}": value for place, value in enumerate(last)}
        return Statement(
            f"SELECT item, embedding, {key} FROM vector_items WHERE {self.where}{after} ORDER BY {key} LIMIT :size",
            self._given(size=size, **bounds),
        )

    def _ranked(self, stored: list[bytes]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the places of the nearest, in order, and every distance."""
        far = distances(self.form.decode_all(stored), self.query, self.form.collection.metric)
        return np.argsort(far, kind="stable")[: self.limit + _SPARE], far

    def _fetched(self, far: dict[int, float]) -> Operation[list[Hit]]:
        if not far:
            return []
        rows = yield self._among(np.array(list(far), np.int64), f"item, {ITEM.columns()}")
        return [Hit(ITEM.read(row[1:]), far[row[0]]) for row in rows]

    def _among(self, items: NDArray[np.int64], columns: str) -> Statement:
        listed = ",".join(map(str, items.tolist()))
        among, given = (
            ("item = ANY (CAST(:items AS bigint[]))", f"{{{listed}}}")
            if self.dialect.is_postgres
            else ("item IN (SELECT value FROM json_each(:items))", f"[{listed}]")
        )
        return Statement(f"SELECT {columns} FROM vector_items WHERE {among} AND {self.where}", self._given(items=given))

    def _given(self, **parameters: Value) -> dict[str, Value]:
        return {**self.where.parameters, **parameters}


def _hits(rows: Sequence[Row]) -> list[Hit]:
    return [Hit(ITEM.read(row[:-1]), float(row[-1])) for row in rows]
