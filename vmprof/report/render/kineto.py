"""The form of trace that PyTorch's profiler (Kineto) writes: for its TensorBoard plugin, and HTA.

It is the trace of :mod:`vmprof.report.render.trace` with what these look for: operators are
``cpu_op`` with ``Input Dims`` and ``Input type``, a run is the step ``ProfilerStep#0``, functions
are annotations. Tasks of workers are named so, or operators would be counted twice by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from vmprof import json_text
from vmprof.report.model import Report
from vmprof.report.render import trace
from vmprof.report.render.trace_events import Event
from vmprof.uncollected import uncollected

_ANNOTATION, _OPERATOR = "user_annotation", "cpu_op"
_ANNOTATED = ("function", "recording", "invocation")
_EXTENT = r"[0-9]{1,18}"
_TENSOR = re.compile(rf"(\w+)\[((?:{_EXTENT}(?:, {_EXTENT})*)?)\]")
# It is the one process of its kind, for whoever compares several.
_DISTRIBUTED = {"backend": "none", "rank": 0, "world_size": 1}


@uncollected()
def render(report: Report) -> str:
    """``report`` in that form; :class:`VmprofError` if it does not say when its calls were."""
    return of_trace(trace.document(report))


def of_trace(document: Mapping[str, Any]) -> str:
    """``document``, a trace of a report or of a recording, in that form.

    Spaces stand behind colons: HTA looks for the rank in the text.
    """
    events = [*_translated(document["traceEvents"])]
    return json_text.dumps(
        {
            "schemaVersion": 1,
            "deviceProperties": [],
            "distributedInfo": _DISTRIBUTED,
            **document,
            "traceEvents": events,
        }
    )


def _translated(events: Iterable[Event]) -> Iterator[Event]:
    steps = count()
    for event in events:
        if event["ph"] != "X":
            yield event
            continue
        category, arguments = event["cat"], event.get("args", {})
        is_step = category == "run" or (category == "invocation" and arguments["turn"] == "timed")
        if is_step:
            own = arguments if category == "run" else {}
            step = f"ProfilerStep#{next(steps)}"
            yield {**event, "name": step, "cat": _ANNOTATION, "args": own}
        if category == "run":
            continue
        if category in _ANNOTATED:
            yield {**event, "cat": _ANNOTATION}
        elif category == "task":
            yield {**event, "name": f"task of {event['name']}"}
        else:
            tensors = _tensors(arguments.get("Argument Shapes", ""))
            yield {**event, "cat": _OPERATOR, "args": {**arguments, **tensors}}


def _tensors(shapes: Any) -> dict[str, Any]:
    """``float32[1, 784], int64[]``; nothing where any of it is no tensor of known extents."""
    found = [*_TENSOR.finditer(shapes)] if isinstance(shapes, str) else []
    if not found or ", ".join(each[0] for each in found) != shapes:
        return {}
    return {
        "Input Dims": [[int(extent) for extent in each[2].split(",") if extent] for each in found],
        "Input type": [each[1] for each in found],
    }
