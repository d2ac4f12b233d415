"""Virtual tables and the shadow tables in which their modules keep data, told from the schema alone.

``PRAGMA table_list`` knows shadow tables only of modules that are installed, and takes every table whose name fits for
one. The rules here are those of the modules' own xShadowName functions, so they work without the module too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from exuvia.catalog.names import fold
from exuvia.engines.sqlite.tokens import split, tokenize

_FTS3 = "content|segments|segdir|docsize|stat"
_RTREE = "node|parent|rowid"
# vec0: sqlite-vec 0.1, with the tables of its rescore, ivf and diskann indexes.
_VEC0 = (
    r"info|chunks|rowids|auxiliary|(?:vector_chunks|vectors|metadatachunks|metadatatext|rescore_chunks|rescore_vectors"
    r"|ivf_centroids|ivf_cells|ivf_rowid_map|ivf_vectors|diskann_nodes|diskann_buffer)\d{2,}"
)
_SUFFIXES = {
    "fts1": "content|term",
    "fts2": "content|segments|segdir",
    "fts3": _FTS3,
    "fts4": _FTS3,
    "fts5": "data|idx|content|docsize|config",
    "rtree": _RTREE,
    "rtree_i32": _RTREE,
    "geopoly": _RTREE,
    "spellfix1": "vocab",
    "vec0": _VEC0,
    "vss0": "index|data",
}
_PATTERNS = {module: re.compile(suffixes) for module, suffixes in _SUFFIXES.items()}


@dataclass(frozen=True, slots=True)
class VirtualClauses:
    """A CREATE VIRTUAL TABLE statement: its module, and the table that the option ``content=`` names, if any."""

    module: str
    content: str | None = None


def parse_virtual(sql: str) -> VirtualClauses:
    """Read a CREATE VIRTUAL TABLE statement.

    Raises:
        ValueError: The text names no module.
    """
    tokens = list(tokenize(sql))
    using = next((i for i, token in enumerate(tokens[:-1]) if token.word == "USING"), None)
    if using is None:
        raise ValueError("its definition names no module")
    content = None
    for argument in split(tokens[using + 3 : -1]):
        if len(argument) == 3 and argument[0].word == "CONTENT" and argument[1].text == "=":
            content = argument[2].value or None
    return VirtualClauses(tokens[using + 1].value, content)


def is_virtual(sql: str) -> bool:
    """Whether ``sql`` is a CREATE VIRTUAL TABLE statement."""
    words = tokenize(sql)
    return next(words, None) is not None and (second := next(words, None)) is not None and second.word == "VIRTUAL"


def shadow_owner(name: str, virtual: Mapping[str, VirtualClauses], *, marked: bool) -> str | None:
    """Return the virtual table that a table belongs to, or None for a table of the user's own.

    Args:
        name: The table.
        virtual: All virtual tables, by folded name.
        marked: Whether SQLite's PRAGMA table_list calls the table a shadow table.
    """
    folded = fold(name)
    for cut in _underscores(folded):
        clauses = virtual.get(folded[:cut])
        if clauses is None:
            continue
        if clauses.content is not None and fold(clauses.content) == folded:
            return None
        pattern = _PATTERNS.get(fold(clauses.module))
        fits = marked if pattern is None else pattern.fullmatch(folded, cut + 1) is not None
        if fits:
            return folded[:cut]
    return None


def _underscores(name: str) -> list[int]:
    """The positions of the underscores in ``name``, last first: the longest owner's name wins."""
    return [match.start() for match in re.finditer("_", name)][::-1]
