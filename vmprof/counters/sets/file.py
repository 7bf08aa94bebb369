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

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, get_args

from vmprof.errors import VmprofError
from vmprof.expression import Condition, Formula
from vmprof.values import LEADING_COLUMNS, SAMPLES_SUFFIX, Kind

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_KINDS: Mapping[type[Any], str] = {str: "text", dict: "a table", list: "[[variant]] tables"}


@dataclass(frozen=True)
class Definition:
    """A metric as the file defines it."""

    formula: Formula
    kind: Kind


@dataclass(frozen=True)
class Variant:
    """What to count on some processors; ``number`` is None where the file has no variants."""

    number: int | None
    processors: str
    when: Condition | None
    events: str
    metrics: Mapping[str, Definition]


@dataclass(frozen=True)
class SetFile:
    path: Path
    text: str
    description: str
    variants: tuple[Variant, ...]
    fallback: str | None

    @classmethod
    def read(cls, path: Path) -> SetFile:
        """Read and check ``path``; :class:`VmprofError` says what is wrong and where."""
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise VmprofError(f"{path} is no counter set: it is not UTF-8 text") from error
        except OSError as error:
            raise VmprofError(f"cannot read {path}: {error.strerror}") from error
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise VmprofError(f"{path} is no counter set: {error}") from error
        return _Reader(path, text).read(document)

    def complain(self, variant: Variant, key: str, error: Exception) -> NoReturn:
        """Raise ``error`` as one about ``key`` of ``variant``."""
        raise VmprofError(f"{_locate(self.path, self.text, variant.number, key)}: {error}")


class _Reader:
    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text
        self._variant: int | None = None

    def read(self, document: dict[str, Any]) -> SetFile:
        description = self._take(document, "description", str)
        fallback = self._take(document, "fallback", str, "")
        tables = self._take(document, "variant", list, [])
        if not all(isinstance(table, dict) for table in tables):
            self._fail("variant", "it has to be a table: [[variant]]")
        variants = [self._read_variant(number, table) for number, table in enumerate(tables)]
        if not variants:
            variants = [self._read_counters(document, "", None)]
        self._no_more(document)
        return SetFile(
            self._path, self._text, description.strip(), tuple(variants), fallback or None
        )

    def _read_variant(self, number: int, table: dict[str, Any]) -> Variant:
        self._variant = number
        processors = self._take(table, "processors", str)
        when = self._take(table, "when", str, "")
        condition = self._try("when", Condition, when) if when else None
        variant = self._read_counters(table, processors, condition)
        self._no_more(table)
        self._variant = None
        return variant

    def _read_counters(
        self, table: dict[str, Any], processors: str, when: Condition | None
    ) -> Variant:
        events = self._take(table, "events", str)
        metrics = {
            column: self._read_metric(column, entry)
            for column, entry in self._take(table, "metrics", dict, {}).items()
        }
        return Variant(self._variant, processors, when, events, metrics)

    def _read_metric(self, column: str, entry: Any) -> Definition:
        if column in LEADING_COLUMNS:
            self._fail(column, "the report has a column of that name already")
        if not column.strip() or column.endswith(SAMPLES_SUFFIX):
            self._fail(column, "a column cannot have that name")
        if isinstance(entry, str):
            entry = {"formula": entry}
        if not isinstance(entry, dict):
            self._fail(column, "it has to be a formula, or { formula = ..., kind = ... }")
        formula = self._take(entry, "formula", str, within=column)
        kind = self._take(entry, "kind", str, "ratio", within=column)
        if kind not in get_args(Kind):
            self._fail(column, f"there is no kind {kind!r}; there are: {', '.join(get_args(Kind))}")
        self._no_more(entry, within=column)
        return Definition(self._try(column, Formula, formula), kind)

    def _take(
        self,
        table: dict[str, Any],
        key: str,
        kind: type,
        default: Any = None,
        *,
        within: str | None = None,
    ) -> Any:
        """Take ``key`` out of ``table``; without a default it has to be there."""
        value = table.pop(key, default)
        if value is None:
            self._fail(within or key, f"{key!r} is missing")
        if not isinstance(value, kind):
            self._fail(within or key, f"{key!r} has to be {_KINDS[kind]}")
        return value

    def _no_more(self, table: dict[str, Any], *, within: str | None = None) -> None:
        for key in table:
            self._fail(within or key, f"{key!r} has no meaning here")

    def _try(self, key: str, make: Callable[[str], Any], text: str) -> Any:
        try:
            return make(text)
        except VmprofError as error:
            self._fail(key, str(error))

    def _fail(self, key: str, message: str) -> NoReturn:
        raise VmprofError(f"{_locate(self._path, self._text, self._variant, key)}: {message}")


def _locate(path: Path, text: str, variant: int | None, key: str) -> str:
    """``path:line: key``; without the line where it cannot be told."""
    # Blank what stands inside long strings: it may look like keys.
    text = re.sub(r'(?s)""".*?"""|\'\'\'.*?\'\'\'', lambda m: "\n" * m[0].count("\n"), text)
    lines = text.splitlines()
    first, last = 0, len(lines)
    if variant is not None:
        header = re.compile(r"\s*\[\[\s*variant\s*\]\]")
        headers = [number for number, line in enumerate(lines) if header.match(line)]
        first, last = [*headers, last, last][variant : variant + 2]
    is_key = re.compile(rf"\s*\[*[\"']?{re.escape(key)}[\"']?\s*[=\]]")
    found = [number for number in range(first, last) if is_key.match(lines[number])]
    if variant is not None and first < last:
        found.append(first)  # the key is missing: the line of the variant itself
    return f"{path}:{found[0] + 1}: {key}" if found else f"{path}: {key}"
