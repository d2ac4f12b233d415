"""Triggers (https://sqlite.org/lang_createtrigger.html) as PL/pgSQL."""

from __future__ import annotations

from collections.abc import Mapping

from exuvia.catalog.model import Trigger
from exuvia.engines.postgres.translate_values import NotExact, Relation


def trigger_sql(trigger: Trigger, relations: Mapping[str, Relation], schema: str, name: str) -> str:
    """Return CREATE FUNCTION and CREATE TRIGGER; NotExact when that cannot be exact."""
    raise NotExact(f"{name} on {trigger.table} in {schema} of {len(relations)} has no translation")
