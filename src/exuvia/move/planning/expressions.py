"""Defaults, checks and generated columns of a table in the target."""

from __future__ import annotations

from exuvia.catalog.model import Column
from exuvia.catalog.target import TargetCheck
from exuvia.move.plan import Fate, ObjectPlan, Problem
from exuvia.move.planning.constraints import Found, Shape
from exuvia.move.planning.naming import Names
from exuvia.move.planning.translating import Translator


def default(shape: Shape, column: Column, translator: Translator, found: Found) -> str | None:
    """Return a column's default as PostgreSQL's expression, None where it has none or it cannot be told."""
    if column.default is None or column.default.strip().upper() == "NULL":
        return None
    name = shape.columns[column.name]
    answer = translator.default(shape, column)
    if answer.sql is None:
        found.left_out("default", name, shape.table.name, answer.reason, column.default)
        message = f"Its default {column.default} is left out: {answer.reason}."
        found.problems.append(Problem("warning", f"{shape.table.name}.{column.name}", message))
        return None
    fate = Fate.MOVED if answer.sql == column.default else Fate.TRANSLATED
    found.objects.append(ObjectPlan("default", name, shape.table.name, fate, f"is {answer.sql}", column.default))
    return answer.sql


def generated(shape: Shape, column: Column, translator: Translator, found: Found) -> str | None:
    """Return a generated column's expression; None where it is no generated column, or becomes a plain one."""
    if column.generated is None:
        return None
    name, source = shape.columns[column.name], column.generated.expression
    answer = translator.generated(source, shape.table.name, column.name)
    if answer.sql is None:
        reason = f"it becomes a plain column with the values it has now: {answer.reason}"
        found.objects.append(ObjectPlan("generated column", name, shape.table.name, Fate.REPLACED, reason, source))
        message = f"Its expression cannot be translated: {reason}."
        found.problems.append(Problem("warning", f"{shape.table.name}.{column.name}", message))
        return None
    reason = f"is {answer.sql}" if column.generated.stored else f"is {answer.sql}, and stored"
    found.objects.append(ObjectPlan("generated column", name, shape.table.name, Fate.TRANSLATED, reason, source))
    return answer.sql


def checks(shape: Shape, translator: Translator, names: Names, found: Found) -> tuple[TargetCheck, ...]:
    """Return a table's CHECK constraints; those that cannot be translated exactly are left out with the reason."""
    result: list[TargetCheck] = []
    used: set[str] = set()
    for check in shape.table.checks:
        wanted = names.legal(check.name) if check.name else names.legal(f"{shape.name}_check")
        name, number = wanted, 1
        while name in used:
            name, number = names.legal(f"{wanted}{number}"), number + 1
        used.add(name)
        answer = translator.condition(check.expression, shape.table.name)
        if answer.sql is None:
            found.left_out("check", name, shape.table.name, answer.reason, check.expression)
            message = f"The check {check.expression} is left out: {answer.reason}."
            found.problems.append(Problem("warning", f"{shape.table.name}.{name}", message))
            continue
        result.append(TargetCheck(name, answer.sql))
        fate = Fate.MOVED if answer.sql == check.expression else Fate.TRANSLATED
        found.objects.append(ObjectPlan("check", name, shape.table.name, fate, f"is {answer.sql}", check.expression))
    return tuple(result)
