"""What is told of one table: documents without what is empty."""

from __future__ import annotations

from pydantic import Field

from exuvia.tools.frame import Output
from exuvia.tools.frame.outputs import Json


class Column(Output):
    """A column; ``generated`` is its expression or ``identity``, ``values`` are those of an enum."""

    name: str
    type: str = ""
    not_null: bool = False
    default: str | None = None
    generated: str | None = None
    values: list[str] = Field(default_factory=list)
    comment: str | None = None


class ForeignKey(Output):
    """A foreign key; ``table`` is left out where that one may not be read."""

    columns: list[str]
    table: str = ""
    to: list[str] = Field(default_factory=list)
    on_delete: str = ""
    on_update: str = ""


class Index(Output):
    """An index that no key has made; ``on`` is its method where that is not btree, its parts and its condition."""

    name: str
    on: str
    unique: bool = False
    invalid: bool = False


class Description(Output):
    """A table or view.

    ``rows`` are estimated where counting takes long. ``referenced_by`` are foreign keys of other tables.
    ``next`` gives the columns that did not fit.
    """

    table: str
    kind: str = "table"
    comment: str | None = None
    rows: int | None = None
    bytes: int | None = None
    partitions: int = 0
    columns: list[Column] = Field(default_factory=list)
    primary_key: list[str] = Field(default_factory=list)
    unique: list[list[str]] = Field(default_factory=list)
    foreign_keys: list[ForeignKey] = Field(default_factory=list)
    referenced_by: list[ForeignKey] = Field(default_factory=list)
    indexes: list[Index] = Field(default_factory=list)
    checks: list[str] = Field(default_factory=list)
    triggers: list[str] = Field(default_factory=list)
    sample: list[list[Json]] = Field(default_factory=list)
    next: str | None = None
    notice: str = ""
