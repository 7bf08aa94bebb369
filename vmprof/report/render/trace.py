"""Trace Event JSON, which Perfetto and chrome://tracing open.

One run, that of which the report says when its calls were. Slices of the thread
that ran the model are its calls, with shapes and counts; those of workers are
the tasks that they did of them, where the report has them. Counters are tracks of
their own. Counts are means over other runs than the one whose times are drawn,
so a track shows a rate, the count over the mean duration, for as long as the
call took.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any

from vmprof import json_text
from vmprof.errors import VmprofError
from vmprof.report.kinds import kind_of, microseconds
from vmprof.report.model import Report
from vmprof.report.render.figures import short
from vmprof.report.render.table import format_metric
from vmprof.report.timeline import Task, Window, tasks_of, windows_of
from vmprof.uncollected import uncollected
from vmprof.values import SAMPLES_SUFFIX, Count, Row, Samples, is_inclusive

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
    timed = sorted(_timed(report, windows, tasks), key=itemgetter(0))
    document = {
        "displayTimeUnit": "ns",
        "otherData": {
            name: format_metric(metric)
            for name, metric in report.configuration.items()
            if not isinstance(metric, Samples)
        }
        | {f"Not counted: {name}": reason for name, reason in report.missing.items()},
    }
    written = [*map(json_text.dumps, events), *(text for _, text in timed)]
    text = json_text.storable(f'{{"traceEvents": [{", ".join(written)}], ')
    return text + json_text.dumps(document)[1:]


def _timed(
    report: Report, windows: Sequence[Window | None], tasks: Mapping[int, Sequence[Task]]
) -> Iterator[tuple[float, str]]:
    """The events of calls as text, each with its time.

    A call has several; of 100,000 calls an object for each would take longer than all else.
    """
    quoted = lru_cache(maxsize=None)(partial(json.dumps, ensure_ascii=False))
    caller = f'"pid": {_PROCESS}, "tid": {_CALLER}'
    for number, (call, window) in enumerate(zip(report.calls, windows, strict=True)):
        if window is None:
            continue
        begin, end = window
        name = quoted(format_metric(call.get("Name")))
        arguments = ", ".join(_arguments(call, quoted))
        # Durations are rounded to the nanosecond.
        yield (
            begin,
            (
                f'{{"ph": "X", "name": {name}, "cat": {quoted(kind_of(call))}, {caller}, '
                f'"ts": {begin!r}, "dur": {round(end - begin, 3)!r}, "args": {{{arguments}}}}}'
            ),
        )
        for task in tasks.get(number, ()):
            yield (
                task.begin,
                (
                    f'{{"ph": "X", "name": {name}, "cat": "task", "pid": {_PROCESS}, '
                    f'"tid": {_CALLER + task.thread}, "ts": {task.begin!r}, '
                    f'"dur": {round(task.end - task.begin, 3)!r}}}'
                ),
            )
        for column, rate in _rates(call).items():
            track = f'{{"ph": "C", "name": {quoted(f"{column} per us")}, {caller}, "ts": '
            yield begin, f'{track}{begin!r}, "args": {{"rate": {json_text.dumps(rate)}}}}}'
            yield end, f'{track}{end!r}, "args": {{"rate": 0}}}}'


def _named(what: str, name: str, thread: int = _CALLER) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": _PROCESS, "tid": thread, "args": {"name": name}}


def _arguments(call: Row, quoted: Callable[[str], str]) -> Iterator[str]:
    """What stands beside a slice that is clicked on; ``quoted`` is for what recurs."""
    for name, metric in call.items():
        if name in ("Name", "Device", "Count") or isinstance(metric, Samples):
            continue
        match metric:
            case Count(value):
                yield f"{quoted(name)}: {value}"
            case str():
                yield f"{quoted(name)}: {quoted(metric)}"
            case _:
                yield f'{quoted(name)}: "{short(metric)}"'
    samples = call.get(f"Duration (us){SAMPLES_SUFFIX}")
    if isinstance(samples, Samples):
        repeats = ", ".join(f"{value:,.2f}" for value in samples.values)
        yield f'"Duration of the repeats (us)": "{repeats}"'


def _rates(call: Row) -> Mapping[str, float]:
    """What was counted, per microsecond."""
    duration = microseconds(call)
    if not duration:
        return {}
    return {
        name: metric.value / duration
        for name, metric in call.items()
        if isinstance(metric, Count) and name != "Count" and not is_inclusive(name)
    }
