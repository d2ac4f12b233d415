"""The fate of everything that is not an ordinary table: views, triggers, virtual tables and what cannot be read."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from exuvia.catalog.model import Catalog, Trigger, View, VirtualTable
from exuvia.catalog.names import fold
from exuvia.engines.postgres.translate import Translation
from exuvia.engines.sqlite.fulltext import is_full_text
from exuvia.engines.sqlite.vec0 import is_vec0
from exuvia.move.plan import Fate, ObjectPlan, Problem
from exuvia.move.planning.constraints import Found
from exuvia.move.planning.feeding import without_feeding
from exuvia.move.planning.naming import Names
from exuvia.move.planning.overrides import EXCLUDED, Overrides
from exuvia.move.planning.search import Searches
from exuvia.move.planning.translating import Translator
from exuvia.values.profile import Profile

_WORD = re.compile(r"\w+")
_TOLD = "The foreign key of "  # the planner tells of each foreign key that it leaves out


def views(catalog: Catalog, overrides: Overrides, translator: Translator, names: Names, found: Found) -> Translator:
    """Plan the views, each after those that it reads, and return a translator that knows them."""
    wanted: list[View] = []
    for view in catalog.views:
        said = overrides.views.get(view.name)
        if said is not None and said.exclude:
            found.left_out("view", view.name, "", EXCLUDED, view.sql)
        else:
            wanted.append(view)
    translations, translator = translator.views(wanted)
    by_name = {view.name: view for view in wanted}
    for name, translation in translations.items():
        _statement(by_name[name], translation, found, (names.schema, names.views[name]))
    return translator


def triggers(
    catalog: Catalog, overrides: Overrides, moved: Collection[str], translator: Translator, searches: Searches
) -> Found:
    """Plan the triggers of tables and views that are moved, and return their fates.

    What they write to a full-text table over another table's text is left to what replaces it.
    """
    readable = {fold(name) for name in moved} | {fold(view.name) for view in catalog.views}
    virtual = {fold(table.name): table for table in catalog.virtual_tables if fold(table.name) not in readable}
    found = Found()
    for trigger in catalog.triggers:
        said = overrides.triggers.get(trigger.name)
        fed, rest = without_feeding(trigger.sql, searches.fed)
        used = next((virtual[word] for word in map(fold, _WORD.findall(rest)) if word in virtual), None)
        if said is not None and said.exclude:
            found.left_out("trigger", trigger.name, trigger.table, EXCLUDED, trigger.sql)
        elif fed and not rest:
            keepers = ", ".join(sorted({searches.fed[name] for name in fed}))
            reason = f"it only kept {', '.join(sorted(fed))} up to date; PostgreSQL itself does that for {keepers}"
            found.objects.append(ObjectPlan("trigger", trigger.name, trigger.table, Fate.REPLACED, reason, trigger.sql))
        elif used is not None:
            what = "the full-text index" if is_full_text(used) else f"the {used.module} table"
            reason = f"it keeps {what} {used.name} up to date, which is not moved"
            found.left_out("trigger", trigger.name, trigger.table, reason, trigger.sql)
        elif fold(trigger.table) not in readable:
            found.left_out("trigger", trigger.name, trigger.table, f"{trigger.table} is not moved", trigger.sql)
        else:
            _statement(trigger, translator.trigger(replace(trigger, sql=rest)), found)
    return found


def _statement(item: View | Trigger, answer: Translation, found: Found, target: tuple[str, str] | None = None) -> None:
    kind, table = ("trigger", item.table) if isinstance(item, Trigger) else ("view", "")
    if answer.sql is None:
        found.left_out(kind, item.name, table, answer.reason, item.sql)
        found.problems.append(Problem("warning", item.name, f"The {kind} is left out: {answer.reason}."))
        return
    reason = answer.reason or "translated to PostgreSQL"
    found.objects.append(ObjectPlan(kind, item.name, table, Fate.TRANSLATED, reason, item.sql, answer.sql, target))


def others(catalog: Catalog, profile: Profile, excluded: Collection[str], found: Found) -> None:
    """Plan virtual tables with their shadow tables, excluded tables, and what cannot be read."""
    for table in catalog.virtual_tables:
        if not is_full_text(table) and not is_vec0(table):
            _virtual(table, found)
    virtual = {table.name for table in catalog.virtual_tables}
    for name in excluded:
        if name in virtual:
            continue
        sql = next((table.sql for table in catalog.tables if table.name == name), "")
        found.left_out("table", name, "", EXCLUDED, sql)
    for item in catalog.unreadable:
        found.left_out(item.kind, item.name, "", item.reason, item.sql)
        found.problems.append(Problem("warning", item.name, f"The {item.kind} cannot be read: {item.reason}."))
    for name, reason in profile.unreadable.items():
        if name not in excluded:
            sql = next((table.sql for table in catalog.tables if table.name == name), "")
            found.left_out("table", name, "", f"its rows cannot be read: {reason}", sql)
            found.problems.append(
                Problem("warning", name, f"The table is left out: its rows cannot be read: {reason}.")
            )
    for note in catalog.notes:
        if note.startswith(_TOLD):
            continue
        found.problems.append(Problem("note", catalog.label, note))


def _virtual(table: VirtualTable, found: Found) -> None:
    reason = f"a virtual table of the module {table.module}, which PostgreSQL does not have: its rows are not copied"
    found.left_out("virtual table", table.name, "", reason, table.sql)
    found.problems.append(Problem("warning", table.name, f"It is {reason}."))
    for shadow in table.shadows:
        found.left_out("shadow table", shadow, table.name, f"belongs to the virtual table {table.name}")
