"""Facts of columns, counted from a handful of values, and plans of small SQLite files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw

from exuvia.catalog.model import Catalog
from exuvia.engines.sqlite.inspect import inspect
from exuvia.engines.sqlite.profile import profile
from exuvia.engines.sqlite.snapshot import Snapshot
from exuvia.move.plan import Plan
from exuvia.move.planfile import load
from exuvia.move.planner import PlanOptions, build
from exuvia.values.facts import (
    BlobFacts,
    ColumnFacts,
    Example,
    FormFacts,
    IntegerFacts,
    RealFacts,
    TextFacts,
    TextForm,
)
from exuvia.values.profile import Profile

Value = int | float | str | bytes | None

_FROM, _TO = 631_152_000, 4_102_444_800


def facts(
    values: Iterable[Value], forms: dict[str, TextForm] | None = None, *, json_safe: int | None = None
) -> ColumnFacts:
    """Return the facts of ``values``; ``forms`` names the form of each text (OTHER, or EMPTY, where it does not)."""
    rows = list(values)
    integers = [(n, v) for n, v in enumerate(rows) if isinstance(v, int)]
    reals = [(n, v) for n, v in enumerate(rows) if isinstance(v, float)]
    texts = [(n, v) for n, v in enumerate(rows) if isinstance(v, str)]
    blobs = [(n, v) for n, v in enumerate(rows) if isinstance(v, bytes)]
    return ColumnFacts(
        len(rows),
        sum(value is None for value in rows),
        _integers(integers) if integers else None,
        _reals(reals) if reals else None,
        _texts(texts, forms or {}, json_safe) if texts else None,
        _blobs(blobs) if blobs else None,
    )


def _examples(values: list[tuple[int, object]]) -> tuple[Example, ...]:
    return tuple(Example(position, str(value), f"rowid={position + 1}") for position, value in values[:3])


def _within(values: list[int], unit: int) -> int:
    return sum(_FROM * unit <= value < _TO * unit for value in values)


def _integers(values: list[tuple[int, int]]) -> IntegerFacts:
    plain = [value for _, value in values]
    seconds, milliseconds, microseconds = (_within(plain, unit) for unit in (1, 10**3, 10**6))
    return IntegerFacts(
        len(plain),
        min(plain),
        max(plain),
        sum(value in (0, 1) for value in plain),
        seconds,
        milliseconds,
        microseconds,
        _examples([*values]),
    )


def _reals(values: list[tuple[int, float]]) -> RealFacts:
    plain = [value for _, value in values]
    decimals = [Decimal(repr(value)) for value in plain]
    scales = [max(0, -int(d.normalize().as_tuple().exponent)) for d in decimals if d.is_finite()]
    short = all(len(d.as_tuple().digits) <= 15 and "e" not in repr(float(d)) for d in decimals)
    before = max((len(str(int(abs(d)))) for d in decimals if d.is_finite()), default=0)
    infinite = sum(not d.is_finite() for d in decimals)
    return RealFacts(
        len(plain),
        min(plain),
        max(plain),
        sum(value.is_integer() for value in plain),
        infinite,
        max(scales, default=0) if short else None,
        before,
        sum(_FROM <= v < _TO for v in plain),
        sum(_FROM * 1000 <= v < _TO * 1000 for v in plain),
        sum(2_447_892 <= v <= 2_488_070 for v in plain),
        _examples([*values]),
    )


def _texts(values: list[tuple[int, str]], forms: dict[str, TextForm], json_safe: int | None) -> TextFacts:
    by_form: dict[TextForm, list[tuple[int, object]]] = {}
    for position, value in values:
        form = forms.get(value, TextForm.OTHER if value else TextForm.EMPTY)
        by_form.setdefault(form, []).append((position, value))
    json = (TextForm.JSON_OBJECT, TextForm.JSON_ARRAY, TextForm.JSON_SCALAR)
    lengths = [len(value) for _, value in values]
    numbers = [v.lstrip("+-").partition(".") for _, v in values if forms.get(v) in (TextForm.INTEGER, TextForm.DECIMAL)]
    return TextFacts(
        len(values),
        min(lengths),
        max(lengths),
        max(len(value.encode("utf-8", "surrogatepass")) for _, value in values),
        {form: FormFacts(len(found), _examples(found)) for form, found in by_form.items()},
        sum(len(by_form.get(form, ())) for form in json) if json_safe is None else json_safe,
        max((len(after) for _, _, after in numbers), default=0),
        max((len(before) for before, _, _ in numbers), default=0),
        sum(forms.get(v) is TextForm.INTEGER and str(int(v)) == v for _, v in values),
    )


def _blobs(values: list[tuple[int, bytes]]) -> BlobFacts:
    plain = [value for _, value in values]
    lengths = [len(value) for value in plain]
    return BlobFacts(
        len(plain),
        min(lengths),
        max(lengths),
        sum(_is_text(value) for value in plain),
        sum(len(value) % 4 == 0 and not _is_text(value) for value in plain),
        _examples([(n, v.hex()) for n, v in values]),
    )


def _is_text(value: bytes) -> bool:
    try:
        return "\0" not in value.decode()
    except UnicodeDecodeError:
        return False


@dataclass(frozen=True, slots=True)
class Looked:
    """A real SQLite file, inspected and profiled."""

    catalog: Catalog
    profile: Profile

    def plan(self, text: str = "", **options: Any) -> Plan:
        """Return its plan, with the overrides of a plan file's text."""
        overrides = load(text) if text else None
        return build(self.catalog, self.profile, PlanOptions(**options, overrides=overrides))


def look(path: Path, sql: str = "") -> Looked:
    """Inspect and profile a file, made by ``sql`` when there is some."""
    if sql:
        connection = apsw.Connection(str(path))
        connection.execute(sql)
        connection.close()
    with Snapshot.open(path, readers=1) as snapshot:
        catalog = inspect(snapshot.connection, path.name)
        return Looked(catalog, profile(snapshot, catalog, jobs=1))
