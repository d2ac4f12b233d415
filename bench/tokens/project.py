"""A project as teams keep them: plans, sessions and events of half a year, always the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from bench.tokens.areas import AREAS, BACKGROUND, PEOPLE, REASONS, RISKS, STEPS, WORK, Area
from exuvia.store import NewEvent, Session, Store

PROJECT: Final = "shop"
TODAY: Final = datetime(2026, 11, 20, 17, tzinfo=UTC)
_BEGUN: Final = TODAY - timedelta(days=180)
_PLANS: Final = 60
_SESSIONS: Final = 200
_EVENTS: Final = 25
_STATUSES: Final = ("active", "planned", "complete", "paused", "complete", "cancelled")


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes sentences about an area."""

    random: Random
    area: Area

    def say(self, pattern: str) -> str:
        part, other = self.random.sample(self.area.parts, 2)
        values = {
            "part": part,
            "other": other,
            "person": self.random.choice(PEOPLE).capitalize(),
            "number": str(self.random.randrange(40, 900)),
            "few": str(self.random.randrange(2, 9)),
        }
        return pattern.format(**values)

    def some(self, patterns: tuple[str, ...], count: int) -> list[str]:
        return [self.say(pattern) for pattern in self.random.sample(patterns, count)]

    def work(self) -> str:
        said = f"{self.random.choice(WORK)} {self.random.choice(REASONS)}"
        return self.say(said)


def fill(store: Store, *, seed: int = 7) -> None:
    """Put the project into a store: 60 plans, 200 sessions, 5,000 events, a few facts, frames and tasks."""
    store.projects.put(PROJECT, name="The shop")
    shop, random = store.project(PROJECT), Random(seed)
    plans = [_plan(number) for number in range(_PLANS)]
    for number, (plan, area, goal) in enumerate(plans):
        writer = _Writer(random, area)
        shop.plans.create(
            goal,
            id=plan,
            status=_STATUSES[number % len(_STATUSES)],
            priority=("low", "medium", "high", "critical")[number % 4],
            author=random.choice(PEOPLE),
            topics=[area.topic],
            content=_plan_text(writer, goal),
        )
    for number in range(_SESSIONS):
        plan, area, goal = plans[number % _PLANS]
        writer, begun = _Writer(random, area), _BEGUN + timedelta(days=180) * number / _SESSIONS
        last = number >= _SESSIONS - 2
        session = shop.sessions.create(
            f"{goal}: {writer.say('the {part}')}",
            id=f"{begun:%Y-%m-%d}-{number:03}",
            plan=plan,
            author=PEOPLE[number % len(PEOPLE)],
            topics=[area.topic],
            status="active" if last else "complete",
            content=_session_text(writer),
            started_at=begun,
            ended_at=None if last else begun + timedelta(hours=5),
        )
        shop.events.append(list(_events(writer, session, number)))
    _under_way(shop)


