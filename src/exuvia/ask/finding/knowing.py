"""The names that a store knows: what questions are read against."""

from __future__ import annotations

from typing import Final

import orjson

from exuvia.ask.records import Known
from exuvia.store.core.listing import LARGEST_PAGE, Where
from exuvia.store.core.operations import M, Subsystem, reading
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.knowledge.kinds import KINDS
from exuvia.store.projects import Projects

LOOKED_AT: Final = 5_000
"""How many of the latest plans, sessions and events are looked at for their authors, topics and kinds."""
_KEPT: Final = {
    "plan": "plans",
    "session": "sessions",
    "frame": "frames",
    "task": "agent_tasks",
    "resource": "resources",
    "annotation": "annotations",
    "node": "graph_nodes",
}
_TABLES: Final = (("plans", "updated_at", "''"), ("sessions", "started_at", "''"), ("events", "at", "kind"))


class Knowing(Subsystem[M]):
    """Looks up the names in a store."""

    @reading
    def known(self, project: str | None = None) -> Operation[Known]:
        """Return the projects, and who and what the latest plans, sessions and events name.

        Args:
            project: The only project that comes into question; None for all.
        """
        page = yield from Projects.list.steps(self, limit=LARGEST_PAGE)
        projects = {one.id: one.name for one in page.items if project in {None, one.id}}
        authors: set[str] = set()
        topics: set[str] = set()
        kinds: set[str] = set()
        for table, time, kind in _TABLES:
            where = Where().equal("project_id", self.scope.among(project))
            if table == "events":
                where.equal("session_id", self.scope.session)
            rows = yield Statement(
                f"""
                SELECT DISTINCT author, kind, CAST(topics AS text) FROM (
                  SELECT author, {kind} AS kind, topics FROM {table} WHERE {where} ORDER BY {time} DESC LIMIT :most
                ) AS latest
                """,
                where.parameters | {"most": LOOKED_AT},
            )
            for author, named, listed in rows:
                authors.update([author] if author else [])
                kinds.update([named] if named else [])
                topics.update(orjson.loads(listed))
        return Known(projects, tuple(sorted(authors)), tuple(sorted(kinds - KINDS.keys())), tuple(sorted(topics)))

    @reading
    def named(self, name: str) -> Operation[dict[str, str]]:
        """Return the names of the projects, by their ids, that have exactly this id or name, however many there are."""
        where = Where().equal("id", self.scope.project).also("(id = :name OR name = :name)", name=name)
        rows = yield Statement(
            f"SELECT id, name FROM projects WHERE {where} ORDER BY id LIMIT :most",
            where.parameters | {"most": LARGEST_PAGE},
        )
        return dict(rows)

    @reading
    def homes(self, kind: str, id: str, projects: tuple[str, ...]) -> Operation[tuple[str, ...]]:
        """Return which of some projects have a row of a kind with an id; none for kinds that are not read by ids."""
        if kind not in _KEPT:
            return ()
        where = Where().equal("project_id", self.scope.project).equal("id", id)
        where.also(self.dialect.any_of("project_id", "projects"), projects=self.dialect.array(projects))
        rows = yield Statement(
            f"SELECT project_id FROM {_KEPT[kind]} WHERE {where} ORDER BY project_id", where.parameters
        )
        return tuple(row[0] for row in rows)
