"""The events of Trace Event JSON, and what stands beside them: numbers, with units in their names.

Times are whole nanoseconds here, so that what lies in something else does so in the file, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

from vmprof.report.columnwise import Block, numbers, rows_of
from vmprof.values import SAMPLES_SUFFIX, Count, Duration, Metric, Percent, Ratio, Samples

Event = dict[str, Any]

PROCESS = 1
_RATE = "per us"
_REPEATS = f"Duration (us){SAMPLES_SUFFIX}"
_NAMES_OF_SLICES = ("Name", "Device", "Count")  # the slice itself says it
_SIGNIFICANT = 6  # digits of shares and quotients


def nanoseconds(microseconds: float) -> int:
    return round(microseconds * 1e3)


def named(what: str, name: str, thread: int) -> Event:
    """``process_name`` or ``thread_name``."""
    return {"ph": "M", "name": what, "pid": PROCESS, "tid": thread, "args": {"name": name}}


def placed(thread: int, place: int) -> Event:
    """The place of a thread among the others."""
    name = "thread_sort_index"
    return {"ph": "M", "name": name, "pid": PROCESS, "tid": thread, "args": {"sort_index": place}}


def sliced(
    name: str,
    category: str,
    thread: int,
    times: tuple[int, int],
    arguments: Mapping[str, Any] | None = None,
) -> Event:
    """From begin to end, both ``times`` in nanoseconds, on the track of ``thread``."""
    begin, end = times
    event: Event = {
        "ph": "X",
        "name": name,
        "cat": category,
        "pid": PROCESS,
        "tid": thread,
        "ts": begin / 1e3,
        "dur": (end - begin) / 1e3,
    }
    if arguments:
        event["args"] = arguments
    return event


def rate(counter: str, thread: int, times: tuple[int, int], per_us: float) -> list[Event]:
    """A track of ``counter``: that many per microsecond from begin to end, 0 before and after.

    What is 0 all the time needs no events. Perfetto puts the name of the value behind that of
    the counter, and takes those of one name in one process for one track.
    """
    if not per_us:
        return []
    event = {"ph": "C", "name": counter, "pid": PROCESS, "tid": thread}
    begin, end = times
    return [
        {**event, "ts": begin / 1e3, "args": {_RATE: per_us}},
        {**event, "ts": end / 1e3, "args": {_RATE: 0}},
    ]


def flow(event: Event, number: int, direction: str) -> None:
    """Make ``event``, a slice, an end of flow ``number``: ``out`` of it, or ``in``."""
    event["bind_id"] = f"{number:#x}"
    event[f"flow_{direction}"] = True


def in_order(slices: Iterable[Event], rates: Iterable[Event]) -> list[Event]:
    """By time. A slice comes before those inside it; of equal ones the one that came first."""
    outer_first = sorted(slices, key=lambda event: (event["ts"], -event["dur"]))
    # Of the end of one call and the begin of the next, the end comes first.
    rates = sorted(rates, key=lambda event: event["args"][_RATE] != 0)
    return sorted(chain(outer_first, rates), key=itemgetter("ts"))


def arguments_of(row: Mapping[str, Metric]) -> dict[str, Any]:
    """What stands beside a slice: the cells of ``row`` as numbers and text."""
    (found,) = arguments(Block([0], {name: [cell] for name, cell in row.items()}))
    return found


def arguments(block: Block[Metric]) -> list[dict[str, Any]]:
    """The same of each row of ``block``."""
    columns: dict[str, Sequence[Any]] = {}
    for name, cells in block.columns.items():
        if name == _REPEATS:
            columns["Duration of the repeats (us)"] = [*map(_repeats, cells)]
        elif name not in _NAMES_OF_SLICES:
            kinds = set(map(type, cells))
            if kinds == {Count}:
                columns[name] = numbers(cells)
            elif kinds == {Percent}:
                columns[_with_percent(name)] = [*map(_plain, cells)]
            elif kinds != {Samples}:
                columns[name] = [*map(_plain, cells)]
    return rows_of([Block(range(len(block.places)), columns)])


def _plain(metric: Metric) -> int | float | str | None:
    match metric:
        case Count(value):
            return value
        case Duration(value) if math.isfinite(value):
            return round(value, 3)
        case Percent(value) | Ratio(value) if math.isfinite(value):
            return float(f"{value:.{_SIGNIFICANT}g}")
        case str() if metric:
            return metric
    return None


def _repeats(metric: Metric) -> list[float] | None:
    if not isinstance(metric, Samples):
        return None
    return [round(value, 3) for value in metric.values if math.isfinite(value)]


@lru_cache
def _with_percent(name: str) -> str:
    return name if "%" in name else f"{name} (%)"