def _plan(number: int) -> tuple[str, Area, str]:
    area = AREAS[number % len(AREAS)]
    goal = area.goals[number // len(AREAS) % len(area.goals)]
    again = number // (len(AREAS) * len(area.goals))
    return f"{area.topic}-{number:02}", area, f"{goal}, second part" if again else goal


def _plan_text(writer: _Writer, goal: str) -> str:
    steps = "\n".join(f"{place}. {step}" for place, step in enumerate(writer.some(STEPS, 5), 1))
    risks = "\n".join(f"- {risk}" for risk in writer.some(RISKS, 3))
    progress = "\n".join(f"- {writer.random.choice(PEOPLE).capitalize()} {writer.work()}." for _ in range(6))
    background = "\n\n".join(writer.some(BACKGROUND, 4))
    return (
        f"# {goal}\n\n## Goal\n\n{goal}, within the quarter, and without a day on which the {writer.area.parts[0]}"
        f" is away.\n\n## Background\n\n{background}\n\n## Steps\n\n{steps}\n\n## Risks\n\n{risks}\n\n"
        f"## Progress\n\n{progress}\n"
    )


def _session_text(writer: _Writer) -> str:
    notes = " ".join(f"{writer.random.choice(PEOPLE).capitalize()} {writer.work()}." for _ in range(5))
    following = "\n".join(f"- {step}" for step in writer.some(STEPS, 2))
    return f"# Notes\n\n{notes}\n\n{writer.say(BACKGROUND[0])}\n\n# Next\n\n{following}\n"


def _events(writer: _Writer, session: Session, number: int) -> Iterator[NewEvent]:
    for place in range(_EVENTS):
        kind, data = _event(writer, place, number)
        yield NewEvent(
            kind,
            data,
            session=session.id,
            plan=session.plan_id,
            author=session.author,
            topics=session.topics,
            at=session.started_at + timedelta(minutes=12 * place),
            id=f"{number:03}-{place:02}",
        )


def _event(writer: _Writer, place: int, session: int) -> tuple[str, dict[str, Any]]:
    random, area = writer.random, writer.area
    if place == 0:
        return "session_started", {"goal": writer.say("Get the {part} ready for the {other}")}
    if place in {6, 14}:
        decision, why = area.choices[(session // 6 + place) % len(area.choices)]
        return "decision_made", {"decision": decision, "rationale": why, "alternatives": writer.some(STEPS, 2)}
    if place == 10:
        symptom, cause = area.troubles[session // 6 % len(area.troubles)]
        solved = session % 5 != 0
        found = {"symptom": symptom, "root_cause": cause, "files_affected": [f"src/{area.topic}/{session}.py"]}
        return "bug_encountered", {**found, **({"solution": writer.say(STEPS[3])} if solved else {})}
    if place == 20:
        insight = area.lessons[session // 6 % len(area.lessons)]
        return "learning_captured", {"insight": insight, "context": writer.say(BACKGROUND[3]), "confidence": "high"}
    if place % 8 == 4:
        return "validation_passed", {"command": f"pytest tests/{area.topic}", "passed": random.randrange(40, 400)}
    return "task_completed", {
        "task": f"{author_of(random)} {writer.work()}",
        "files_changed": [f"src/{area.topic}/{part.replace(' ', '_')}.py" for part in random.sample(area.parts, 2)],
        "tests_added": random.randrange(9),
    }


def author_of(random: Random) -> str:
    """Return somebody's name."""
    return random.choice(PEOPLE).capitalize()


def _under_way(shop: Store) -> None:
    """Leave what work in progress leaves, and what only one place tells."""
    shop.events.append(
        [
            NewEvent(
                "decision_made",
                {
                    "decision": "The back office moves to OpenID Connect with Keycloak",
                    "rationale": "the partners already run it",
                    "alternatives": ["Auth0", "our own login"],
                },
                author="radia",
                topics=["auth"],
                id="keycloak",
                at=TODAY - timedelta(days=4),
            ),
            NewEvent(
                "bug_encountered",
                {
                    "symptom": "Invoices of Liechtenstein have no VAT line",
                    "root_cause": "the country is in no tax table",
                },
                author="grace",
                topics=["payments"],
                id="liechtenstein",
                at=TODAY - timedelta(days=2),
            ),
            NewEvent(
                "learning_captured",
                {"insight": "The printer in warehouse 2 needs labels turned by 180 degrees", "confidence": "high"},
                author="donald",
                topics=["shipping"],
                id="printer",
                at=TODAY - timedelta(days=9),
            ),
        ]
    )
    frame = shop.frames.open("Release the second payment provider", id="release", run="november")
    shop.frames.open("Compare the ledgers of both providers", id="ledgers", parent=frame.id, type="review")
    shop.frames.pin(frame.id, "No deployments of payments on Fridays", type="constraint", priority=9)
    shop.frames.pin(frame.id, "The sandbox of the provider is reset every night", priority=5)
    for number, title in enumerate(("Ask the bank for the test cards", "Write the runbook for refunds")):
        task = shop.tasks.create(title, id=f"task-{number}", assignee="grace")
        shop.tasks.start(task.id)
