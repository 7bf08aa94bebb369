"""Trace Event JSON, which Perfetto and chrome://tracing open.

One run, that of which the report says when its calls were. On the track of the thread that ran
the model are the run, in it the VM functions, in them the calls, with shapes, counts and what
else the report has of each; those of workers have the tasks that they did of them, which arrows
lead to, where the report has them. Counters are tracks of their own, of all threads together
and of each. Counts are means over other runs than the one whose times are drawn, so a track
shows a rate, the count over the mean duration, for as long as the call took.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import median_low
from typing import Any

from vmprof import json_text
from vmprof.errors import VmprofError
from vmprof.report.columnwise import Block, blocks
from vmprof.report.kinds import kind_of, microseconds
from vmprof.report.model import Report
from vmprof.report.render.table import format_metric
from vmprof.report.render.trace_events import (
    Event,
    Rates,
    arguments,
    arguments_of,
    flow,
    in_order,
    named,
    nanoseconds,
    placed,
    sliced,
)
from vmprof.report.timeline import Task, tasks_of, windows_of
from vmprof.report.totals import longest_device
from vmprof.uncollected import uncollected
from vmprof.values import (
    FUNCTION,
    PATH,
    PER_THREAD_SUFFIX,
    SAMPLES_SUFFIX,
    Count,
    Metric,
    Samples,
    is_inclusive,
)

_CALLER = 1
_CALLER_NAME = "VM"
_Times = tuple[int, int]  # nanoseconds


@uncollected()
def render(report: Report) -> str:
    """``report`` as a trace; :class:`VmprofError` if it does not say when its calls were."""
    return json_text.dumps(document(report), compact=True)


def document(report: Report) -> dict[str, Any]:
    """What :func:`render` writes."""
    windows = windows_of(report)
    if windows is None:
        raise VmprofError(
            "the report does not say when its calls were; a trace needs a report that this "
            "version of vmprof measured"
        )
    times = [
        None if window is None else (nanoseconds(window[0]), nanoseconds(window[1]))
        for window in windows
    ]
    tasks: dict[int, list[Task]] = {}
    for task in tasks_of(report):
        tasks.setdefault(task.call, []).append(task)
    parts = blocks(report.calls)
    launched = {task.thread for each in tasks.values() for task in each}
    workers = sorted({*_counted_threads(parts), *launched} - {0})
    about = _about(report)
    model = report.configuration.get("Model")
    title = model if isinstance(model, str) else "model"
    slices = [
        sliced(f"run of {title}", "run", _CALLER, _run(report, times), about),
        *_functions(report, times),
        *_calls(report, parts, times, tasks),
    ]
    events = [
        named("process_name", title, _CALLER),
        named("thread_name", _CALLER_NAME, _CALLER),
        *(named("thread_name", _thread_name(thread), _CALLER + thread) for thread in workers),
        *(placed(_CALLER + thread, thread) for thread in (0, *workers)),
        *in_order(slices, _rates(report, parts, times)),
    ]
    return {"traceEvents": events, "displayTimeUnit": "ns", "otherData": about}


def _about(report: Report) -> dict[str, Any]:
    """What the report says of the run as a whole, and of how it was measured."""
    device = longest_device(report)
    total = report.device_metrics[device] if device is not None else {}
    return {
        **arguments_of(total),
        **arguments_of(report.configuration),
        **arguments_of(report.provenance),
        **{f"Not counted: {name}": reason for name, reason in report.missing.items()},
    }


def _run(report: Report, times: Sequence[_Times | None]) -> _Times:
    """The run whose calls have these times: it began at 0, and is the one of median length."""
    device = longest_device(report)
    total = report.device_metrics[device] if device is not None else {}
    lengths = total.get(f"Duration (us){SAMPLES_SUFFIX}")
    length = 0
    if isinstance(lengths, Samples) and lengths.values:
        length = nanoseconds(median_low(lengths.values))
    return 0, max(length, *(of_call[1] for of_call in times if of_call is not None))


@dataclass
class _Running:
    """A VM function, or a call, which has no ``name`` here; times in nanoseconds."""

    name: str | None
    begin: int
    end: int


def _functions(report: Report, times: Sequence[_Times | None]) -> Iterator[Event]:
    """The VM functions, by the paths of the calls made in them, from the first to the last.

    Where there is one function alone, calls have no paths. A function that a call calls back is
    over when that call is.
    """
    running: list[_Running] = []

    def close(keep: int) -> Iterator[Event]:
        for one in reversed(running[keep:]):
            if one.name is not None:
                yield sliced(one.name, "function", _CALLER, (one.begin, one.end))
        del running[keep:]

    only = report.configuration.get(FUNCTION)
    for call, of_call in zip(report.calls, times, strict=True):
        path = call.get(PATH, only)
        if of_call is None or not isinstance(path, str) or not path:
            continue
        begin, end = of_call
        over = (n for n, one in enumerate(running) if one.name is None and one.end <= begin)
        yield from close(next(over, len(running)))
        functions = [n for n, one in enumerate(running) if one.name is not None]
        names = path.split(" > ")
        same = 0
        for place, name in zip(functions, names, strict=False):
            if running[place].name != name:
                break
            same += 1
        keep = functions[same] if same < len(functions) else len(running)
        if all(one.name is not None for one in running[keep:]):  # else it is no path from there
            yield from close(keep)
            running += [_Running(name, begin, end) for name in names[same:]]
        for one in running:
            if one.name is not None:
                one.end = max(one.end, end)
        running.append(_Running(None, begin, end))
    yield from close(0)


def _calls(
    report: Report,
    parts: Sequence[Block[Metric]],
    times: Sequence[_Times | None],
    tasks: Mapping[int, Sequence[Task]],
) -> Iterator[Event]:
    """Each call, then its tasks; arrows lead from it to those of other threads."""
    flows = count(1)
    of_call: dict[int, Mapping[str, Any]] = {}
    for block in parts:
        of_call.update(zip(block.places, arguments(block), strict=True))
    for number, (call, when) in enumerate(zip(report.calls, times, strict=True)):
        if when is None:
            continue
        name = format_metric(call.get("Name"))
        event = sliced(name, kind_of(call), _CALLER, when, of_call[number])
        yield event
        launched = tasks.get(number, ())
        flow_number = next(flows) if any(task.thread for task in launched) else None
        if flow_number is not None:
            flow(event, flow_number, "out")
        for task in launched:
            window = nanoseconds(task.begin), nanoseconds(task.end)
            part = sliced(name, "task", _CALLER + task.thread, window)
            if flow_number is not None and task.thread:
                flow(part, flow_number, "in")
            yield part


def _rates(report: Report, parts: Sequence[Block[Metric]], times: Sequence[_Times | None]) -> Rates:
    rates = Rates()
    means = [*map(microseconds, report.calls)]
    for block in parts:
        for name, cells in block.columns.items():
            if not _is_counter(name, cells):
                continue
            for number, cell in zip(block.places, cells, strict=True):
                when, mean = times[number], means[number]
                if when is None or not mean:
                    continue
                if isinstance(cell, Count):
                    rates.add(name, _CALLER, when, cell.value / mean)
                elif isinstance(cell, Samples):
                    counter = name.removesuffix(PER_THREAD_SUFFIX)
                    for thread, value in enumerate(cell.values):
                        track = f"{_thread_name(thread)}: {counter}"
                        rates.add(track, _CALLER + thread, when, value / mean)
    return rates


def _counted_threads(parts: Sequence[Block[Metric]]) -> range:
    """The threads whose counters are told apart."""
    counted = (
        len(cell.values)
        for block in parts
        for name, cells in block.columns.items()
        if name.endswith(PER_THREAD_SUFFIX)
        for cell in cells
        if isinstance(cell, Samples)
    )
    return range(max(counted, default=0))


def _is_counter(name: str, cells: Sequence[Metric]) -> bool:
    """Whether it is counted, by call or by thread, and adds up over calls."""
    kinds = set(map(type, cells))
    if name.endswith(PER_THREAD_SUFFIX):
        return Samples in kinds
    return Count in kinds and name != "Count" and not is_inclusive(name)


def _thread_name(thread: int) -> str:
    return f"worker {thread}" if thread else _CALLER_NAME
