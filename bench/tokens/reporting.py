"""The page of figures."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from bench.tables import markdown
from bench.tokens.measuring import Measured, Reading, Results, tokens
from exuvia.mcp.server import definition
from exuvia.tools import dynamic
from exuvia.tools.catalogue import EVERYTHING


def report(facts: str, results: Results) -> str:
    """Return the figures in Markdown."""
    questions = results.questions
    tools = sum(one.tools for one in questions)
    return (
        "# Tokens of answers\n\n"
        f"{facts}.\n\n"
        "A project of 60 plans, 200 sessions and 5,003 events, made with a fixed seed, and"
        f" {len(questions)} questions of an agent. In tokens (o200k_base): reading the project's Markdown, and calling"
        " the memory's tools, arguments and answers. Each answer is checked for the facts that answer the question;"
        f" missing: {sum(bool(one.missing) for one in questions)}.\n\n"
        + markdown(
            ("for all questions", "files, exported", "tools need fewer", "files, by hand", "tools need fewer "),
            [
                _row("reading all files", results.exported * len(questions), results.by_hand * len(questions), tools),
                _row("files that a search names", *_sums(questions, "named"), tools),
                _row("only the lines it finds", *_sums(questions, "lines"), tools),
                ("the tools", f"{tools:,}", "", f"{tools:,}", ""),
            ],
        )
        + f"\n- **All files**: {results.files} files, {results.exported:,} tokens as `exuvia store export-markdown`"
        f" writes them, an event as a block of JSON; {results.by_hand:,} with each event on a line, as people write"
        " them.\n"
        "- **Files that a search names**: an agent greps for the question's words, as good a pattern as we could"
        " think of, and reads the files that have all of them.\n"
        "- **Only the lines**: it reads what grep prints and no file. That answers"
        f" {sum(one.exported.lines_tell for one in questions)} of the {len(questions)} questions in the exported files,"
        f" {sum(one.by_hand.lines_tell for one in questions)} in those by hand.\n"
        "- Not counted, since it comes once in a conversation: the definitions of the three tools that stand for all,"
        f" {_definitions():,} tokens, and finding and describing each tool that was called, {results.learning:,} for"
        " all of them together.\n\n"
        + markdown(
            ("question", "files named", "their tokens", "by hand", "lines", "lines tell", "tools"),
            [_line(one) for one in questions],
        )
    )


def _row(what: str, exported: int, by_hand: int, tools: int) -> tuple[str, ...]:
    return what, f"{exported:,}", f"{1 - tools / exported:.2%}", f"{by_hand:,}", f"{1 - tools / by_hand:.2%}"


def _sums(questions: Sequence[Measured], what: str) -> tuple[int, int]:
    exported, by_hand = (
        sum(getattr(getattr(one, files), what) for one in questions) for files in ("exported", "by_hand")
    )
    return exported, by_hand


def _line(one: Measured) -> tuple[str, ...]:
    exported: Reading = one.exported
    return (
        one.question.text,
        f"{exported.files}",
        f"{exported.named:,}",
        f"{one.by_hand.named:,}",
        f"{exported.lines:,}",
        "yes" if exported.lines_tell else "no",
        f"{one.tools:,}",
    )


def _definitions() -> int:
    listed = [
        definition(tool, EVERYTHING).model_dump(mode="json", by_alias=True, exclude_none=True) for tool in dynamic.TOOLS
    ]
    return tokens(orjson.dumps(listed).decode())
