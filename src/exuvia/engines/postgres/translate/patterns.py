"""LIKE and GLOB (https://sqlite.org/lang_expr.html#like): LIKE folds ASCII letters only, GLOB folds none."""

from __future__ import annotations

import re

from exuvia.engines.postgres.ddl import literal
from exuvia.engines.postgres.translate.values import Kind, NotExact, Value, as_text, boolean, constant_value

_LETTER = re.compile(r"[A-Za-z]")


def like(subject: Value, pattern: Value, escape: Value | None = None) -> Value:
    """Return ``subject LIKE pattern [ESCAPE escape]``."""
    if Kind.NULL in (subject.kind, pattern.kind):
        return boolean("NULL::boolean")
    subject, pattern = as_text(subject), as_text(pattern)
    character = _escape(pattern, escape)
    folded = True
    shown = f'lower({pattern.sql} COLLATE "C")'
    if isinstance(pattern.constant, str):
        folded = _LETTER.search(pattern.constant) is not None
        shown = literal("".join(_lower(letter) for letter in pattern.constant))
    target = f'lower({subject.sql} COLLATE "C")' if folded else subject.sql
    suffix = "" if character == "" and "\\" not in str(pattern.constant or "\\") else f" ESCAPE {literal(character)}"
    return boolean(f"({target} LIKE {shown}{suffix})", subject, pattern)


def _lower(letter: str) -> str:
    return letter.lower() if letter.isascii() else letter


def _escape(pattern: Value, escape: Value | None) -> str:
    if escape is None:
        return ""
    character = escape.constant
    if not isinstance(character, str) or len(character) != 1 or _LETTER.match(character) or character in "%_":
        raise NotExact("LIKE has an ESCAPE that is not one fixed sign")
    if not isinstance(pattern.constant, str):
        raise NotExact("LIKE has an ESCAPE and a pattern that is not fixed")
    rest = pattern.constant.replace(character * 2, "")
    if rest.endswith(character):
        raise NotExact("LIKE's pattern ends with its ESCAPE")
    return character


def glob(subject: Value, pattern: Value) -> Value:
    """Return ``subject GLOB pattern`` as a regular expression; NotExact when the pattern is not fixed."""
    if Kind.NULL in (subject.kind, pattern.kind):
        return boolean("NULL::boolean")
    if not isinstance(pattern.constant, str):
        raise NotExact("GLOB has a pattern that is not fixed")
    subject = as_text(subject)
    found = pattern.constant
    if not re.search(r"[*?\[]", found):
        return boolean(f"({subject.sql} = {constant_value(found).sql})", subject)
    return boolean(f'({subject.sql} COLLATE "C" ~ {literal(_regex(found))})', subject)


def _regex(pattern: str) -> str:
    parts, position = ["^"], 0
    while position < len(pattern):
        sign = pattern[position]
        if sign == "[":
            part, position = _bracket(pattern, position + 1)
        else:
            part = {"*": ".*", "?": "."}.get(sign, _escaped(sign))
            position += 1
        if part != ".*" or parts[-1] != ".*":
            parts.append(part)
    return "".join([*parts, "$"])


def _escaped(sign: str) -> str:
    if sign.isascii() and not sign.isalnum() and sign not in " _-@#%&=<>~,:;/!\"'`":
        return f"\\u{ord(sign):04x}"
    return sign


def _bracket(pattern: str, position: int) -> tuple[str, int]:
    """Read a set from after its ``[``, as SQLite's patternCompare does."""
    negated = pattern[position : position + 1] == "^"
    position += negated
    members: list[str] = []
    previous = ""
    if pattern[position : position + 1] == "]":
        members.append(_member("]"))
        position += 1
    while position < len(pattern) and pattern[position] != "]":
        sign = pattern[position]
        following = pattern[position + 1 : position + 2]
        if sign == "-" and previous and following not in ("]", ""):
            if following < previous:
                raise NotExact("GLOB has a range that runs backwards")
            members[-1] = f"{_member(previous)}-{_member(following)}"
            previous = ""
            position += 2
            continue
        members.append(_member(sign))
        previous = sign
        position += 1
    if position >= len(pattern) or not members:
        raise NotExact("GLOB has a set without an end")
    return f"[{'^' if negated else ''}{''.join(members)}]", position + 1


def _member(sign: str) -> str:
    return sign if sign.isalnum() or not sign.isascii() else f"\\u{ord(sign):04x}"
