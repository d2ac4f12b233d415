"""Virtual tables whose rows can be read from their shadow tables, without their modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from exuvia.catalog.model import Table, VirtualTable
from exuvia.engines.sqlite import fulltext, vec0


def derived_tables(virtual: Iterable[VirtualTable]) -> Iterator[Table]:
    """Yield a table of the same name for each virtual table whose shadow tables hold rows of its own."""
    for table in virtual:
        found = None
        if fulltext.is_full_text(table):
            found = fulltext.derived(table)
        elif vec0.is_vec0(table):
            found = vec0.derived(table)
        if found is not None:
            yield found
