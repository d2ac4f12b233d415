"""Answers put together from what was found, within a budget of tokens. The same findings give the same text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from exuvia.ask.finding.findings import Finding
from exuvia.ask.finding.looking import Looked, Nearby
from exuvia.ask.finding.relating import Related, of_neighbour, of_node
from exuvia.ask.finding.standing import Standing
from exuvia.ask.records import Interpretation, Known, Problem
from exuvia.ask.telling.sentences import day, sentence
from exuvia.ask.telling.texts import line, listed, plural, tokens
from exuvia.ask.telling.understanding import conditions, things

_MOST_NAMES: Final = 10
_WIDTHS: Final = {
    "beginnings": "Nothing has the words as they are; this has words that begin alike.",
    "meaning": "Nothing has all of the words; this is nearest in meaning.",
    "any": "Nothing has all of the words; this has some of them.",
    "alike": "Nothing has the words; these titles are much like them.",
}
_NEARBY: Final = {
    "time": "without the time",
    "projects": "in all projects",
    "authors": "by anybody",
    "kinds": "of any kind",
}


@dataclass(frozen=True, slots=True)
class Told:
    """A text, and what it cites.

    Args:
        text: The text; ``[1]`` is the first of the items.
        items: What is cited.
    """

    text: str
    items: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Composer:
    """Puts answers together.

    Args:
        asked: The interpretation.
        known: The names of the store.
        zone: The time zone of the days.
        budget: Tokens at most, about.
    """

    asked: Interpretation
    known: Known
    zone: tzinfo
    budget: int

    def problem(self, problem: Problem) -> Told:
        """Say why the question cannot be answered."""
        choices = [line(id, 80) for id in problem.choices[:_MOST_NAMES]]
        if problem.kind == "ambiguous":
            return Told(f"The project “{line(problem.name, 80)}” may be {listed(choices, 'or')}: which one is meant?")
        others = f" There {'is' if len(choices) == 1 else 'are'} {listed(choices)}" if choices else " There are none"
        more = len(problem.choices) - len(choices)
        return Told(f"There is no project “{line(problem.name, 80)}”.{others}{f' and {more} more' if more else ''}.")

    def looked(self, found: Looked) -> Told:
        """Answer from what was looked for and found."""
        if not found.items or found.width == "without":
            return self._nothing(found)
        lead = {"count": self._number, "who": self._who, "when": self._when}.get(self.asked.shape, self._list)(found)
        widened = _WIDTHS.get(found.width)
        return self._within(f"{widened} {lead}" if widened else lead, found.items, found.total)

    def standing(self, plans: Looked, standing: Standing) -> Told:
        """Tell how a plan or a project stands, and what happened last."""
        if standing.counts:
            counts = [f"{count} {status}" for status, count in standing.counts if count]
            told = f"Plans{self._where()}: {listed(counts)}." if counts else f"There are no plans{self._where()}."
            lead = f"{told} What happened last:" if standing.last else told
            return self._within(lead, standing.last, len(standing.last))
        widened = _WIDTHS.get(plans.width, "")
        first, *rest = plans.items
        lead = f"{widened} {self._standing(first)}".strip()
        items = (*standing.last, *rest)
        text = self._within(lead + " [1]" + (" Last:" if standing.last else ""), items, len(items), first=2)
        return Told(text.text, (first, *text.items))

    def related(self, found: Related) -> Told:
        """Tell what the knowledge graph says."""
        assert found.node is not None
        relation = self.asked.relation
        assert relation is not None
        name = line(found.node.name, 120)
        if relation.other is not None:
            return self._paths(found, name)
        items = tuple(of_neighbour(edge, found.node) for edge in found.neighbours)
        if not items:
            verb = f" by “{relation.verb}”" if relation.verb else ""
            way = {"in": "Nothing leads to", "out": "Nothing leads from", "both": "Nothing is next to"}
            return Told(f"{way[relation.direction]} the node “{name}”{verb} [1].", (of_node(found.node),))
        lines = [
            f"{line(edge.name, 120)} {self._arrow(edge.direction, edge.edge_type)} {name}" for edge in found.neighbours
        ]
        lead = f"{plural(found.total, 'node')} next to “{name}”:"
        return self._fitted(lead, list(zip(lines, lines, items, strict=True)), found.total)

    @staticmethod
    def _arrow(direction: str, edge_type: str) -> str:
        kind = line(edge_type, 60)
        return f"—{kind}→" if direction == "in" else f"←{kind}—"

    def _paths(self, found: Related, name: str) -> Told:
        assert found.node is not None
        other = found.other
        if other is None:
            relation = self.asked.relation
            missing = line(relation.other or "", 80) if relation else ""
            return Told(f"“{name}” [1] is in the graph, “{missing}” is not.", (of_node(found.node),))
        ends = (of_node(found.node), of_node(other))
        if not found.paths:
            return Told(f"No way of up to 4 edges leads from “{name}” [1] to “{line(other.name, 120)}” [2].", ends)
        ways = []
        for path in found.paths:
            steps = [line(path.nodes[0], 80)]
            for place, edge in enumerate(path.edges):
                forward = edge.source == path.nodes[place]
                kind = line(edge.type, 60)
                steps.append(f"{f'—{kind}→' if forward else f'←{kind}—'} {line(path.nodes[place + 1], 80)}")
            ways.append(" ".join(steps))
        lead = f"From “{name}” [1] to “{line(other.name, 120)}” [2]:"
        return Told("\n".join([lead, *(f"- {way}" for way in ways)]), ends)

    def _list(self, found: Looked) -> str:
        shown = len(found.items)
        count = found.total if found.total is not None and found.total > shown else shown
        if self.asked.order and self.asked.limit:
            which = f"{'the ' if shown == 1 else ''}{self.asked.order}"
            return f"{which.capitalize()} {things(self.asked, shown)}{self._rest()}:"
        number = f"{count:,}" if found.total is not None else f"More than {shown:,}"
        return f"{number} {things(self.asked, count)}{self._rest()}:"

    def _number(self, found: Looked) -> str:
        total = found.total
        if total is None:
            return f"More than {len(found.items):,} {things(self.asked)}{self._rest()}; more match than are counted."
        latest = " The latest:" if total > 1 else ""
        return f"{total:,} {things(self.asked, total)}{self._rest()}.{latest}"

    def _who(self, found: Looked) -> str:
        if not found.authors:
            return f"Nobody is named with the {things(self.asked)}{self._rest()}:"
        names = [f"{line(name, 60)} ({count})" for name, count in found.authors[:_MOST_NAMES]]
        of_all = found.total is not None and found.counted >= found.total
        basis = "" if of_all else f" Of the {found.counted} looked at."
        return f"{listed(names)}: {things(self.asked)}{self._rest()}.{basis}"

    def _when(self, found: Looked) -> str:
        first = found.items[0]
        return f"{day(first.at, self.zone) or 'No day is known'}{self._rest_of_when()}:"

    def _rest_of_when(self) -> str:
        return f", the {self.asked.order} {things(self.asked, 1)}{self._rest()}" if self.asked.order else self._rest()

    def _nothing(self, found: Looked) -> Told:
        """Say what was looked for, and what there is else."""
        if self.asked.shape == "count":
            lead = f"0 {things(self.asked)}{self._rest()}."
        else:
            lead = f"Nothing found: no {things(self.asked, 1)}{self._rest()}."
        lines = [lead]
        items: list[Finding] = []
        for near in found.nearby:
            items.append(near.best)
            lines.append(self._near(near, len(items)))
        others = found.items if found.width == "without" else ()
        if others:
            number = len(items)
            without = f"{found.total} {things(self.asked, found.total or 2)}{self._rest(words=False)} on other things:"
            told = self._within(without, others, found.total, first=number + 1)
            return Told("\n".join([*lines, told.text]), (*items, *told.items))
        return Told("\n".join(lines), tuple(items))

    def _near(self, near: Nearby, number: int) -> str:
        count = "more than are counted" if near.total is None else f"{near.total:,}"
        example = sentence(near.best, self.zone, short=True)
        return f"{_NEARBY[near.what].capitalize()}: {count}, such as {example} [{number}]"

    def _rest(self, *, words: bool = True) -> str:
        rest = conditions(self.asked, self.known, words=words)
        return f" {rest}" if rest else ""

    def _where(self) -> str:
        names = [line(self.known.projects.get(id, id), 80) for id in self.asked.projects]
        return f" in {listed(names)}" if names else ""

    def _standing(self, plan: Finding) -> str:
        who = f" of {line(plan.author, 60)}" if plan.author else ""
        changed = f", since {day(plan.at, self.zone)}" if plan.kind == "plan" else f", begun {day(plan.at, self.zone)}"
        return f"{plan.kind.capitalize()} “{line(plan.title, 160)}”{who} is {plan.type or 'there'}{changed}."

    def _within(self, lead: str, items: tuple[Finding, ...], total: int | None, *, first: int = 1) -> Told:
        lines = [(self._sentence(item), self._sentence(item, short=True), item) for item in items]
        return self._fitted(lead, lines, total, first=first)

    def _sentence(self, item: Finding, *, short: bool = False) -> str:
        one_project = len(self.asked.projects) == 1 or len(self.known.projects) < 2
        where = "" if one_project else f" (project {line(item.project, 60)})"
        return sentence(item, self.zone, short=short) + where

    def _fitted(self, lead: str, lines: list[tuple[str, str, Finding]], total: int | None, *, first: int = 1) -> Told:
        """Put as many lines under a lead as the budget has room for: shortened, if all of them fit so."""
        left = self.budget - tokens(lead)
        whole = sum(tokens(text) + 4 for text, _, _ in lines)
        texts = [(text if whole <= left else short, item) for text, short, item in lines]
        shown: list[str] = []
        kept: list[Finding] = []
        for text, item in texts:
            cost = tokens(text) + 4
            if kept and cost > left:
                break
            left -= cost
            shown.append(f"[{first + len(kept)}] {text}")
            kept.append(item)
        more = None if total is None else total - len(kept)
        if more is None:
            shown.append("There are more than were counted.")
        elif more > 0:
            shown.append(f"{more:,} more." if self.asked.limit is None else f"There are {total:,} in all.")
        return Told("\n".join([lead, *shown]), tuple(kept))
