"""The audit: recorded, listed, checked, and shortened without breaking it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

import orjson

from exuvia.store.audit.checking import check_chain
from exuvia.store.audit.records import (
    AUDIT_ENTRY,
    AUDIT_HEAD,
    NO_HASH,
    WRITTEN,
    AuditEntry,
    AuditHead,
    Chain,
    Written,
)
from exuvia.store.core.listing import Key, Listing, Page, Where
from exuvia.store.core.operations import M, Subsystem, reading, writing
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.values import Json, checked_id, checked_text, checked_time, encode_json
from exuvia.store.errors import InvalidValueError, NotFoundError

PRUNED: Final = "audit.prune"


class Audit(Subsystem[M]):
    """Record who did what to which row; list it, check it, and delete what is old."""

    @writing
    def record(
        self,
        action: str,
        *,
        actor: str,
        subject: str | None = None,
        row_id: str | None = None,
        data: Json = None,
        project: str | None = None,
    ) -> Operation[AuditEntry]:
        """Add an entry. In a transaction it stands and falls with what else is done there.

        Others who add to the same project's audit wait until the transaction ends: record last.

        Args:
            action: What is done, such as ``plan.delete``.
            actor: Who does it.
            subject: To what kind of thing, such as a table.
            row_id: To which of them.
            data: A JSON document, such as what has changed.
            project: The project; not needed in a bound store.

        Raises:
            NotFoundError: There is no such project.
        """
        if action == PRUNED:
            raise InvalidValueError(f"{PRUNED} is what prune() records.", hint="Use another action.", code="action")
        head = yield from self._lock(self.scope.own(project))
        return (yield from self._append(head, action, actor, subject=subject, row_id=row_id, data=data))

    @reading
    def list(
        self,
        *,
        project: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        row_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[AuditEntry]]:
        """List entries, by project, the newest first.

        Args:
            project: The project; all of them if None.
            actor: Who did it.
            action: What was done.
            subject: To what kind of thing.
            row_id: To which of them.
            since: Then or later.
            until: Then or earlier.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.among(project)).equal("actor", actor).equal("action", action)
        where.equal("subject", subject).equal("row_id", row_id).during("at", since, until)
        order = (Key("project_id", descending=True), Key("seq", descending=True))
        return (yield from Listing(AUDIT_ENTRY, "audit_entries", where, order).page(limit, after))

    @reading
    def head(self, *, project: str | None = None) -> Operation[AuditHead]:
        """Return where the audit stands. Kept elsewhere, it is what ``verify`` can hold the audit against later.

        Raises:
            NotFoundError: There is no audit yet.
        """
        owner = self.scope.own(project)
        rows = yield Statement(
            f"SELECT {AUDIT_HEAD.columns()} FROM audit_heads WHERE project_id = :project", {"project": owner}
        )
        if not rows:
            raise NotFoundError(
                f"The project {owner!r} has no audit.", hint="Begin it: store.audit.record().", code="audit"
            )
        return AUDIT_HEAD.read(rows[0])

    @reading
    def verify(
        self, *, project: str | None = None, anchor: tuple[int, str] | None = None
    ) -> Operation[tuple[Chain, ...]]:
        """Check every entry's hash, its link to the one before, and that none is missing at either end.

        Args:
            project: The project; all of them if None.
            anchor: The ``seq`` and ``hash`` of an earlier ``head``, which the audit has to agree with.

        Returns:
            What was found, for each project that has an audit; the first broken link of each.

        Raises:
            InvalidValueError: An anchor without a project.
        """
        chosen = self.scope.among(project)
        if anchor is not None and chosen is None:
            raise InvalidValueError("An anchor is of one project.", hint="Pass project=…, too.", code="anchor")
        where = Where().equal("project_id", None if chosen is None else checked_id(chosen, what="project"))
        rows = yield Statement(
            f"""
            SELECT project_id FROM audit_heads WHERE {where}
            UNION SELECT project_id FROM audit_entries WHERE {where} ORDER BY project_id
            """,
            where.parameters,
        )
        projects = {row[0] for row in rows} | ({chosen} if anchor is not None and chosen is not None else set())
        found: tuple[Chain, ...] = ()
        for one in sorted(projects):
            found += ((yield from check_chain(one, anchor)),)
        return found

    @writing
    def prune(self, *, before: datetime, actor: str, project: str | None = None) -> Operation[int]:
        """Delete the entries before a time, and record that, so that the rest can still be checked.

        Args:
            before: Entries that are older go, up to the first one that is not.
            actor: Who does it.
            project: The project; not needed in a bound store.

        Returns:
            How many entries were deleted.

        Raises:
            NotFoundError: There is no such project.
        """
        owner, earliest = self.scope.own(project), checked_time(before, what="before")
        head = yield from self._lock(owner)
        rows = yield Statement(
            """
            SELECT seq, hash FROM audit_entries
            WHERE project_id = :project AND seq < (
              SELECT coalesce(min(kept.seq), :beyond) FROM audit_entries AS kept
              WHERE kept.project_id = :project AND kept.at >= :before)
            ORDER BY seq DESC LIMIT 1
            """,
            {"project": owner, "beyond": head.seq + 1, "before": earliest},
        )
        if not rows:
            return 0
        through, hash_through = rows[0]
        yield from self._append(head, PRUNED, actor, data={"through": through, "hash": hash_through})
        key = {"project": owner, "through": through}
        yield Statement(
            "UPDATE audit_heads SET base_seq = :through, base_hash = :hash WHERE project_id = :project",
            key | {"hash": hash_through},
        )
        deleted = yield Statement(
            "DELETE FROM audit_entries WHERE project_id = :project AND seq <= :through RETURNING seq", key
        )
        return len(deleted)

    def _lock(self, project: str) -> Operation[AuditHead]:
        """Return a project's head, which nobody else can move until the transaction ends; make it if it is missing."""
        look = Statement(
            f"SELECT {AUDIT_HEAD.columns()} FROM audit_heads WHERE project_id = :project{self.dialect.for_update}",
            {"project": project},
        )
        rows = yield look
        if not rows:
            yield Statement(
                """
                INSERT INTO audit_heads (project_id, seq, hash, base_seq, base_hash)
                SELECT id, 0, :none, 0, :none FROM projects WHERE id = :project
                ON CONFLICT (project_id) DO NOTHING
                """,
                {"project": project, "none": NO_HASH},
            )
            rows = yield look
        if not rows:
            raise NotFoundError(
                f"There is no project {project!r}.", hint="Make it: store.projects.put(id).", code="project"
            )
        return AUDIT_HEAD.read(rows[0])

    def _append(
        self,
        head: AuditHead,
        action: str,
        actor: str,
        *,
        subject: str | None = None,
        row_id: str | None = None,
        data: Json = None,
    ) -> Operation[AuditEntry]:
        # sorted, so that the text says the same whoever has made the document
        document = orjson.loads(encode_json({} if data is None else data))
        entry = Written(
            head.project_id,
            head.seq + 1,
            self.now(),
            checked_text(actor, what="actor", longest=255),
            checked_text(action, what="action", longest=255),
            None if subject is None else checked_text(subject, what="subject", longest=255),
            None if row_id is None else checked_text(row_id, what="row_id", longest=255),
            orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode(),
            previous=head.hash,
            hash="",
        )
        entry = replace(entry, hash=entry.digest())
        values = {name: getattr(entry, name) for name in WRITTEN.names}
        rows = yield Statement(
            f"""
            INSERT INTO audit_entries ({WRITTEN.columns()})
            VALUES ({", ".join(f":{name}" for name in values)})
            RETURNING {AUDIT_ENTRY.columns()}
            """,
            values,
        )
        yield Statement(
            "UPDATE audit_heads SET seq = :seq, hash = :hash WHERE project_id = :project_id",
            {"seq": entry.seq, "hash": entry.hash, "project_id": entry.project_id},
        )
        return AUDIT_ENTRY.read(rows[0])
