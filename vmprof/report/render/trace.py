"""Trace Event JSON, which Perfetto and chrome://tracing open.

One run, that of which the report says when its calls were. Slices of the thread
that ran the model are its calls, with shapes and counts; those of workers are
the tasks that they did of them, where the report has them. Counters are tracks of
their own. Counts are means over other runs than the one whose times are drawn,
so a track shows a rate, the count over the mean duration, for as long as the
call took.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vmprof import json_text
from vmprof.errors import VmprofError
from vmprof.report.kinds import kind_of, microseconds
from vmprof.report.model import Report
from vmprof.report.render.figures import short
from vmprof.report.render.table import format_metric
from vmprof.report.timeline import Task, tasks_of, windows_of
from vmprof.uncollected import uncollected
from vmprof.values import SAMPLES_SUFFIX, Count, Metric, Row, Samples, is_inclusive

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
    named = len(events)
    for number, (call, window) in enumerate(zip(report.calls, windows, strict=True)):
        if window is None:
            continue
        begin, end = window
        events.append(
            {
                "ph": "X",
                "name": format_metric(call.get("Name")),
                "cat": kind_of(call),
                "pid": _PROCESS,
                "tid": _CALLER,
                "ts": begin,
                "dur": round(end - begin, 3),  # to the nanosecond
                "args": _arguments(call),
            }
        )
        for task in tasks.get(number, ()):
            events.append(
                {
                    "ph": "X",
                    "name": format_metric(call.get("Name")),
                    "cat": "task",
                    "pid": _PROCESS,
                    "tid": _CALLER + task.thread,
                    "ts": task.begin,
                    "dur": round(task.end - task.begin, 3),
                }
            )
        for column, rate in _rates(call).items():
            track = {"ph": "C", "name": f"{column} per us", "pid": _PROCESS, "tid": _CALLER}
            events.append({**track, "ts": begin, "args": {"rate": rate}})
            events.append({**track, "ts": end, "args": {"rate": 0}})
    # Of the end of one call and the begin of the next, the end comes first.
    events[named:] = sorted(events[named:], key=lambda event: event["ts"])
    document = {
        "traceEvents": events,
        "displayTimeUnit": "ns",
        "otherData": {
            name: format_metric(metric)
            for name, metric in report.configuration.items()
            if not isinstance(metric, Samples)
        }
        | {f"Not counted: {name}": reason for name, reason in report.missing.items()},
    }
    return json_text.dumps(document)


def _named(what: str, name: str, thread: int = _CALLER) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": _PROCESS, "tid": thread, "args": {"name": name}}


def _arguments(call: Row) -> dict[str, Any]:
    """What stands beside a slice that is clicked on."""
    arguments: dict[str, Any] = {
        name: _value(metric)
        for name, metric in call.items()
        if name not in ("Name", "Device", "Count") and not isinstance(metric, Samples)
    }
    samples = call.get(f"Duration (us){SAMPLES_SUFFIX}")
    if isinstance(samples, Samples):
        arguments["Duration of the repeats (us)"] = ", ".join(f"{v:,.2f}" for v in samples.values)
    return arguments


def _value(metric: Metric) -> str | int:
    return (
        metric.value
        if isinstance(metric, Count)
        else metric
        if isinstance(metric, str)
        else short(metric)
    )


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
