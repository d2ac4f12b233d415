"""A tool as a plain value, made from an async function, and the catalogue of all that are served."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, Literal, get_type_hints

from exuvia.tools.frame.arguments import Arguments
from exuvia.tools.frame.call import Call, Scope
from exuvia.tools.frame.errors import ArgumentError, SwitchedOffError
from exuvia.tools.frame.outputs import Output, Reply

if TYPE_CHECKING:
    from exuvia.guard import Level

Effect = Literal["reads", "adds", "changes", "destroys"]
SQL_TOOLSETS: Final = frozenset({"database", "healing"})
Handler = Callable[[Call, Any], Awaitable[Output | Reply]]


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """Something that an agent can do.

    Args:
        name: Its name in every protocol, with underscores.
        toolset: The group it belongs to, such as ``plans``.
        summary: What it does, in one sentence that begins with a verb.
        details: What else a caller must know; often nothing.
        manual: What is told only to who asks for the tool's description, since every definition is read each time.
        effect: Whether it reads, adds, changes what is there, or may destroy it.
        scope: What a caller must be allowed to do: ``read``, ``write`` or ``ddl``.
        idempotent: Whether calling it twice does no more than calling it once.
        example: Arguments of a right call.
        arguments: The model of its arguments.
        output: The model of its answer; None when it answers what another tool answers.
        run: Does it.
    """

    name: str
    toolset: str
    summary: str
    details: str
    manual: str
    effect: Effect
    scope: Level
    idempotent: bool
    example: Mapping[str, Any]
    arguments: type[Arguments]
    output: type[Output] | None
    run: Handler

    @property
    def needs(self) -> frozenset[Scope]:
        """What a caller must be allowed to do: the memory's tools take their scope, the database's ``sql`` besides."""
        return frozenset({self.scope, "sql"} if self.toolset in SQL_TOOLSETS else {self.scope})

    @property
    def description(self) -> str:
        """The summary and the details."""
        return f"{self.summary} {self.details}".strip()


def tool(
    *,
    toolset: str,
    summary: str,
    example: Mapping[str, Any],
    details: str = "",
    manual: str = "",
    effect: Effect = "reads",
    scope: Level | None = None,
    idempotent: bool = False,
) -> Callable[[Handler], Tool]:
    """Make a tool of an async function ``name(call, given) -> Output``, whose annotations tell its models.

    Args:
        toolset: The group it belongs to.
        summary: What it does, in one sentence that begins with a verb.
        example: Arguments of a right call.
        details: What else a caller must know.
        manual: What else, told only to who asks for the tool's description.
        effect: Whether it reads, adds, changes or may destroy.
        scope: What a caller must be allowed to do; None for ``read`` or ``write`` by the effect.
        idempotent: Whether calling it twice does no more than calling it once; reading never does.
    """

    def made(run: Handler) -> Tool:
        hints = get_type_hints(run)
        return Tool(
            name=getattr(run, "__name__", ""),
            toolset=toolset,
            summary=summary,
            details=details,
            manual=manual,
            effect=effect,
            scope=scope or ("read" if effect == "reads" else "write"),
            idempotent=idempotent or effect == "reads",
            example=example,
            arguments=hints["given"],
            output=hints["return"] if issubclass(hints["return"], Output) else None,
            run=run,
        )

    return made


class Catalogue:
    """Tools by their names, in order.

    Args:
        tools: Those that are served.
        off: Those that are not, with what a person does to have them.
    """

    def __init__(self, tools: Iterable[Tool], off: Mapping[Tool, str] | None = None) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._off = {tool.name: (tool, hint) for tool, hint in (off or {}).items()}

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    @property
    def off(self) -> tuple[Tool, ...]:
        """The tools that are not served here."""
        return tuple(tool for tool, _ in self._off.values())

    def within(self, scopes: frozenset[Scope]) -> Catalogue:
        """Return the same tools for somebody who has these scopes only; the others are switched off."""
        beyond = {
            tool: f"It takes a token with {' and '.join(sorted(tool.needs))}, and a server without --read-only."
            for tool in self
            if not tool.needs <= scopes
        }
        return Catalogue((tool for tool in self if tool not in beyond), dict(self._off.values()) | beyond)

    def named(self, name: str) -> Tool:
        """Return a tool.

        Raises:
            SwitchedOffError: It is not served here.
            ArgumentError: There is none of that name.
        """
        if name in self._tools:
            return self._tools[name]
        if name in self._off:
            raise SwitchedOffError(f"{name} is switched off here.", hint=self._off[name][1], code="tool")
        near = get_close_matches(name, self._tools, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else "search_tools finds tools by what they do."
        raise ArgumentError("name", f"There is no tool {name[:80]!r}.", hint=hint, code="tool")
