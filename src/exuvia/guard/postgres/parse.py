"""PostgreSQL's own parser, as libpg_query carries it (pgparse, the extra ``guard``)."""

from __future__ import annotations

import threading
from typing import Any, Final

from exuvia.errors import ConfigError
from exuvia.guard.verdict import Denial

MAX_BYTES: Final = 100_000
# The parser's recursion takes up to about 800 bytes of stack a level, and a level at least two bytes of text.
_SHORT: Final = 4_000
_STACK: Final = 64 * 1024 * 1024
_STACK_LOCK: Final = threading.Lock()

Node = dict[str, Any]


class UnreadableError(Exception):
    """The text is no SQL that can be judged."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.reason)
        self.denial = denial


def parse(sql: str) -> list[Node]:
    """Return the parse tree of each statement of a text, as libpg_query's JSON has it.

    Args:
        sql: Any text. It may be hostile: its length is limited, and a long one is parsed on a stack that suffices.

    Raises:
        UnreadableError: It is not SQL, too long, or nested too deeply.
        ConfigError: The parser is not installed.
    """
    if "\0" in sql:
        raise UnreadableError(Denial("syntax", "The SQL has a NUL character in it.", "Take it out."))
    try:
        length = len(sql.encode())
    except UnicodeEncodeError:
        raise UnreadableError(Denial("syntax", "The SQL is not valid Unicode.", "Send it as UTF-8.")) from None
    if length > MAX_BYTES:
        raise UnreadableError(
            Denial(
                "too_long",
                f"The SQL has {length:,} bytes; at most {MAX_BYTES:,} are read.",
                "Pass long values as parameters, or split the work.",
            )
        )
    return _parse(sql) if length <= _SHORT else _parse_on_large_stack(sql)


def _parse(sql: str) -> list[Node]:
    try:
        import pgparse
    except ImportError:
        raise ConfigError(
            "Judging PostgreSQL's SQL needs PostgreSQL's parser, which is not installed.",
            hint="pip install 'exuvia[guard]'",
            code="guard_extra",
        ) from None
    try:
        trees: list[Node] = pgparse.parse(sql)
    except pgparse.PGQueryError as error:
        raise UnreadableError(
            Denial(
                "syntax",
                f"PostgreSQL cannot parse this: {error.message}.",
                "Correct the statement.",
                error.position or None,
            )
        ) from None
    except RecursionError:
        raise UnreadableError(
            Denial("too_deep", "The statement is nested too deeply.", "Write it flatter: IN (…) for chains of OR.")
        ) from None
    return trees


def _parse_on_large_stack(sql: str) -> list[Node]:
    outcome: list[list[Node] | BaseException] = []

    def work() -> None:
        try:
            outcome.append(_parse(sql))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=work, name="exuvia-guard-parse", daemon=True)
    with _STACK_LOCK:
        before = threading.stack_size(_STACK)
        try:
            thread.start()
        finally:
            threading.stack_size(before)
    thread.join()
    (result,) = outcome
    if isinstance(result, BaseException):
        raise result
    return result
