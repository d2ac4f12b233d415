"""Replacing a collection by one of another model: made beside it, and swapped with it once it has everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from exuvia.store.core.operations import M, reading, writing
from exuvia.store.core.requests import Many, Operation, Statement
from exuvia.store.errors import StateError
from exuvia.store.vectors.encoding import Form, checked_vector, code
from exuvia.store.vectors.items import Items
from exuvia.store.vectors.records import COLLECTION, Collection, Vector

_COPIED: Final = ("kind", "entry_id", "type", "at", "text", "data", "changed")
# What a vector is made of: its own text, or else that of the entry that it is of
_TEXT: Final = """coalesce(source.text, (
  SELECT CASE WHEN title = '' THEN body WHEN body = '' THEN title ELSE title || CAST(:newline AS text) || body END
  FROM search_entries AS entry
  WHERE entry.project_id = source.project_id AND entry.kind = source.kind AND entry.id = source.entry_id))"""


class Text(NamedTuple):
    """A text to be embedded.

    Args:
        id: The vector's id.
        changed: Which writing of it this is.
        text: The text; None where there is none.
    """

    id: str
    changed: int
    text: str | None


@dataclass(frozen=True, slots=True)
class Replacement:
    """A collection that is being replaced.

    Args:
        source: The collection.
        target: The one that will take its place.
        total: How many vectors the source has.
        missing: How many of them the target does not have yet, or not as they are now.
        without_text: How many of those have no text that they could be made of.
    """

    source: Collection
    target: Collection
    total: int
    missing: int
    without_text: int


class Replacing(Items[M]):
    """Replacing collections."""

    @writing
    def begin_replacement(
        self, name: str, dimension: int, model: str, *, anew: bool = False, project: str | None = None
    ) -> Operation[Replacement]:
        """Make the collection that will take another's place, or go on with one that was made before.

        Args:
            name: The collection to be replaced.
            dimension: How many numbers the new vectors have.
            model: The model that makes them.
            anew: Drop what was made before.
            project: The project; not needed in a bound store.

        Raises:
            NotFoundError: There is no such collection.
            StateError: It is being replaced by vectors of another model or dimension.
        """
        owner = self.scope.own(project)
        source = yield from self._definition(owner, name, self.dialect.for_update)
        target = yield from self._begun(source)
        if target is not None and (anew or target.created_at < source.created_at):
            yield from self._delete(target)  # or a replaced one that nobody has cleaned up
            target = None
        if target is None:
            form = (dimension, source.metric, model, source.half, source.index_type)
            target = yield from self._made(owner, name, form, replaces=source.id, deferred=True)
            assert target is not None
        if (target.model, target.dimension) != (model, dimension):
            raise StateError(
                f"The collection {name!r} is being embedded anew by {target.model} ({target.dimension} dimensions).",
                hint=f"Go on with that model, or begin anew: exuvia store reembed {name} --restart.",
                code="replacing",
            )
        return (yield from self._progress(source, target))

    @reading
    def texts_to_embed(self, work: Replacement, after: str | None, limit: int) -> Operation[list[Text]]:
        """Return what the target does not have yet, or not as it is now, by id."""
        beyond = "" if after is None else " AND source.id > :after"
        rows = yield Statement(
            f"SELECT source.id, source.changed, {_TEXT} {self._missing(work)}{beyond} ORDER BY source.id LIMIT :limit",
            {**_about(work), "limit": limit, **({} if after is None else {"after": after})},
        )
        return [Text(*row) for row in rows]

    @writing
    def put_replaced(self, work: Replacement, texts: Sequence[Text], vectors: Sequence[Vector]) -> Operation[None]:
        """Put vectors into the target, each with what its source has, unless that was changed or deleted meanwhile."""
        form = Form(work.target)
        own: dict[str, str] = {"embedding": form.placeholder} | ({} if form.is_native else {"code": ":code"})
        changes = ", ".join(f"{name} = excluded.{name}" for name in (*_COPIED, *own))
        copied = ", ".join(_COPIED)
        sql = f"""
            INSERT INTO {work.target.storage} (project_id, collection_id, id, {copied}, {", ".join(own)})
            SELECT project_id, CAST(:target AS text), id, {copied}, {", ".join(own.values())}
            FROM {work.source.storage} AS source
            WHERE source.project_id = :project AND source.collection_id = :source AND source.id = :id
              AND source.changed = :changed
            ON CONFLICT (project_id, collection_id, id) DO UPDATE SET {changes}
            """
        sets = []
        for text, given in zip(texts, vectors, strict=True):
            vector = checked_vector(given, work.target)
            row = {**_about(work), "id": text.id, "changed": text.changed, "embedding": form.encode(vector)}
            sets.append(row if form.is_native else row | {"code": code(vector)})
        if sets:
            yield Many(sql, sets)

    @writing
    def index_replacement(self, work: Replacement) -> Operation[None]:
        """Make the target's index, if it has none: quicker once the vectors are there."""
        if self.dialect.is_postgres and not (yield from self._has_index(work.target.storage)):
            yield from self._index_made(work.target)

    @writing
    def finish_replacement(self, work: Replacement, *, without_text: bool = False) -> Operation[int]:
        """Put the target in its source's place, if it has everything; writers wait meanwhile.

        Args:
            work: The replacement.
            without_text: Whether vectors without a text are left out.

        Returns:
            How many vectors are missing; 0 when it was done.
        """
        found = yield from self._definition(work.source.project_id, work.source.name, self.dialect.for_update)
        if found.id != work.source.id:
            raise StateError(
                f"The collection {found.name!r} was replaced meanwhile.",
                hint="Another run was quicker: exuvia store reembed once more, if it has to be.",
                code="replaced",
            )
        now = yield from self._progress(work.source, work.target)
        if now.missing > (now.without_text if without_text else 0):
            return now.missing
        about = _about(work)
        yield Statement(
            f"""
            DELETE FROM {work.target.storage} WHERE project_id = :project AND collection_id = :target
              AND NOT EXISTS (SELECT 1 FROM {work.source.storage} AS source WHERE source.project_id = :project
                AND source.collection_id = :source AND source.id = {work.target.storage}.id)
            """,
            about,
        )
        place = "WHERE project_id = :project AND id ="
        yield Statement(
            f"UPDATE vector_collections SET name = NULL, replaces = :target {place} :source",
            about,
        )
        yield Statement(
            f"UPDATE vector_collections SET name = :name, replaces = NULL {place} :target",
            about | {"name": work.source.name},
        )
        return 0

    @writing
    def drop_replaced(self, work: Replacement) -> Operation[None]:
        """Delete the collection that was replaced. Searches that had begun before need it a moment longer."""
        yield from self._delete(work.source)

    def _begun(self, source: Collection) -> Operation[Collection | None]:
        shown = COLLECTION.columns().replace("name", "CAST(:name AS text) AS name")
        rows = yield Statement(
            f"SELECT {shown} FROM vector_collections WHERE project_id = :project AND replaces = :source",
            {"name": source.name, "project": source.project_id, "source": source.id},
        )
        return COLLECTION.first(rows)

    def _delete(self, collection: Collection) -> Operation[None]:
        yield Statement(
            "DELETE FROM vector_collections WHERE project_id = :project AND id = :id",
            {"project": collection.project_id, "id": collection.id},
        )
        yield from self._drop_storage(collection.storage)

    def _progress(self, source: Collection, target: Collection) -> Operation[Replacement]:
        work = Replacement(source, target, 0, 0, 0)
        ((total,),) = yield Statement(
            f"SELECT count(*) FROM {source.storage} WHERE project_id = :project AND collection_id = :source",
            _about(work),
        )
        ((missing, texts),) = yield Statement(f"SELECT count(*), count({_TEXT}) {self._missing(work)}", _about(work))
        return Replacement(source, target, total, missing, missing - texts)

    @staticmethod
    def _missing(work: Replacement) -> str:
        return f"""
            FROM {work.source.storage} AS source
            WHERE source.project_id = :project AND source.collection_id = :source AND NOT EXISTS (
              SELECT 1 FROM {work.target.storage} AS target
              WHERE target.project_id = source.project_id AND target.collection_id = :target
                AND target.id = source.id AND target.changed = source.changed)
            """


def _about(work: Replacement) -> dict[str, str | int | None]:
    return {"project": work.source.project_id, "source": work.source.id, "target": work.target.id, "newline": "\n"}
