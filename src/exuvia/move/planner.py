"""From what a source declares and holds to the plan of its move: pure, and the same for the same arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from exuvia.catalog.model import Catalog, Column, Table
from exuvia.catalog.order import load_order
from exuvia.catalog.target import TargetColumn, TargetIndex, TargetSearch, TargetTable
from exuvia.catalog.types import Base
from exuvia.move.plan import ColumnPlan, Plan, Problem, TablePlan
from exuvia.move.planning.chroma import tell_documents
from exuvia.move.planning.columns import Decision, classes_of, decide
from exuvia.move.planning.connected import ColumnId
from exuvia.move.planning.constraints import Found, Keys, Shape, foreign_keys, keys
from exuvia.move.planning.expressions import checks, default, generated
from exuvia.move.planning.fit import misfits
from exuvia.move.planning.indexes import Indexes, indexes
from exuvia.move.planning.naming import Names, build_names, sequence_name
from exuvia.move.planning.objects import others, triggers, views
from exuvia.move.planning.overrides import Overrides, check_names
from exuvia.move.planning.search import TargetAbilities, Wishes, plan_searches
from exuvia.move.planning.sizes import size_problems
from exuvia.move.planning.translating import Translator
from exuvia.move.planning.vector_tables import plan_vectors
from exuvia.move.planning.words import counted
from exuvia.values.facts import ColumnFacts
from exuvia.values.profile import Profile
from exuvia.values.rules import NaiveTime, Style

__all__ = ["PlanOptions", "TargetAbilities", "build", "is_excluded", "needs_check"]

_IDENTITIES = (Base.SMALLINT, Base.INTEGER, Base.BIGINT)


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """How to plan. What is None here is taken from the plan file, and else from the default.

    Args:
        style: 'faithful' (default) or 'native'.
        naive_time: What a time without a zone means where the target has one: 'utc' (default), 'local', or 'as-is'.
        fold: Turn names to lower case (default: keep them exactly).
        schema: The schema of the target.
        prefix: What the names of tables, views and indexes in the target begin with.
        include: Only tables that match one of these patterns (``*``, ``?``, ``[abc]``); empty for all.
        exclude: No tables that match one of these.
        overrides: The content of a plan file.
        abilities: What the target can take beyond PostgreSQL itself.
    """

    style: Style | None = None
    naive_time: NaiveTime | None = None
    fold: bool | None = None
    schema: str = "public"
    prefix: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    overrides: Overrides | None = field(default=None)
    abilities: TargetAbilities = field(default_factory=TargetAbilities)

    @property
    def target_schema(self) -> str:
        """The schema that the plan will have: the option, or the plan file's where the option is the default."""
        said = self.overrides.schema if self.overrides is not None else None
        return said if said is not None and self.schema == "public" else self.schema


def build(catalog: Catalog, profile: Profile, options: PlanOptions | None = None) -> Plan:
    """Plan the move of a database.

    Args:
        catalog: What the source declares.
        profile: What its tables hold.
        options: What is wanted.

    Returns:
        The plan. Problems of level 'error' in it refuse the move.

    Raises:
        PlanError: The plan file names what the source does not have, or contradicts itself.
    """
    options = options or PlanOptions()
    overrides = options.overrides or Overrides()
    declared, catalog = catalog, replace(catalog, tables=catalog.tables + catalog.derived)
    check_names(overrides, catalog)
    style = options.style or overrides.style or "faithful"
    naive_time = options.naive_time or overrides.naive_time or "utc"
    fold = options.fold if options.fold is not None else bool(overrides.fold)
    excluded = [table.name for table in catalog.tables if is_excluded(table.name, options, overrides)]
    moved = [t for t in catalog.tables if t.name not in excluded and t.name in profile.tables]
    names = build_names(moved, catalog.views, overrides, schema=options.target_schema, fold=fold, prefix=options.prefix)
    ordered = _order(moved, names)
    abilities = options.abilities
    decided = decide(
        catalog, moved, profile, overrides, style=style, naive_time=naive_time, pgvector=abilities.pgvector
    )
    found = Found(problems=list(names.problems))
    shapes = {table.name: _shape(table, names, decided, profile) for table in ordered}
    translator = Translator.over(shapes, names, catalog.triggers)
    wishes = Wishes(overrides, abilities, frozenset(excluded) | _unwanted(catalog, options, overrides))
    searches = plan_searches(catalog, shapes, wishes, names=names, found=found)
    vectors = plan_vectors(catalog, shapes, wishes, names=names, found=found)
    tell_documents(catalog, shapes, found)
    added = {name: searches.indexes.get(name, ()) + vectors[name] for name in shapes}
    tables = _tables(
        shapes,
        decided,
        overrides,
        names=names,
        translator=translator,
        searches=searches.columns,
        added=added,
        found=found,
    )
    translator = views(catalog, overrides, translator, names, found)
    found.add(triggers(catalog, overrides, shapes, translator, searches))
    others(catalog, profile, excluded, found)
    return Plan(
        declared, style, naive_time, tables, tuple(found.objects), tuple(found.problems), fold, options.target_schema
    )


def needs_check(plan: Plan, automatic: Plan, overrides: Overrides) -> tuple[tuple[TablePlan, ColumnPlan], ...]:
    """Return the columns whose conversion a person changed without saying what becomes of values that do not fit.

    Args:
        plan: The plan with the person's overrides.
        automatic: The plan without.
        overrides: What the person says.
    """
    rules = {
        (table.source.name, column.source.name): column.rule for table in automatic.tables for column in table.columns
    }
    return tuple(
        (table, column)
        for table in plan.tables
        for column in table.columns
        if column.rule != rules.get((table.source.name, column.source.name))
        and overrides.table(table.source.name).column(column.source.name).on_misfit is None
    )


