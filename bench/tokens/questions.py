"""What agents ask about a project, and how the tools answer it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Question:
    """A question.

    Args:
        text: The question.
        words: The regular expressions that somebody would search the files for: those that have all of them are read.
        calls: The tools that answer it, with their arguments.
        facts: What has to be in the answers.
    """

    text: str
    words: tuple[str, ...]
    calls: tuple[tuple[str, dict[str, Any]], ...]
    facts: tuple[str, ...]


def _one(text: str, words: tuple[str, ...], tool: str, given: dict[str, Any], *facts: str) -> Question:
    return Question(text, words, ((tool, given),), facts)


QUESTIONS: Final = (
    _one(
        "What did we decide about Keycloak, and why?",
        ("keycloak",),
        "search_text",
        {"text": "keycloak", "kinds": ["event"]},
        "OpenID Connect",
        "the partners already run it",
    ),
    _one(
        "What have we decided about auth since the beginning of November?",
        ("decision_made", r"\bauth\b", "2026-11-"),
        "list_events",
        {"kind": ["decision_made"], "topic": "auth", "since": "2026-11-01"},
        "Keycloak",
        "Refresh tokens rotate on every use",
    ),
    _one(
        "Which bugs are open in payments?",
        ("bug_encountered", "payments"),
        "ask",
        {"question": "which payments bugs are open?"},
        "Liechtenstein",
    ),
    _one(
        "Resume the work of yesterday.",
        ("kind: session|exuvia: session", "status: active"),
        "resume",
        {},
        "2026-11-19-199",
        "Save the basket across devices",
        "Show the delivery costs before the address",
    ),
    _one(
        "What is the status of the plan for the second payment provider?",
        ("exuvia: plan", "second payment provider"),
        "list_plans",
        {"text": "second payment provider"},
        "payments-02",
        "complete",
    ),
    Question(
        "What are the risks of rotating refresh tokens?",
        ("exuvia: plan", "rotate refresh tokens"),
        (
            ("list_plans", {"text": "Rotate refresh tokens"}),
            ("get_plan", {"id": "auth-06", "section": "Risks"}),
        ),
        ("## Risks", "Nobody but Ada knows how the session cookie is deployed"),
    ),
    _one(
        "Which plans are active?",
        ("exuvia: plan", "status: active"),
        "list_plans",
        {"status": ["active"]},
        "Single sign-on for partners",
        "Lock accounts after guesses",
    ),
    _one(
        "What is critical and not begun yet?",
        ("priority: critical", "status: planned"),
        "list_plans",
        {"status": ["planned"], "priority": "critical"},
        "Guest checkout",
        "Vouchers that can be combined",
    ),
    _one(
        "Who works on what at the moment?",
        ("exuvia: session", "status: active"),
        "list_sessions",
        {"status": ["active"]},
        "grace",
        "Save the basket across devices",
        "Lock accounts after guesses",
    ),
    _one(
        "How do we keep amounts of money, and why?",
        ("amounts", "cents"),
        "search_text",
        {"text": "amounts cents", "limit": 3},
        "integers of cents",
        "a float has lost a cent",
    ),
    _one(
        "How long do sessions live?",
        ("sessions live",),
        "search_text",
        {"text": '"sessions live"', "limit": 2},
        "12 hours",
    ),
    _one(
        "Why are people signed out when they have two tabs?",
        ("two tabs",),
        "search_text",
        {"text": "signed out tabs", "limit": 2},
        "both used the same refresh token",
    ),
    _one(
        "What do we know about the printer in warehouse 2?",
        ("warehouse 2",),
        "search_text",
        {"text": "printer warehouse 2", "limit": 3},
        "turned by 180 degrees",
    ),
    _one(
        "What have we learnt about carriers?",
        ("learning_captured", "carriers"),
        "search_text",
        {"text": "carriers", "type": "learning_captured", "limit": 3},
        "freeze ours in November",
    ),
    _one(
        "What did Ada finish on 13 November?",
        ("author: ada", "2026-11-13"),
        "list_events",
        {"author": "ada", "kind": ["task_completed"], "since": "2026-11-13", "until": "2026-11-13"},
        "token service",
        "2026-11-13T",
    ),
    _one(
        "What did Radia decide last week, and which bugs did she find?",
        ("author: radia", "2026-11-1[0-6]"),
        "list_events",
        {"author": "radia", "since": "2026-11-09", "until": "2026-11-17", "kind": ["decision_made", "bug_encountered"]},
        "Keycloak",
        "Backups are restored every Sunday",
    ),
    _one(
        "What have we learnt about migrations?",
        ("learning_captured", "migration"),
        "search_text",
        {"text": "migration", "type": "learning_captured", "limit": 3},
        "Set lock_timeout before every migration",
    ),
    _one(
        "What was done in the last session about checkout?",
        ("exuvia: session", "topics: .*checkout"),
        "list_sessions",
        {"topic": "checkout", "limit": 1, "size": "section", "section": "Notes"},
        "2026-11-19-199",
        "# Notes",
        "Donald measured the address form under load",
    ),
    _one(
        "What should happen next in that session?",
        ("2026-11-19-199",),
        "get_session",
        {"id": "2026-11-19-199", "section": "Next"},
        "# Next",
        "Delete the old address form",
    ),
    _one(
        "How many decisions did we make in October?",
        ("decision_made", "2026-10-"),
        "ask",
        {"question": "how many decisions in October 2026?", "limit": 1},
        "69 decisions",
    ),
    _one(
        "What went wrong with vouchers?",
        ("bug_encountered", "voucher"),
        "search_text",
        {"text": "vouchers", "type": "bug_encountered", "limit": 2},
        "Vouchers of 100 percent cannot be paid",
        "an amount of zero",
    ),
    _one(
        "Why does the tracking page show parcels of others?",
        ("tracking page shows",),
        "search_text",
        {"text": '"tracking page shows"', "limit": 1},
        "reused after 90 days",
    ),
    _one(
        "What is the goal of the work on backups?",
        ("exuvia: plan", "restore a backup"),
        "list_plans",
        {"text": "Restore a backup", "size": "section", "section": "Goal"},
        "Restore a backup every week",
        "within the quarter",
    ),
    _one(
        "When did the tests of search pass last?",
        ("pytest tests/search",),
        "list_events",
        {"kind": ["validation_passed"], "topic": "search", "limit": 1},
        "2026-11-16T",
        "pytest tests/search",
    ),
    _one(
        "May guests order without an account, and why?",
        ("decision_made", "guest"),
        "search_text",
        {"text": "guests order", "limit": 2},
        "Guests may order without an account",
        "a third of the visitors left",
    ),
)
