"""Names that a move needs: those that several sources want, and those that the target has already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg

from exuvia.engines.postgres import staging
from exuvia.engines.postgres.staging import REPLACEABLE, Relation
from exuvia.errors import TargetError
from exuvia.move.plan import Plan


def names(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """Yield schema, name and kind of every relation that a plan makes or may make."""
    for table in plan.tables:
        target = table.target
        yield target.schema, target.name, f"table {table.source.name}"
        yield target.schema, table.quarantine, f"the quarantine of {table.source.name}"
        for key in (target.primary_key, *target.uniques):
            if key is not None:
                yield target.schema, key.name, f"a key of {table.source.name}"
        for index in target.indexes:
            yield target.schema, index.name, f"an index of {table.source.name}"
    for one in plan.objects:
        if one.target is not None:
            yield (*one.target, f"{one.kind} {one.name}")


def collisions(plans: Sequence[Plan]) -> Iterator[str]:
    """Say of each name that several plans want which these are."""
    owners: dict[tuple[str, str], tuple[Plan, str]] = {}
    for plan in plans:
        for schema, name, what in names(plan):
            other, owned = owners.setdefault((schema, name), (plan, what))
            if other is not plan:
                yield f"{schema}.{name}: {owned} of {other.catalog.label} and {what} of {plan.catalog.label}"


def conflicts(connection: psycopg.Connection, plans: Sequence[Plan]) -> tuple[Relation, ...]:
    """Return the relations of the target whose names the plans need."""
    wanted: dict[str, list[str]] = {}
    for plan in plans:
        for schema, name, _ in names(plan):
            wanted.setdefault(schema, []).append(name)
    found = staging.existing(connection, wanted)
    tables = {(relation.schema, relation.name) for relation in found if relation.kind == "table"}
    return tuple(relation for relation in found if (relation.schema, relation.owner) not in tables)


def refuse_conflicts(connection: psycopg.Connection, plans: Sequence[Plan], *, replace_existing: bool) -> None:
    """Refuse plans whose names are taken in the target.

    Raises:
        TargetError: They are, and those relations are not to give way, or cannot.
    """
    found = conflicts(connection, plans)
    refused = [one for one in found if not (replace_existing and one.kind in REPLACEABLE)]
    if refused:
        raise taken(refused)


def taken(relations: Sequence[Relation]) -> TargetError:
    """Return the error for names that are taken in the target."""
    shown = ", ".join(str(relation) for relation in relations[:5])
    more = f" and {len(relations) - 5} more" if len(relations) > 5 else ""
    return TargetError(
        f"The target already has {shown}{more}. Nothing was changed.",
        hint="Choose another schema with --schema NAME, or replace what is there with --drop-existing.",
        code="exists",
    )
