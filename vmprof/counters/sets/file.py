"""The file of a counter set: TOML, checked; every complaint names the file, the line, the key.

    description = "What the numbers mean, and which processors they hold for."
    events = "{cycles,instructions}"

    [metrics]
    "IPC" = "instructions / cycles"
    "Stalled (%)" = { formula = "stalled / cycles", kind = "percent" }

In place of ``events`` and ``[metrics]``, ``[[variant]]`` tables, each with its
own, and with ``processors`` (in words) and ``when`` (a condition): the first
one whose condition holds is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, get_args

from vmprof.expression import Condition, Formula
from vmprof.toml_file import Place, TomlFile, TomlTable
from vmprof.values import LEADING_COLUMNS, SAMPLES_SUFFIX, Kind


@dataclass(frozen=True)
class Definition:
    """A metric as the file defines it."""

    formula: Formula
    kind: Kind


@dataclass(frozen=True)
class Variant:
    """What to count on some processors; ``place`` is None where the file has no variants."""

    place: Place | None
    processors: str
    when: Condition | None
    events: str
    metrics: Mapping[str, Definition]


@dataclass(frozen=True)
class SetFile:
    """A counter set as its file has it."""

    file: TomlFile
    description: str
    variants: tuple[Variant, ...]
    fallback: str | None

    @classmethod
    def read(cls, path: Path) -> SetFile:
        """Read and check ``path``; :class:`VmprofError` says what is wrong and where."""
        file = TomlFile.read(path, "counter set")
        document = file.top()
        description = document.take("description", str)
        fallback = document.take("fallback", str, "")
        variants = [_read_variant(table) for table in document.tables("variant")]
        if not variants:
            variants = [_read_counters(document, "", None)]
        document.no_more()
        return cls(file, description.strip(), tuple(variants), fallback or None)

    @property
    def name(self) -> str:
        return self.file.path.stem

    def complain(self, variant: Variant, key: str, error: Exception) -> NoReturn:
        """Raise ``error`` as one about ``key`` of ``variant``."""
        self.file.fail(key, str(error), variant.place)


def _read_variant(table: TomlTable) -> Variant:
    processors = table.take("processors", str)
    when = table.take("when", str, "")
    condition = table.made("when", Condition, when) if when else None
    variant = _read_counters(table, processors, condition)
    table.no_more()
    return variant


def _read_counters(table: TomlTable, processors: str, when: Condition | None) -> Variant:
    events = table.take("events", str)
    metrics = {
        column: _read_metric(table, column, entry)
        for column, entry in table.take("metrics", dict, {}).items()
    }
    return Variant(table.place, processors, when, events, metrics)


def _read_metric(table: TomlTable, column: str, entry: Any) -> Definition:
    if column in LEADING_COLUMNS:
        table.fail(column, "the report has a column of that name already")
    if not column.strip() or column.endswith(SAMPLES_SUFFIX):
        table.fail(column, "a column cannot have that name")
    if isinstance(entry, str):
        entry = {"formula": entry}
    if not isinstance(entry, dict):
        table.fail(column, "it has to be a formula, or { formula = ..., kind = ... }")
    inner = table.inner(column, entry)
    formula = inner.take("formula", str)
    kind: Any = inner.take("kind", str, "ratio")
    if kind not in get_args(Kind):
        inner.fail(column, f"there is no kind {kind!r}; there are: {', '.join(get_args(Kind))}")
    inner.no_more()
    return Definition(inner.made(column, Formula, formula), kind)
