"""Arguments that make a harmless function harmful: lengths of texts, sets of characters, and names of types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from exuvia.guard.postgres import known
from exuvia.guard.postgres.parse import Node
from exuvia.guard.verdict import Denial

_LENGTH: Final = {"repeat": 1, "lpad": 1, "rpad": 1}
_LONGEST: Final = 10_000
_CHARACTERS: Final = {"translate": 1, "btrim": 1, "ltrim": 1, "rtrim": 1}
_TYPE: Final = {"pg_input_is_valid": 1}


def refuse(function: str, arguments: list[Node]) -> Iterator[Denial]:
    """Yield what is wrong with a call, by its parse tree.

    Args:
        function: The function's name, without its schema.
        arguments: Its arguments, as libpg_query's JSON has them.
    """
    place = _LENGTH.get(function)
    if place is not None and len(arguments) > place and not _is_short(arguments[place]):
        yield Denial(
            "bomb",
            f"How long {function}() makes a text must be a number of at most {_LONGEST:,}, or it fills the memory.",
            f"Write the number, or bound it: {function}('x', least(n, 100){'' if place == 1 else ', …'}).",
        )
    place = _CHARACTERS.get(function)
    if place is not None and len(arguments) > place and not _is_given(arguments[place]):
        yield Denial(
            "bomb",
            f"The characters given to {function}() must be a constant: with long ones it never ends.",
            "Write them as a constant or a parameter.",
        )
    place = _TYPE.get(function)
    if place is not None and len(arguments) > place and _text(arguments[place]) not in known.TYPES:
        yield Denial(
            "type",
            f"{function}() may run the function of a type that is not built in.",
            "Name a built-in type as a constant, such as 'integer'.",
        )


def _is_short(node: Node) -> bool:
    """Whether a number is known to be small: a constant, a cast one, or the least of several of which one is."""
    if "TypeCast" in node:
        return _is_short(node["TypeCast"].get("arg", {}))
    if "MinMaxExpr" in node:
        least = node["MinMaxExpr"].get("op") == "IS_LEAST"
        return least and any(map(_is_short, node["MinMaxExpr"].get("args", ())))
    constant = node.get("A_Const", {})
    return "ival" in constant and int(constant["ival"].get("ival", 0)) <= _LONGEST


def _is_given(node: Node) -> bool:
    if "TypeCast" in node:
        return _is_given(node["TypeCast"].get("arg", {}))
    return "A_Const" in node or "ParamRef" in node


def _text(node: Node) -> str | None:
    value: Any = node.get("A_Const", {}).get("sval", {}).get("sval")
    return value if isinstance(value, str) else None
