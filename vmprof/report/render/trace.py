"""Trace Event JSON, which Perfetto and chrome://tracing open.

One run, that of which the report says when its calls were. Slices of the thread
that ran the model are its calls, with shapes and counts; those of workers are
the tasks that they did of them, where the report has them. Counters are tracks of
their own. Counts are means over other runs than the one whose times are drawn,
so a track shows a rate, the count over the mean duration, for as long as the
call took.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

from vmprof import json_text
from vmprof.errors import VmprofError
from vmprof.report.columnwise import Block, blocks, numbers, rows_of, texts
from vmprof.report.kinds import kind_of, microseconds
from vmprof.report.model import Report
from vmprof.report.provenance import unfolded
from vmprof.report.render.figures import short
from vmprof.report.render.table import format_metric
from vmprof.report.timeline import Task, Window, tasks_of, windows_of
from vmprof.uncollected import uncollected
from vmprof.values import SAMPLES_SUFFIX, Count, Metric, Samples, is_inclusive

_Event = dict[str, Any]

_PROCESS, _CALLER = 1, 1


@uncollected()
def render(report: Report) -> str:
    """``report`` as a trace; :class:`VmprofError` if it does not say when its calls were."""
    windows = windows_of(report)
    if windows is None:
        raise VmprofError(
            "the report does not say when its calls were; a trace needs a report that this "
            "version of vmprof measured"
        )
    model = report.configuration.get("Model")
    events: list[dict[str, Any]] = [
        _named("process_name", model if isinstance(model, str) else "model"),
        _named("thread_name", "VM"),
    ]
    tasks: dict[int, list[Task]] = {}
    for task in tasks_of(report):
        tasks.setdefault(task.call, []).append(task)
    workers = sorted({task.thread for each in tasks.values() for task in each} - {0})
    events += [_named("thread_name", f"worker {thread}", _CALLER + thread) for thread in workers]
    # Of the end of one call and the begin of the next, the end comes first.
    events += sorted(chain(*_timed(report, windows, tasks)), key=itemgetter("ts"))
    return json_text.dumps(
        {
            "traceEvents": events,
            "displayTimeUnit": "ns",
            "otherData": {
                name: format_metric(metric)
                for name, metric in report.configuration.items()
                if not isinstance(metric, Samples)
            }
            | unfolded(report.provenance)
            | {f"Not counted: {name}": reason for name, reason in report.missing.items()},
        },
        compact=True,
    )


def _timed(
    report: Report, windows: Sequence[Window | None], tasks: Mapping[int, Sequence[Task]]
) -> list[list[_Event]]:
    """The events of each call."""
    events: list[list[_Event]] = [[] for _ in windows]
    for block in blocks(report.calls):
        tracks = _tracks(block)
        for index, (number, arguments) in enumerate(
            zip(block.places, _arguments(block), strict=True)
        ):
            window, call = windows[number], report.calls[number]
            if window is None:
                continue
            begin, end = window
            name = format_metric(call.get("Name"))
            of_call = events[number]
            of_call.append(_slice(name, kind_of(call), begin, end))
            of_call[0]["args"] = arguments
            for task in tasks.get(number, ()):
                of_call.append(_slice(name, "task", task.begin, task.end, task.thread))
            duration = microseconds(call)
            if not duration:
                continue
            for track, cells in tracks.items():
                count = cells[index]
                if isinstance(count, Count):
                    of_call.append(_rate(track, begin, count.value / duration))
                    of_call.append(_rate(track, end, 0))
    return events


def _named(what: str, name: str, thread: int = _CALLER) -> _Event:
    return {"ph": "M", "name": what, "pid": _PROCESS, "tid": thread, "args": {"name": name}}


def _slice(name: str, category: str, begin: float, end: float, thread: int = 0) -> _Event:
    return {
        "ph": "X",
        "name": name,
        "cat": category,
        "pid": _PROCESS,
        "tid": _CALLER + thread,
        "ts": begin,
        "dur": round(end - begin, 3),  # to the nanosecond
    }


def _rate(track: str, time: float, rate: float) -> _Event:
    return {
        "ph": "C",
        "name": track,
        "pid": _PROCESS,
        "tid": _CALLER,
        "ts": time,
        "args": {"rate": rate},
    }


def _tracks(block: Block[Metric]) -> dict[str, Sequence[Metric]]:
    """The columns whose rates are drawn, by the names of their tracks."""
    return {
        f"{name} per us": cells
        for name, cells in block.columns.items()
        if name != "Count" and not is_inclusive(name) and Count in set(map(type, cells))
    }


def _arguments(block: Block[Metric]) -> list[dict[str, Any]]:
    """What stands beside the slice of each call, for whoever clicks on it."""
    columns: dict[str, Sequence[Any]] = {}
    for name, cells in block.columns.items():
        if name == f"Duration (us){SAMPLES_SUFFIX}":
            columns["Duration of the repeats (us)"] = [*map(_repeats, cells)]
        elif name not in ("Name", "Device", "Count"):
            kinds = set(map(type, cells))
            if kinds == {Count}:
                columns[name] = numbers(cells)
            elif kinds != {Samples}:
                columns[name] = texts(cells, _argument)
    return rows_of([Block(range(len(block.places)), columns)])


def _argument(metric: Metric) -> int | str | None:
    if isinstance(metric, Count):
        return metric.value
    return None if isinstance(metric, Samples) else short(metric)


def _repeats(metric: Metric) -> str | None:
    if not isinstance(metric, Samples):
        return None
    return _repeats_form(len(metric.values)).format(*metric.values)


@lru_cache(maxsize=16)
def _repeats_form(repeats: int) -> str:
    return ", ".join(["{:,.2f}"] * repeats)
