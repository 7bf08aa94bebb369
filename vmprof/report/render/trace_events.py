"""The events of Trace Event JSON, and what stands beside them: numbers, with units in their names.

Times are whole nanoseconds here, so that what lies in something else does so in the file, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

from vmprof.report.columnwise import Block, number, numbers, rows_of, texts
from vmprof.values import SAMPLES_SUFFIX, Count, Duration, Metric, Percent, Ratio, Samples

Event = dict[str, Any]

PROCESS = 1
_REPEATS = f"Duration (us){SAMPLES_SUFFIX}"
_NAMES_OF_SLICES = ("Name", "Device", "Count")  # the slice itself says it
# Digits behind the point: nanoseconds, and of shares and quotients what anybody reads.
_DIGITS: Mapping[type, int] = {Duration: 3, Percent: 4, Ratio: 6}


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


class Rates:
    """Tracks of counters: how many per microsecond, while something lasts, and 0 before and after.

    Perfetto puts the name of the value behind that of the counter, and takes those of one name
    in one process for one track.
    """

    def __init__(self) -> None:
        self._begins: list[Event] = []
        self._ends: list[Event] = []

    def add(self, counter: str, thread: int, times: tuple[int, int], per_us: float) -> None:
        """What is 0 all the time needs no events."""
        if per_us:
            begin, end = times
            self._begins.append(_counted(counter, thread, begin, per_us))
            self._ends.append(_counted(counter, thread, end, 0))

    def events(self) -> Iterator[Event]:
        """Of the end of one and the begin of another, the end comes first."""
        return chain(self._ends, self._begins)


def _counted(counter: str, thread: int, time: int, per_us: float) -> Event:
    return {
        "ph": "C",
        "name": counter,
        "pid": PROCESS,
        "tid": thread,
        "ts": time / 1e3,
        "args": {"per us": per_us},
    }


def flow(event: Event, number: int, direction: str) -> None:
    """Make ``event``, a slice, an end of flow ``number``: ``out`` of it, or ``in``."""
    event["bind_id"] = f"{number:#x}"
    event[f"flow_{direction}"] = True


def in_order(slices: Iterable[Event], rates: Rates) -> list[Event]:
    """By time. A slice comes before those inside it; of equal ones the one that came first."""
    by_time = itemgetter("ts")
    # Sorting keeps what is equal in order, and is quick with what is in order already.
    outer_first = sorted(sorted(slices, key=itemgetter("dur"), reverse=True), key=by_time)
    return sorted(chain(outer_first, rates.events()), key=by_time)


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
            plain = _plain_column(cells)
            if plain is not None:
                columns[_with_percent(name) if Percent in {*map(type, cells)} else name] = plain
    return rows_of([Block(range(len(block.places)), columns)])


def _plain_column(cells: Sequence[Metric]) -> Sequence[Any] | None:
    """``cells`` as numbers and text; None if they are neither."""
    kinds = set(map(type, cells))
    if kinds == {Samples}:
        return None
    if kinds == {Count}:
        return numbers(cells)
    if kinds <= _DIGITS.keys() and len(kinds) == 1:
        found = [each for each in numbers(cells) if each is not None]
        digits = _DIGITS[kinds.pop()]
        if all(map(math.isfinite, found)):
            return [round(each, digits) for each in found]
    return texts(cells, _plain)


def _plain(metric: Metric) -> int | float | str | None:
    if isinstance(metric, str):
        return metric or None
    value = number(metric)
    if value is None or not math.isfinite(value):
        return None
    digits = _DIGITS.get(type(metric))
    return value if digits is None else round(value, digits)


def _repeats(metric: Metric) -> list[float] | None:
    if not isinstance(metric, Samples):
        return None
    return [round(value, 3) for value in metric.values if math.isfinite(value)]


@lru_cache
def _with_percent(name: str) -> str:
    return name if "%" in name else f"{name} (%)"
