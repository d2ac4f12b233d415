"""Full-text tables in the target: generated tsvector columns, or indexes of trigrams, on the tables with the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exuvia.catalog.model import Catalog, VirtualTable
from exuvia.catalog.names import fold, quote
from exuvia.catalog.target import TargetIndex, TargetIndexPart, TargetSearch
from exuvia.engines.postgres.fulltext import can_be_searched, query_hint, search_expression, trigram_hint
from exuvia.engines.sqlite.fulltext import FullText, full_text, is_full_text
from exuvia.move.plan import Fate, ObjectPlan, Problem
from exuvia.move.planning.constraints import Found, Shape
from exuvia.move.planning.naming import Names
from exuvia.move.planning.overrides import EXCLUDED, Overrides

_DEFAULT = "search"
_WORDS = frozenset({"unicode61", "ascii", "simple"})


@dataclass(frozen=True, slots=True)
class TargetAbilities:
    """What the target can take beyond PostgreSQL itself: the extensions pgvector and pg_trgm, installed or such that
    they can be created."""

    pgvector: bool = True
    trgm: bool = True


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person says, what the target can take, and the names of the tables and virtual tables that are left
    out."""

    overrides: Overrides
    abilities: TargetAbilities
    excluded: frozenset[str]


@dataclass(slots=True)
class Searches:
    """What full-text tables become.

    Args:
        columns: Search columns by the source table that has the text.
        indexes: Their indexes, likewise.
        fed: Full-text tables over another table's text, folded, and what keeps them up to date in the target.
    """

    columns: dict[str, tuple[TargetSearch, ...]] = field(default_factory=dict)
    indexes: dict[str, tuple[TargetIndex, ...]] = field(default_factory=dict)
    fed: dict[str, str] = field(default_factory=dict)


def plan_searches(
    catalog: Catalog,
    shapes: Mapping[str, Shape],
    wishes: Wishes,
    *,
    names: Names,
    found: Found,
) -> Searches:
    """Plan what becomes of every full-text table.

    Args:
        catalog: What the source declares.
        shapes: The tables that are moved.
        wishes: What a person says, and what the target can take.
        names: The target's names.
        found: Takes fates and problems.
    """
    result = Searches()
    planner = _Planner(catalog, shapes, wishes, names, found, result)
    for table in catalog.virtual_tables:
        if is_full_text(table):
            planner.plan(table)
    return result


