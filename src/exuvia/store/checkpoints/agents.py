"""Checkpoints of agents: configurations, how good each was, and which is the best."""

from __future__ import annotations

from collections.abc import Mapping

from exuvia.store.checkpoints.records import AGENT_CHECKPOINT, AgentCheckpoint
from exuvia.store.core.deleting import delete_one
from exuvia.store.core.listing import Key, Listing, Page, Where
from exuvia.store.core.operations import M, Subsystem, reading, writing, writing_once
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.values import LONGEST_ID, Json, checked_id, checked_text, chosen_id, encode_json
from exuvia.store.errors import NotFoundError
from exuvia.store.filters import Filter


class Checkpoints(Subsystem[M]):
    """Save, read and list the checkpoints of agents, and mark the best."""

    @writing
    def save(
        self,
        agent: str,
        config: Json,
        *,
        config_version: str = "1",
        metrics: Mapping[str, Json] | None = None,
        metadata: Mapping[str, Json] | None = None,
        best: bool = False,
        id: str | None = None,
        project: str | None = None,
    ) -> Operation[AgentCheckpoint]:
        """Save a checkpoint, numbered one more than the agent's latest.

        Args:
            agent: The agent.
            config: Its configuration: a JSON document.
            config_version: The caller's own name of the configuration's version.
            metrics: What was measured with it.
            metadata: Anything else.
            best: It is the best so far, instead of the one that was.
            id: The caller's own id; a new UUID if None.
            project: The project; not needed in a bound store.

        Raises:
            ConflictError: There is a checkpoint with this id.
        """
        owner = self.scope.own(project)
        name = checked_id(agent, what="agent")
        numbers = yield Statement(
            """
            INSERT INTO agent_checkpoint_counters (project_id, agent, latest) VALUES (:project, :agent, 1)
            ON CONFLICT (project_id, agent) DO UPDATE SET latest = agent_checkpoint_counters.latest + 1
            RETURNING latest
            """,
            {"project": owner, "agent": name},
        )
        if best:
            yield _unmark(owner, name)
        rows = yield Statement(
            f"""
            INSERT INTO agent_checkpoints (
              project_id, id, agent, version, config_version, config, metrics, metadata, is_best, created_at)
            VALUES (:project, :id, :agent, :version, :config_version, :config, :metrics, :metadata, :best, :now)
            RETURNING {AGENT_CHECKPOINT.columns()}
            """,
            {
                "project": owner,
                "id": chosen_id(id),
                "agent": name,
                "version": numbers[0][0],
                "config_version": checked_text(config_version, what="config_version", longest=LONGEST_ID),
                "config": encode_json(config, what="config"),
                "metrics": encode_json(dict(metrics or {}), what="metrics"),
                "metadata": encode_json(dict(metadata or {}), what="metadata"),
                "best": bool(best),
                "now": self.now(),
            },
        )
        return AGENT_CHECKPOINT.read(rows[0])

    @reading
    def get(self, id: str, *, project: str | None = None) -> Operation[AgentCheckpoint]:
        """Return a checkpoint.

        Raises:
            NotFoundError: There is none with this id.
        """
        where = Where().equal("project_id", self.scope.own(project)).equal("id", checked_id(id))
        found = yield from self._first(where)
        if found is None:
            raise _missing(id)
        return found

    @reading
    def latest(
        self, agent: str, *, config_version: str | None = None, project: str | None = None
    ) -> Operation[AgentCheckpoint | None]:
        """Return an agent's latest checkpoint, or its latest of a version of the configuration; None without any."""
        where = Where().equal("project_id", self.scope.own(project)).equal("agent", checked_id(agent, what="agent"))
        return (yield from self._first(where.equal("config_version", config_version)))

    @reading
    def best(self, agent: str, *, project: str | None = None) -> Operation[AgentCheckpoint | None]:
        """Return the checkpoint that is marked as an agent's best; None where none is."""
        where = Where().equal("project_id", self.scope.own(project)).equal("agent", checked_id(agent, what="agent"))
        return (yield from self._first(where.also("is_best")))

    @writing
    def mark_best(self, id: str, *, project: str | None = None) -> Operation[AgentCheckpoint]:
        """Mark a checkpoint as its agent's best, instead of the one that was; return it.

        Raises:
            NotFoundError: There is none with this id.
        """
        owner = self.scope.own(project)
        # The agent's counter is what its changes wait for: of two who mark at once, the later one's mark stays
        agents = yield Statement(
            """
            UPDATE agent_checkpoint_counters SET latest = latest
            WHERE project_id = :project AND agent = (
              SELECT agent FROM agent_checkpoints WHERE project_id = :project AND id = :id)
            RETURNING agent
            """,
            {"project": owner, "id": checked_id(id)},
        )
        if not agents:
            raise _missing(id)
        yield _unmark(owner, agents[0][0])
        rows = yield Statement(
            f"UPDATE agent_checkpoints SET is_best = :best WHERE project_id = :project AND id = :id"
            f" RETURNING {AGENT_CHECKPOINT.columns()}",
            {"project": owner, "id": id, "best": True},
        )
        if not rows:
            raise _missing(id)
        return AGENT_CHECKPOINT.read(rows[0])

    @reading
    def list(
        self,
        *,
        agent: str | None = None,
        config_version: str | None = None,
        filter: Filter | None = None,
        project: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[AgentCheckpoint]]:
        """List checkpoints, the newest first.

        Args:
            agent: The agent; all of them if None.
            config_version: Those of this version of the configuration.
            filter: About ``config``, ``metrics`` and ``metadata``: ``field("metrics.accuracy") >= 0.9``.
            project: The project; all of them if None.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.among(project)).equal("agent", agent)
        where.equal("config_version", config_version)
        where.json(("config", "metrics", "metadata"), filter, self.dialect)
        by = "created_at" if agent is None or self.scope.among(project) is None else "version"
        order = (Key(by, descending=True), Key("project_id", descending=True), Key("id", descending=True))
        return (yield from Listing(AGENT_CHECKPOINT, "agent_checkpoints", where, order).page(limit, after))

    @writing_once
    def delete(self, id: str, *, project: str | None = None) -> Operation[bool]:
        """Delete a checkpoint; return whether it was there. Its number is not given again."""
        return (yield from delete_one("agent_checkpoints", self.scope.own(project), id))

    def _first(self, where: Where) -> Operation[AgentCheckpoint | None]:
        rows = yield Statement(
            f"SELECT {AGENT_CHECKPOINT.columns()} FROM agent_checkpoints WHERE {where} ORDER BY version DESC LIMIT 1",
            where.parameters,
        )
        return AGENT_CHECKPOINT.first(rows)


def _unmark(project: str, agent: str) -> Statement:
    return Statement(
        "UPDATE agent_checkpoints SET is_best = :best WHERE project_id = :project AND agent = :agent AND is_best",
        {"project": project, "agent": agent, "best": False},
    )


def _missing(id: str) -> NotFoundError:
    return NotFoundError(
        f"There is no checkpoint {id!r}.", hint="Save one: store.checkpoints.save(agent, config).", code="checkpoint"
    )
