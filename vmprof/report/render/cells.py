"""The cells of rows as TVM's JSON has them, both ways: an object with one key, their kind.

Whole columns are encoded and decoded at once where their cells are usual ones of one kind,
as nearly all are; cell by cell where not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any

from vmprof import json_text
from vmprof.errors import VmprofError
from vmprof.report.columnwise import Block, blocks, numbers, rows_of
from vmprof.values import (
    PER_START_SUFFIX,
    PER_THREAD_SUFFIX,
    SAMPLES_SUFFIX,
    TASKS,
    WINDOW,
    Count,
    Duration,
    Metric,
    Percent,
    Ratio,
    Row,
    Samples,
)

# By row, by column: the kinds of cells that would be read as another one without it.
Kinds = dict[str, Any]

# Larger numbers are damage; of these sums, products and floats can be made.
_MOST_COUNT = 10**100

_KINDS_OF: Mapping[type, str] = {
    Count: "count",
    Duration: "microseconds",
    Percent: "percent",
    Ratio: "ratio",
    Samples: "samples",
    str: "string",
}
_OF_FLOATS: Mapping[str, Callable[[float], Metric]] = {
    "microseconds": Duration,
    "percent": Percent,
    "ratio": Ratio,
}


def kind_of(metric: Metric) -> str:
    """What ``metric`` is, in a word or two: ``count``, ``lone ratio``."""
    kind = _KINDS_OF[type(metric)]
    return f"lone {kind}" if isinstance(metric, Percent | Ratio) and metric.is_lone else kind


def kinds_of(cells: Sequence[Metric]) -> Sequence[str]:
    """The same of each of the cells of a column."""
    if set(map(type, cells)) in ({Count}, {Duration}, {Samples}, {str}):
        return [kind_of(cells[0])] * len(cells)
    return [*map(kind_of, cells)]


def of_kind(kind: str, content: str | float) -> Metric:
    """The metric of ``kind``, as :func:`kind_of` calls it; :class:`ValueError` if it is none."""
    match kind:
        case "string":
            return str(content)
        case "samples":
            return Samples(tuple(map(float, str(content).split())))
        case "count":
            number = int(content)
            if abs(number) > _MOST_COUNT:
                raise ValueError("no machine counts that far")
            return Count(number)
        case "microseconds":
            return Duration(float(content))
        case "percent" | "lone percent":
            return Percent(float(content), is_lone=kind != "percent")
        case "ratio" | "lone ratio":
            return Ratio(float(content), is_lone=kind != "ratio")
    raise ValueError(f"there is no kind {kind[:20]!r}")


def encode_rows(rows: Sequence[Row]) -> tuple[list[dict[str, Any]], dict[int, dict[str, str]]]:
    """``rows`` as TVM's JSON has them; and by row and column the kinds of unusual cells.

    Those would be read as another kind by whoever is not told.
    """
    kinds: dict[int, dict[str, str]] = {}
    encoded: list[Block[dict[str, Any]]] = []
    for block in blocks(rows):
        columns: dict[str, list[dict[str, Any]]] = {}
        for name, cells in block.columns.items():
            if _are_usual(name, cells):
                columns[name] = _encode_usual(cells)
                continue
            columns[name] = [_encode(metric) for metric in cells]
            for place, metric in zip(block.places, cells, strict=True):
                if not _are_usual(name, [metric]):
                    kinds.setdefault(place, {})[name] = kind_of(metric)
        encoded.append(Block(block.places, columns))
    return rows_of(encoded), kinds


def encode_row(row: Row) -> dict[str, Any]:
    """One row, of whose kinds nothing has to be said."""
    return {name: _encode(metric) for name, metric in row.items()}


def decode_rows(rows: Sequence[Any], kinds: Kinds, where: str) -> Sequence[Row]:
    """What :func:`encode_rows` gave, whose unusual ``kinds`` are by the numbers of the rows.

    Raises :class:`VmprofError` for anything else, which messages call ``where``.
    """
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise VmprofError(f"not a report: {where}[{number}] is no object")
    unusual = {name for number in kinds for name in kinds_in(kinds, number)}

    decoded: list[Block[Metric]] = []
    for block in blocks(rows):
        columns: dict[str, Sequence[Metric]] = {}
        for name, cells in block.columns.items():
            usual = None if name in unusual else _decode_usual(name, cells)
            columns[name] = usual or [
                _decode(name, cell, kinds_in(kinds, f"{place}").get(name), f"{where}[{place}]")
                for place, cell in zip(block.places, cells, strict=True)
            ]
        decoded.append(Block(block.places, columns))
    return rows_of(decoded)


def decode_row(row: Any, kinds: Kinds, where: str) -> Row:
    """One row, or a configuration; see :func:`decode_rows`."""
    if not isinstance(row, dict):
        raise VmprofError(f"not a report: {where} is no object")
    return {name: _decode(name, value, kinds.get(name), where) for name, value in row.items()}


def kinds_in(kinds: Kinds, name: str) -> Kinds:
    """What they say of the part, or of the row, of this name."""
    found = kinds.get(name)
    return found if isinstance(found, dict) else {}


@lru_cache(maxsize=1024)
def _holds_samples(name: str) -> bool:
    suffixes = (SAMPLES_SUFFIX, PER_THREAD_SUFFIX, PER_START_SUFFIX)
    return name.endswith(suffixes) or name in (WINDOW, TASKS)


def _are_usual(name: str, cells: Sequence[Metric]) -> bool:
    """Whether all are of one kind, and what :func:`_encode` makes of them is read as that."""
    kinds = set(map(type, cells))
    if kinds <= {Count}:
        return True
    if kinds in ({str}, {Samples}):
        return _holds_samples(name) == (kinds == {Samples})
    if kinds in ({Duration}, {Percent}, {Ratio}):
        if kinds != {Duration} and any(map(attrgetter("is_lone"), cells)):
            return False
        return all(number is not None and math.isfinite(number) for number in numbers(cells))
    return False


def _encode_usual(cells: Sequence[Metric]) -> list[dict[str, Any]]:
    kind = _KINDS_OF[type(cells[0])]
    if kind == "samples":
        return [{"string": text} for text in _samples_texts(cells)]
    if kind == "string":
        return [{"string": text} for text in cells]
    return [{kind: number} for number in numbers(cells)]


def _encode(metric: Metric) -> dict[str, Any]:
    match metric:
        case Count(value):
            return {"count": value}
        case Duration(number) | Percent(number) | Ratio(number):
            if math.isfinite(number):
                return {_KINDS_OF[type(metric)]: number}
            return {"string": str(float(number))}
        case Samples(values):
            return {"string": " ".join(map(repr, values))}
        case str():
            return {"string": metric}


def _decode_usual(name: str, values: Sequence[Any]) -> Sequence[Metric] | None:
    """A column of usual cells of one kind; None if that is not what it is."""
    try:
        (kind,) = values[0]
        contents = [*map(itemgetter(kind), values)]
    except (KeyError, TypeError, ValueError):
        return None
    if sum(map(len, values)) > len(values):
        return None
    types = set(map(type, contents))
    if kind == "string" and types == {str}:
        if _holds_samples(name):
            return _samples(contents)
        known: dict[str, str] = {}
        return [*map(known.setdefault, contents, contents)]
    if kind == "count" and types == {int}:
        return [*map(Count, contents)] if max(map(abs, contents)) <= _MOST_COUNT else None
    if kind in _OF_FLOATS and types == {float}:
        return [*map(_OF_FLOATS[kind], contents)]
    return None


def _decode(name: str, value: Any, kind: Any, row: str) -> Metric:
    """``kind`` is what ``"Kinds"`` says of it, if anything; ``row`` is where it stands."""
    where = f"{row}[{name[:60]!r}]"
    if kind is not None and not isinstance(kind, str):
        raise VmprofError(f"not a report: {where} has a kind that is none: {_shorten(kind)}")
    # Until 0.8 TVM wrote strings bare.
    match {"string": value} if isinstance(value, str) else value:
        case {"string": str(content)}:
            kind = kind or ("samples" if _holds_samples(name) else "string")
        case {"count": int(content)} if not isinstance(content, bool):
            kind = "count"
        case {"microseconds": int(content) | float(content)}:
            kind = "microseconds"
        case {"percent": int(content) | float(content)}:
            kind = kind or "percent"
        case {"ratio": int(content) | float(content)}:
            kind = kind or "ratio"
        case _:
            raise VmprofError(
                f"not a report: {where} is {_shorten(value)}, no value of TVM's kinds"
            )
    try:
        return of_kind(kind, content)
    except (ValueError, OverflowError) as error:
        what = "a list of numbers" if kind == "samples" else f"a {kind[:20]}"
        raise VmprofError(
            f"not a report: {where} is {_shorten(content)}, which is not {what}: {error}"
        ) from error


def _samples_texts(cells: Sequence[Metric]) -> list[str]:
    """What :func:`_encode` makes of each of these Samples, of all of them at once."""
    values = [cell.values for cell in cells if isinstance(cell, Samples)]
    text = json_text.dumps(values, compact=True)
    if "null" in text:  # of what is not finite
        return [" ".join(map(repr, each)) for each in values]
    return text[2:-2].replace(",", " ").split("] [")


def _samples(texts: Sequence[str]) -> list[Metric] | None:
    """The reverse; None if one of ``texts`` may be anything else."""
    text = "],[".join(texts)
    if text.count(",") >= len(texts):
        return None
    found = json_text.rows_of_floats(f"[[{text.replace(' ', ',')}]]")
    return [*map(Samples, found)] if found is not None and len(found) == len(texts) else None


def _shorten(value: Any) -> str:
    try:
        return json.dumps(value)[:80]
    except (RecursionError, ValueError):
        return "too large to show"
