"""A recording as Trace Event JSON, which Perfetto and chrome://tracing open.

Each thread that called has a track. Slices are invocations, by the names of their functions,
and inside those that were timed their calls; of the others it is known how long they took.
There are no counters: in their passes no clock is read around calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from vmprof import json_text
from vmprof.recording.groups import Ints, groups_of
from vmprof.recording.numbers import distinct_pairs
from vmprof.recording.tables import TIMED, UNRECORDED, Recording
from vmprof.report.render.table import format_metric
from vmprof.values import Samples

MOST_SLICES = 100_000  # some 20 MB
_PROCESS = 1

_Event = dict[str, Any]


def render(recording: Recording, most: int = MOST_SLICES) -> str:
    """The trace, of about ``most`` slices.

    Of a long recording it has every second, fourth, ... invocation of each function, label and
    turn, and always the first. Where those are too long by themselves, their first calls.
    """
    invocations = recording.invocations
    places = _Places(recording)
    stride, chosen = _thinned(recording, places.slices, most)
    origin = int(invocations["begin_ns"].min()) if len(invocations) else 0
    titles = {(group.function, group.label): group.title for group in groups_of(recording)}
    left, cut = most - len(chosen), 0
    slices: list[_Event] = []
    for number in chosen.tolist():
        invocation = invocations[number]
        title = titles[int(invocation["function"]), int(invocation["label"])]
        slices.append(
            {
                "name": title,
                "cat": "invocation",
                **_times(invocation, int(invocation["thread"]), origin),
                "args": _about(recording, invocation),
            }
        )
        calls = places.calls(number)
        shown = calls[: max(left, 0)]
        left -= len(shown)
        cut += len(calls) - len(shown)
        slices += _calls(recording, shown, int(invocation["thread"]), origin)
    threads = np.unique(invocations["thread"][chosen]).tolist()
    return json_text.dumps(
        {
            "traceEvents": [
                _named("process_name", "recording"),
                *(_named("thread_name", f"thread {thread}", thread) for thread in threads),
                # What lies around others comes first.
                *sorted(slices, key=lambda event: (event["ts"], -event["dur"])),
            ],
            "displayTimeUnit": "ns",
            "otherData": _facts(recording)
            | {
                "Invocations": f"{len(chosen):,} of {int(recording.totals['invocations'].sum()):,}",
                **({"Thinned": f"every {stride}th of those kept"} if stride > 1 else {}),
                **({"Left out": f"{cut:,} calls of those invocations"} if cut else {}),
            },
        },
        compact=True,
    )


class _Places:
    """Where the calls of each invocation stand; ``slices`` (invocations,) is how many each has."""

    def __init__(self, recording: Recording) -> None:
        self._rows = recording.calls
        self._first: Ints = np.flatnonzero(self._rows["callee"] < 0)
        self._end = np.append(self._first[1:], len(self._rows))
        ids = self._rows["invocation"][self._first]
        of_id = {each: place for place, each in enumerate(ids.tolist())}
        self._of = [of_id.get(each, -1) for each in recording.invocations["id"].tolist()]
        lengths = np.append(self._end - self._first, 1)  # the last is of those that have none
        self.slices: Ints = lengths[self._of]

    def calls(self, invocation: int) -> Any:
        """Those of the invocation of this number (dtype `CALL`), but for its own row."""
        place = self._of[invocation]
        if place < 0:
            return self._rows[:0]
        return self._rows[self._first[place] + 1 : self._end[place]]


def _thinned(recording: Recording, slices: Ints, most: int) -> tuple[int, Ints]:
    """Every how many invocations there is one, and which."""
    invocations = recording.invocations
    _, called = distinct_pairs(invocations["function"], invocations["label"])
    _, kind = distinct_pairs(called, invocations["turn"])
    order = np.argsort(kind, kind="stable")
    begins = np.flatnonzero(np.diff(kind[order], prepend=-1))
    place = np.empty(len(kind), dtype=np.int64)
    place[order] = np.arange(len(kind)) - begins[kind[order]]
    stride = 1
    while True:
        chosen = np.flatnonzero(place % stride == 0)
        if int(slices[chosen].sum()) <= most or stride > int(place.max(initial=0)):
            return stride, chosen
        stride *= 2


def _calls(recording: Recording, rows: Any, thread: int, origin: int) -> Iterator[_Event]:
    for row in rows:
        arguments: dict[str, Any] = {}
        shapes = recording.signatures[int(row["signature"])]
        if shapes:
            arguments["Argument Shapes"] = shapes
        if row["failed"]:
            arguments["raised"] = True
        yield {
            "name": recording.callees[int(row["callee"])],
            "cat": "call",
            **_times(row, thread, origin),
            "args": arguments,
        }


def _about(recording: Recording, invocation: Any) -> _Event:
    turn = int(invocation["turn"])
    about: _Event = {"invocation": int(invocation["number"])}
    if invocation["label"]:
        about["label"] = recording.labels[int(invocation["label"])]
    about["turn"] = {TIMED: "timed", UNRECORDED: "not recorded"}.get(turn, f"counters, pass {turn}")
    if invocation["dropped"]:
        about["lost calls"] = int(invocation["dropped"])
    if invocation["failed"]:
        about["raised"] = True
    return about


def _times(row: Any, thread: int, origin: int) -> _Event:
    """A slice of that thread, in microseconds to the nanosecond."""
    begin, end = int(row["begin_ns"]), int(row["end_ns"])
    return {
        "ph": "X",
        "pid": _PROCESS,
        "tid": thread,
        "ts": round((begin - origin) / 1e3, 3),
        "dur": round((end - begin) / 1e3, 3),
    }


def _named(what: str, name: str, thread: int = 0) -> _Event:
    return {"ph": "M", "name": what, "pid": _PROCESS, "tid": thread, "args": {"name": name}}


def _facts(recording: Recording) -> dict[str, str]:
    return {
        name: format_metric(metric)
        for name, metric in recording.facts.items()
        if not isinstance(metric, Samples)
    }
