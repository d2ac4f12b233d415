"""Facts beside thresholds: the recommendation and its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exuvia.ops.advisor.activity import Role
from exuvia.ops.advisor.contention import Contention
from exuvia.ops.advisor.fixes import fixes_for
from exuvia.ops.advisor.results import Advice, Facts, Measure, MeasureName, Recommendation, State
from exuvia.ops.advisor.thresholds import Thresholds

_MB: Final = 1_000_000
_NOUNS: Final[dict[MeasureName, str]] = {
    "size": "MB",
    "agents": "concurrent agents",
    "users": "concurrent users",
    "events": "events",
    "lock_waits": "waits for the write lock an hour",
}


def judge(facts: Facts, thresholds: Thresholds) -> Advice:
    """Compare facts with thresholds.

    Args:
        facts: What was found.
        thresholds: Where to draw the lines.
    """
    measures = _measures(facts, thresholds)
    over = [measure for measure in measures if measure.state == "over"]
    near = [measure for measure in measures if measure.state == "near"]
    recommendation: Recommendation = "move now" if over else "prepare" if near else "stay"
    reasons = [*map(_over, over), *(_near(measure, thresholds) for measure in near)]
    return Advice(recommendation, tuple(reasons or _calm(measures)), measures, fixes_for(facts), facts)


def _measures(facts: Facts, thresholds: Thresholds) -> tuple[Measure, ...]:
    storage, growth = facts.storage, facts.growth
    events = sum(table.rows for table in facts.events)
    bytes_per_day = growth.bytes_per_day if growth else None
    agents, agents_how = _agents(facts)
    users, users_how = _active(facts, "users")
    hourly, waits_how = facts.contention.waits_per_hour, _waits_how(facts.contention)
    compare = _Comparison(thresholds)
    return (
        compare.measure(
            "size",
            storage.bytes / _MB,
            thresholds.megabytes,
            "the database's pages, free ones included",
            per_day=bytes_per_day / _MB if bytes_per_day is not None else None,
        ),
        compare.measure("agents", agents, thresholds.agents, agents_how),
        compare.measure("users", users, thresholds.users, users_how),
        compare.measure(
            "events",
            events,
            thresholds.events,
            _events_how(facts),
            per_day=sum(table.last_day for table in facts.events),
        ),
        compare.measure("lock_waits", hourly, thresholds.lock_waits, waits_how),
    )


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Compares figures with thresholds."""

    thresholds: Thresholds

    def measure(
        self, name: MeasureName, value: float | None, limit: float, how: str, *, per_day: float | None = None
    ) -> Measure:
        """Return a figure beside its threshold; ``per_day`` is how much it grows."""
        days = None
        if value is not None and value <= limit and per_day is not None and per_day > 0:
            days = (limit - value) / per_day
        return Measure(name, value, limit, self._state(value, limit, days), days, how)

    def _state(self, value: float | None, limit: float, days: float | None) -> State:
        if value is None:
            return "unknown"
        if value > limit:
            return "over"
        soon = days is not None and days <= self.thresholds.horizon_days
        return "near" if soon or (value > 0 and value >= limit * self.thresholds.prepare_at) else "under"


def _agents(facts: Facts) -> tuple[float | None, str]:
    """Agents by their identities, or by the processes that were seen writing, whichever is more."""
    active, how = _active(facts, "agents")
    writers = len(facts.contention.holders)
    if facts.contention.method == "ask" and writers > (active or 0):
        return writers, "processes that were seen with the write lock"
    if active is None and facts.contention.method == "ask":
        return writers, "processes that were seen with the write lock; no column names agents"
    return active, how


def _active(facts: Facts, role: Role) -> tuple[float | None, str]:
    """The most distinct identities of one column: those of several columns may be the same ones."""
    found = [actors for actors in facts.actors if actors.role == role]
    if not found:
        return None, f"no column of time-stamped rows holds the identities of {role}"
    most = max(found, key=lambda actors: actors.active)
    return most.active, f"distinct values of {most.table}.{most.column} in {most.rows:,} rows of the window"


def _events_how(facts: Facts) -> str:
    if not facts.events:
        return "no table has rows that are stamped with the time in the order of insertion"
    largest = sorted(facts.events, key=lambda table: -table.rows)[:3]
    more = f" and {len(facts.events) - 3} more" if len(facts.events) > 3 else ""
    return "rows stamped with the time in the order of insertion: " + ", ".join(t.table for t in largest) + more


def _waits_how(contention: Contention) -> str:
    if contention.method == "off":
        return contention.reason
    if contention.waits_per_hour is None:
        return "the counter of commits was not to be seen"
    share = f"{contention.share:.1%} of {contention.looks:,} looks found the write lock taken"
    low, high = contention.share_low, contention.share_high
    return f"{share} ({low:.1%} to {high:.1%}), {contention.commits or 0:,} commits in {contention.seconds:.1f} s"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _over(measure: Measure) -> str:
    return f"{_counted(measure)}, over the threshold of {_limit(measure)} ({measure.how})"


def _near(measure: Measure, thresholds: Thresholds) -> str:
    soon = measure.days is not None and measure.days <= thresholds.horizon_days
    when = f", which its growth reaches in {_number(round(measure.days or 0))} days" if soon else ""
    return f"{_counted(measure)}; the threshold is {_limit(measure)}{when} ({measure.how})"


def _counted(measure: Measure) -> str:
    return f"{_number(measure.value or 0)} {_NOUNS[measure.name]}"


def _limit(measure: Measure) -> str:
    return f"{_number(measure.limit)} MB" if measure.name == "size" else _number(measure.limit)


def _calm(measures: Sequence[Measure]) -> list[str]:
    known = [measure for measure in measures if measure.value is not None]
    figures = ", ".join(map(_counted, known))
    reasons = [f"every known figure is well under its threshold: {figures}"]
    unknown = [_NOUNS[measure.name] for measure in measures if measure.value is None]
    return [*reasons, f"not known: {', '.join(unknown)}"] if unknown else reasons