def is_excluded(name: str, options: PlanOptions, overrides: Overrides | None = None) -> bool:
    """Tell whether a person leaves a table out; ``overrides`` are the plan file's, if not those of the options."""
    overrides = overrides or options.overrides or Overrides()
    if options.include and not any(fnmatchcase(name, pattern) for pattern in options.include):
        return True
    return overrides.table(name).exclude or any(fnmatchcase(name, pattern) for pattern in options.exclude)


def _unwanted(catalog: Catalog, options: PlanOptions, overrides: Overrides) -> frozenset[str]:
    """The virtual tables that a person leaves out by name; one that is not among those wanted may index one that is."""
    said = replace(options, include=())
    return frozenset(table.name for table in catalog.virtual_tables if is_excluded(table.name, said, overrides))


def _order(tables: list[Table], names: Names) -> list[Table]:
    """Targets of foreign keys first; before them, tables that are named as PostgreSQL would name the sequence of
    another one's identity column, so that it chooses another name."""
    sequences = {
        sequence_name(names.tables[table.name][1], column)
        for table in tables
        if (column := names.columns[table.name].get(table.rowid_column or "")) is not None
    }
    ordered, _ = load_order(tables)
    return sorted(ordered, key=lambda table: names.tables[table.name][1] not in sequences)


def _shape(table: Table, names: Names, decided: Mapping[ColumnId, Decision], profile: Profile) -> Shape:
    schema, name = names.tables[table.name]
    columns = names.columns[table.name]
    types = {column: decided[table.name, column].choice.rule.type for column in columns}
    return Shape(table, schema, name, columns, types, profile.tables[table.name])


def _tables(
    shapes: Mapping[str, Shape],
    decided: Mapping[ColumnId, Decision],
    overrides: Overrides,
    *,
    names: Names,
    translator: Translator,
    searches: Mapping[str, tuple[TargetSearch, ...]],
    added: Mapping[str, tuple[TargetIndex, ...]],
    found: Found,
) -> tuple[TablePlan, ...]:
    columns = {name: _columns(shape, decided, translator, found) for name, shape in shapes.items()}
    planned_keys: dict[str, Keys] = {}
    planned_indexes: dict[str, Indexes] = {}
    for name, shape in shapes.items():
        planned_keys[name] = keys(shape, names, found)
        planned_indexes[name] = indexes(shape, overrides.table(name), translator, names, found)
    unique = {name: planned_keys[name].sources | planned_indexes[name].keys for name in shapes}
    result: list[TablePlan] = []
    for name, shape in shapes.items():
        target = TargetTable(
            shape.schema,
            shape.name,
            tuple(column.target for column in columns[name]),
            planned_keys[name].primary,
            planned_keys[name].uniques,
            foreign_keys(shape, shapes, unique, names, found),
            checks(shape, translator, names, found),
            planned_indexes[name].indexes + added[name],
            searches.get(name, ()),
        )
        found.problems += size_problems(shape)
        result.append(TablePlan(shape.table, target, columns[name], shape.profile, names.quarantines[name]))
    return tuple(result)


def _columns(
    shape: Shape, decided: Mapping[ColumnId, Decision], translator: Translator, found: Found
) -> tuple[ColumnPlan, ...]:
    result: list[ColumnPlan] = []
    for column in shape.table.columns:
        if column.name not in shape.columns:
            found.left_out("column", column.name, shape.table.name, "excluded")
            continue
        decision = decided[shape.table.name, column.name]
        facts = shape.profile.columns.get(column.name, ColumnFacts())
        found.problems += decision.choice.problems
        target = _target(shape, column, decision, translator, found)
        result.append(
            ColumnPlan(
                column,
                target,
                decision.choice.rule,
                classes_of(facts),
                decision.choice.reason,
                decision.choice.evidence,
                decision.on_misfit,
            )
        )
    return tuple(result)


def _target(shape: Shape, column: Column, decision: Decision, translator: Translator, found: Found) -> TargetColumn:
    rule = decision.choice.rule
    expression = generated(shape, column, translator, found)
    is_rowid = column.name == shape.table.rowid_column
    return TargetColumn(
        shape.columns[column.name],
        rule.type,
        not_null=is_rowid or (column.not_null and not _may_be_null(shape, column, decision, found)),
        default=default(shape, column, translator, found),
        identity=is_rowid and rule.type.base in _IDENTITIES,
        generated=expression,
    )


def _may_be_null(shape: Shape, column: Column, decision: Decision, found: Found) -> bool:
    """Whether NOT NULL has to be dropped, because of NULLs in the source or of values that become NULL."""
    facts = shape.profile.columns.get(column.name, ColumnFacts())
    where = f"{shape.table.name}.{column.name}"
    if facts.nulls:
        values = counted(facts.nulls, ("value is", "values are"))
        message = f"It is declared NOT NULL, but {values} NULL: the constraint is left out."
        found.problems.append(Problem("warning", where, message, facts.null_examples, facts.nulls))
    elif decision.on_misfit == "null" and misfits(decision.choice.rule, facts, trusted=True):
        message = "It is declared NOT NULL, but values that do not fit become NULL: the constraint is left out."
        found.problems.append(Problem("warning", where, message))
    else:
        return False
    found.left_out("not null", shape.columns[column.name], shape.table.name, "its column holds NULL")
    return True
