"""YAML front matter: the block between two lines of three hyphens at the beginning of a Markdown file.

It is read as the core schema of YAML 1.2 has it, which knows no times and takes ``no`` for a text. What is written is
its simplest part: one line for each key, texts plain where no reader could take them for anything else, and JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from exuvia.store.core.values import Json
from exuvia.store.knowledge.markdown.problems import MarkdownError

_BLOCK: Final = re.compile(r"---[ \t]*\r?\n(?P<yaml>.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_PLAIN: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9 _./@+-]*[A-Za-z0-9_./@+-])?")
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T[0-9:.]+Z")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
_NUMBER: Final = re.compile(r"[-+]?(?P<whole>\d+)(?P<rest>(?:\.\d*)?(?:[eE][-+]?\d+)?)")
_WORDS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# what readers of YAML 1.1 take for something else than a text
_AMBIGUOUS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_LONGEST_KEY: Final = 500  # YAML's readers find a key only where its colon follows within 1,024 characters
_MOST: Final = 100_000
_DEEPEST: Final = 100
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The front matter of a file.

    Args:
        values: What it says.
        lines: The line of each key, from 1.
        body: The text after it.
        body_line: The line at which that begins.
    """

    values: dict[str, Json]
    lines: dict[str, int]
    body: str
    body_line: int


def read(text: str) -> FrontMatter:
    """Read the front matter of a text, which may have none.

    Raises:
        MarkdownError: It is not YAML, not a mapping, or holds what JSON does not have.
    """
    block = _BLOCK.match(text)
    if block is None:
        if re.match(r"---[ \t]*\r?\n", text):
            raise MarkdownError("The front matter has no end.", line=1, hint="End it by a line of three hyphens.")
        return FrontMatter({}, {}, text, 1)
    node = _composed(block["yaml"])
    body = text[block.end() :]
    body_line = text.count("\n", 0, block.end()) + 1
    if node is None:
        return FrontMatter({}, {}, body, body_line)
    if not isinstance(node, yaml.MappingNode):
        raise MarkdownError("The front matter is not made of keys and values.", line=2, hint="Write key: value.")
    reader = _Reader()
    values = reader.value(node, 0)
    lines = {str(key.value): key.start_mark.line + 2 for key, _ in node.value}
    return FrontMatter(values, lines, body, body_line)


def write(values: Mapping[str, Json], body: str) -> str:
    """Return a file of front matter and a text."""
    lines = [f"{key}: {_written(value)}\n" for key, value in values.items()]
    return f"---\n{''.join(lines)}---\n{body}"


def is_name(key: object) -> bool:
    """Tell whether a key can stand as it is."""
    return isinstance(key, str) and bool(_NAME.fullmatch(key)) and key.lower() not in _AMBIGUOUS


def is_writable(value: Json, depth: int = 1) -> bool:
    """Tell whether YAML's readers find all keys of a document, and its end."""
    if isinstance(value, dict) and any(len(key) > _LONGEST_KEY for key in value):
        return False
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth < _DEEPEST and all(is_writable(part, depth + 1) for part in parts)


def _composed(text: str) -> yaml.Node | None:
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 2 if mark else 2
        raise MarkdownError(
            f"The front matter is not YAML: {error.problem}.", line=line, hint="Put texts with a colon in quotes."
        ) from None
    except yaml.YAMLError as error:
        said = str(error).splitlines()[0]
        raise MarkdownError(f"The front matter is not YAML: {said}.", line=2, hint="Save it as UTF-8.") from None
    return node


class _Reader:
    """Makes JSON of YAML's nodes; an anchor that is named very often, or within itself, is refused."""

    def __init__(self) -> None:
        self._made = 0

    def value(self, node: yaml.Node, depth: int) -> Any:
        self._made += 1
        line = node.start_mark.line + 2
        if self._made > _MOST or depth > _DEEPEST:
            raise MarkdownError("The front matter is too large.", line=line, hint="Put long texts below it.")
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node, line)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(part, depth + 1) for part in node.value]
        found: dict[str, Json] = {}
        for key, part in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise MarkdownError("A key is not a text.", line=line, hint="Write key: value.")
            if key.value in found:
                raise MarkdownError(
                    f"The key {key.value!r} is there twice.", line=key.start_mark.line + 2, hint="Keep one of them."
                )
            found[key.value] = self.value(part, depth + 1)
        return found


def _scalar(node: yaml.ScalarNode, line: int) -> Json:
    text: str = node.value
    if node.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    number = _NUMBER.fullmatch(text)
    if number is None or (len(number["whole"]) > 1 and number["whole"].startswith("0")):
        return text
    value = float(text) if number["rest"] else int(text)
    if abs(value) >= 2**64 if isinstance(value, int) else value in {float("inf"), float("-inf")}:
        raise MarkdownError(f"The number {text[:40]} is too large.", line=line, hint="Put it in quotes.")
    return value


def _written(value: Json) -> str:
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _AMBIGUOUS
        return value if plain or _TIME.fullmatch(value) else _json(value)
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return f"[{', '.join(map(_written, value))}]"
    return _json(value)


def _json(value: Json) -> str:
    """Write JSON that is YAML, too, which does not have every character as it is."""
    written = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return written if written.isprintable() else "".join(map(_escaped, written))


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"