@dataclass(frozen=True, slots=True)
class _Planner:
    catalog: Catalog
    shapes: Mapping[str, Shape]
    wishes: Wishes
    names: Names
    found: Found
    result: Searches

    def plan(self, table: VirtualTable) -> None:
        definition = full_text(table)
        said = self.wishes.overrides.search.get(table.name)
        own = table.name in self.shapes
        if table.name in self.wishes.excluded or (said is not None and said.exclude and not own):
            self._left_out(table, EXCLUDED)
            return
        shape, reason = self._text_of(definition)
        if shape is None:
            self._left_out(table, reason)
            return
        kept = f"its rows are in the table {shape.name}" if own else f"its text is in the table {shape.name}"
        if said is not None and said.exclude:
            self._replaced(table, f"{kept}, without an index for searches", excluded=True)
            return
        columns = self._columns(table, definition, shape)
        if not columns:
            self._left_out(table, f"{shape.table.name} has none of the columns that it indexes, as text")
        elif definition.tokenizer[:1] == ("trigram",) and (said is None or said.config is None):
            self._trigrams(table, shape, columns, kept)
        else:
            self._vector(table, definition, shape, columns, kept)

    def _text_of(self, definition: FullText) -> tuple[Shape | None, str]:
        """The table that holds the text, or why there is none."""
        if definition.content is None:
            shape = self.shapes.get(definition.name)
            reason = "its text is stored through functions of the application" if definition.compressed else ""
            return shape, "" if shape else reason or "its text cannot be read: the table that keeps it is gone"
        if not definition.content:
            return None, (
                "it keeps no text (content=''), only an index of words from which the text cannot be restored: "
                "index the text in PostgreSQL where it comes from"
            )
        shape = next((s for name, s in self.shapes.items() if fold(name) == fold(definition.content)), None)
        if shape is not None:
            return shape, ""
        if any(fold(view.name) == fold(definition.content) for view in self.catalog.views):
            return None, f"its text comes from the view {definition.content}, which cannot have a generated column"
        return None, f"its text is in {definition.content}, which is not moved"

    def _columns(self, table: VirtualTable, definition: FullText, shape: Shape) -> list[str]:
        """The source columns to search, in order; those that cannot be are told."""
        by_name = {fold(name): name for name in shape.columns}
        columns: list[str] = []
        for wanted in definition.searched or tuple(shape.columns):
            name = by_name.get(fold(wanted))
            if name is None:
                self._note(table, f"Its column {wanted} is not in the table {shape.table.name}, and is not searched.")
            elif not can_be_searched(shape.types[name]):
                self._note(table, f"Its column {wanted} is {shape.types[name]} in the target, and is not searched.")
            else:
                columns.append(name)
        return columns

    def _vector(self, table: VirtualTable, definition: FullText, shape: Shape, columns: list[str], kept: str) -> None:
        said = self.wishes.overrides.search.get(table.name)
        config = (said.config if said is not None else None) or self._config(table, definition)
        name = self._column_name(shape, table.name)
        typed = [(shape.columns[column], shape.types[column]) for column in columns]
        search = TargetSearch(name, search_expression(typed, config), table.name, config)
        index = TargetIndex(
            self.names.claim(shape.schema, f"{shape.name}_{name}"),
            (TargetIndexPart(quote(name)),),
            method="gin",
            needs=name,
        )
        self._add(shape, index, search)
        hint = query_hint(shape.name, table.name, name, typed[0][0], config)
        keeper = f"{shape.name}.{name}, a generated column with a GIN index"
        if definition.content is not None:
            self.result.fed[fold(table.name)] = keeper
        self._replaced(table, f"{kept}, searched by {keeper}: {hint}")

    def _trigrams(self, table: VirtualTable, shape: Shape, columns: list[str], kept: str) -> None:
        if not self.wishes.abilities.trgm:
            self._note(
                table,
                "The target lacks pg_trgm, so searches within words (ILIKE '%…%') read every row.",
                choices=(f"CREATE EXTENSION pg_trgm; CREATE INDEX ON {quote(shape.name)} USING gin (… gin_trgm_ops)",),
            )
        for column in columns if self.wishes.abilities.trgm else ():
            target = shape.columns[column]
            part = quote(target) if str(shape.types[column].base) in ("text", "varchar") else f"({quote(target)}::text)"
            name = self.names.claim(shape.schema, f"{shape.name}_{target}_trgm")
            self._add(shape, TargetIndex(name, (TargetIndexPart(f"{part} gin_trgm_ops"),), method="gin"))
        if fold(table.name) not in map(fold, self.shapes):
            self.result.fed[fold(table.name)] = f"an index of trigrams on {shape.name}"
        how = "searched by an index of trigrams" if self.wishes.abilities.trgm else "not indexed"
        hint = trigram_hint(shape.name, table.name, shape.columns[columns[0]])
        self._replaced(table, f"{kept}, {how}: {hint}")

    def _config(self, table: VirtualTable, definition: FullText) -> str:
        """The text search configuration that is nearest to a tokenizer."""
        words = [word.lower() for word in definition.tokenizer]
        if "porter" in words:
            return "english"
        if words and words[0] not in _WORDS:
            self._note(
                table,
                f"PostgreSQL has no tokenizer {words[0]}: words are told apart by its own parser.",
                choices=('config = "simple"', 'config = "english"'),
            )
        return "simple"

    def _column_name(self, shape: Shape, full_text_name: str) -> str:
        taken = set(shape.columns.values()) | {search.name for search in self.result.columns.get(shape.table.name, ())}
        name, number = _DEFAULT, 1
        if name in taken:
            name = self.names.legal(f"{_DEFAULT}_{full_text_name}")
        while name in taken:
            name, number = f"{_DEFAULT}{number}", number + 1
        return name

    def _add(self, shape: Shape, index: TargetIndex, search: TargetSearch | None = None) -> None:
        source = shape.table.name
        self.result.indexes[source] = (*self.result.indexes.get(source, ()), index)
        if search is not None:
            self.result.columns[source] = (*self.result.columns.get(source, ()), search)

    def _replaced(self, table: VirtualTable, reason: str, *, excluded: bool = False) -> None:
        fate = ObjectPlan("virtual table", table.name, "", Fate.REPLACED, reason, table.sql, excluded=excluded)
        self.found.objects.append(fate)
        for shadow in table.shadows:
            why = f"belongs to the full-text table {table.name}, which is replaced"
            self.found.objects.append(ObjectPlan("shadow table", shadow, table.name, Fate.REPLACED, why))

    def _left_out(self, table: VirtualTable, reason: str) -> None:
        fate = ObjectPlan(
            "virtual table", table.name, "", Fate.LEFT_OUT, reason, table.sql, excluded=reason == EXCLUDED
        )
        self.found.objects.append(fate)
        for shadow in table.shadows:
            self.found.left_out("shadow table", shadow, table.name, f"belongs to the full-text table {table.name}")
        if reason != EXCLUDED:
            message = f"The full-text table ({table.module}) is left out: {reason}."
            self.found.problems.append(Problem("warning", table.name, message))

    def _note(self, table: VirtualTable, message: str, choices: tuple[str, ...] = ()) -> None:
        self.found.problems.append(Problem("note", table.name, message, choices=choices))
