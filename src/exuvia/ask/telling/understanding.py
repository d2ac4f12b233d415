"""How a question was understood, in one line."""

from __future__ import annotations

from typing import Final

from exuvia.ask.records import Interpretation, Known
from exuvia.ask.telling.texts import line, listed, plural, quoted

_NOTHING: Final = "entry"


def things(asked: Interpretation, count: int = 2) -> str:
    """Return what a question asks about, with its states, in the singular or the plural but without the number."""
    kinds = [kind.replace("_", " ") for kind in asked.kinds] or [_NOTHING]
    named = listed([plural(count, kind).split(" ", 1)[1] for kind in kinds], "or" if count == 1 else "and")
    before = [*asked.statuses, *([f"{asked.priority}-priority"] if asked.priority else [])]
    return f"{listed(before, 'or')} {named}" if before else named


def conditions(asked: Interpretation, known: Known, *, words: bool = True) -> str:
    """Return the rest of what a question asks: words, topics, authors, time, projects."""
    parts = []
    if asked.words and words:
        parts.append(f"on {quoted(asked.words, 'or' if asked.any_word else 'and')}")
    parts += _limits(asked)
    if asked.time:
        parts.append(_during(asked.time.reading))
    if asked.projects:
        names = [line(known.projects.get(id, id), 80) for id in asked.projects]
        parts.append(f"in the project{'s' if len(names) > 1 else ''} {listed(names)}")
    return " ".join(parts)


def _limits(asked: Interpretation) -> list[str]:
    parts = [f"without {quoted(asked.excluded, 'or')}"] if asked.excluded else []
    if asked.topics:
        parts.append(f"tagged {quoted(asked.topics)}")
    if asked.authors:
        parts.append(f"by {listed([line(author, 60) for author in asked.authors], 'or')}")
    return parts


def _during(reading: str) -> str:
    if reading.startswith(("from ", "until ")):
        return reading
    return f"from {reading}" if " to " in reading else f"on {reading}"


def understood(asked: Interpretation, zone: str) -> str:
    """Return one line that tells how a question was understood, and what of it was not."""
    parts = [_asked(asked)]
    if asked.words:
        any_word = asked.any_word
        parts.append(
            f"{'any of the words' if any_word else 'words'} {quoted(asked.words, 'or' if any_word else 'and')}"
        )
    parts += _limits(asked)
    if asked.time:
        parts.append(f"“{line(asked.time.words, 80)}” = {asked.time.reading} ({zone})")
    if asked.projects:
        parts.append(f"project {listed([line(id, 80) for id in asked.projects])}")
    told = f"Understood: {'; '.join(parts)}."
    if asked.notes:
        told += f" Note: {'; '.join(line(note, 200) for note in asked.notes)}."
    if asked.not_understood:
        told += f" Not understood: {quoted(asked.not_understood)}."
    return told


def _asked(asked: Interpretation) -> str:
    relation = asked.relation
    if relation is not None:
        way = {"in": "what leads to", "out": "what leads from", "both": "what is next to"}[relation.direction]
        verb = f" by edges like “{relation.verb}”" if relation.verb else ""
        if relation.other is not None:
            return f"the way from “{line(relation.node, 80)}” to “{line(relation.other, 80)}” in the graph"
        return f"{way} the node “{line(relation.node, 80)}”{verb}"
    order = f"the {asked.order} " if asked.order else ""
    number = f"{asked.limit} " if asked.limit and asked.limit > 1 else ""
    about = f"{order}{number}{things(asked, 1 if asked.limit == 1 else 2)}"
    return {
        "list": about,
        "count": f"how many {things(asked)}",
        "who": f"whose {things(asked)}",
        "when": f"when, by {about}",
        "status": f"the status of {_named(asked)}",
        "relations": about,
    }[asked.shape]


def _named(asked: Interpretation) -> str:
    if asked.kinds:
        return things(asked, 1)
    return "what has this name" if asked.words else "the plans"
