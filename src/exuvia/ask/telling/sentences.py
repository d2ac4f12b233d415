"""A sentence for each thing that was found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any, Final

from exuvia.ask.finding.findings import Finding
from exuvia.ask.telling.texts import line, listed

_LONG: Final = 240


def day(at: datetime | None, zone: tzinfo) -> str:
    """Return a day as a person writes it."""
    if at is None:
        return ""
    local = at.astimezone(zone)
    return f"{local.day} {local:%b} {local.year}"


def sentence(item: Finding, zone: tzinfo, *, short: bool = False) -> str:
    """Return what a finding says, in one sentence without its number.

    Args:
        item: The finding.
        zone: The time zone of its day.
        short: Leave out reasons and texts.
    """
    data: dict[str, Any] = item.data if isinstance(item.data, dict) else {}
    tell = _EVENTS.get(item.type or "") if item.kind == "event" else None
    if tell is not None:
        head, rest = tell(item, data)
    else:
        head, rest = _OTHERS.get(item.kind, _plain)(item, data)
    when = day(item.at, zone)
    told = f"{when}: {head}" if when else head
    return told if short or not rest else f"{told}; {rest}"


def excerpt(item: Finding) -> str:
    """Return what a finding says beyond its title, for whoever writes an answer from it."""
    data: dict[str, Any] = item.data if isinstance(item.data, dict) else {}
    tell = _EVENTS.get(item.type or "") if item.kind == "event" else None
    rest = tell(item, data)[1] if tell is not None else _said(data) if item.kind == "event" else ""
    return "; ".join(part for part in (rest, line(item.text, 600)) if part)


def _by(item: Finding) -> str:
    return line(item.author, 60) if item.author else ""


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    return line(value, _LONG) if isinstance(value, str) else ""


def _several(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    return listed([line(str(one), 60) for one in value[:5]]) if isinstance(value, list) and value else ""


def _parts(*parts: tuple[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in parts if text)


def _title(item: Finding) -> str:
    return line(item.title, _LONG)


def _decision(item: Finding, data: dict[str, Any]) -> tuple[str, str]:
    who = f"{_by(item)} decided" if item.author else "it was decided"
    reasons = _parts(("because", _text(data, "rationale")), ("instead of", _several(data, "alternatives")))
    return f"{who}: {_title(item)}", reasons


def _bug(item: Finding, data: dict[str, Any]) -> tuple[str, str]:
    who = f" ({_by(item)})" if item.author else ""
    solved = _parts(("cause", _text(data, "root_cause")), ("solved by", _text(data, "solution")))
    return f"bug{who}: {_title(item)}", solved if _text(data, "solution") else "; ".join(
        part for part in (solved, "no solution yet") if part
    )


def _learning(item: Finding, data: dict[str, Any]) -> tuple[str, str]:
    who = f"{_by(item)} learned" if item.author else "learned"
    return f"{who}: {_title(item)}", _parts(
        ("in", _text(data, "context")), ("applies to", _several(data, "applies_to"))
    )


def _pattern(item: Finding, data: dict[str, Any]) -> tuple[str, str]:
    who = f" ({_by(item)})" if item.author else ""
    return f"pattern{who}: {_title(item)}", _parts(
        ("problem", _text(data, "problem")), ("solution", _text(data, "solution"))
    )


def _task(item: Finding, data: dict[str, Any]) -> tuple[str, str]:
    outcome = {"failed": "task failed", "partial": "task partly done"}.get(data.get("outcome", ""), "task done")
    who = f" ({_by(item)})" if item.author else ""
    return f"{outcome}{who}: {_title(item)}", _parts(("blocked by", _several(data, "blockers")))


def _goal(item: Finding, data: dict[str, Any]) -> tuple[str, str]:
    who = f" ({_by(item)})" if item.author else ""
    criteria = ("reached when", _several(data, "success_criteria"))
    return f"goal{who}: {_title(item)}", _parts(criteria, ("by", _text(data, "deadline")))


def _validation(item: Finding, data: dict[str, Any]) -> tuple[str, str]:
    who = f" ({_by(item)})" if item.author else ""
    numbers = [f"{data[key]} {key}" for key in ("passed", "failed") if isinstance(data.get(key), int)]
    return f"check passed{who}: {_title(item)}", listed(numbers)


def _started(item: Finding, data: dict[str, Any]) -> tuple[str, str]:
    who = f" ({_by(item)})" if item.author else ""
    return f"work began{who}: {_title(item)}", _parts(("branch", _text(data, "branch")))


def _event(item: Finding, data: dict[str, Any]) -> tuple[str, str]:
    kind = line((item.type or "event").replace("_", " "), 60)
    who = f" ({_by(item)})" if item.author else ""
    return f"{kind}{who}: {_title(item)}", "" if item.title and item.title != item.type else _said(data)


def _said(data: dict[str, Any]) -> str:
    plain = [(str(key), line(str(value), 120)) for key, value in data.items() if isinstance(value, str | int | float)]
    return _parts(*plain[:5])


def _standing(item: Finding, _: dict[str, Any]) -> tuple[str, str]:
    who = f" ({_by(item)})" if item.author else ""
    return f"{item.kind} “{_title(item)}”{who} is {item.type or 'there'}", line(item.text, _LONG)


def _anchor(item: Finding, _: dict[str, Any]) -> tuple[str, str]:
    return f"{line(item.type or 'fact', 60)} pinned: {_title(item)}", ""


def _resource(item: Finding, _: dict[str, Any]) -> tuple[str, str]:
    who = f" by {_by(item)}" if item.author else ""
    return f"document “{_title(item)}”{who}", line(item.text, _LONG)


def _plain(item: Finding, _: dict[str, Any]) -> tuple[str, str]:
    who = f" ({_by(item)})" if item.author else ""
    return f"{item.kind}{who}: {_title(item)}", line(item.text, _LONG)


_Tell = Callable[[Finding, dict[str, Any]], tuple[str, str]]
_EVENTS: Final[dict[str, _Tell]] = {
    "decision_made": _decision,
    "bug_encountered": _bug,
    "learning_captured": _learning,
    "pattern_discovered": _pattern,
    "task_completed": _task,
    "goal_defined": _goal,
    "validation_passed": _validation,
    "session_started": _started,
}
_OTHERS: Final[dict[str, _Tell]] = {
    "event": _event,
    "plan": _standing,
    "session": _standing,
    "frame": _standing,
    "task": _standing,
    "anchor": _anchor,
    "resource": _resource,
}
