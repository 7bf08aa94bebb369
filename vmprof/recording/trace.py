"""A recording as Trace Event JSON, which Perfetto and chrome://tracing open.

Each calling thread has a track. A slice is an invocation, named after its function; the slices
inside a timed invocation are its calls. Counted and unrecorded invocations have a begin and an end,
but no calls: their names say so, and the arguments of a counted one have the counts of the whole
invocation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from vmprof import json_text
from vmprof.recording.groups import Group, groups_of
from vmprof.recording.numbers import Ints, distinct_pairs
from vmprof.recording.tables import TIMED, UNRECORDED, Recording, Table
from vmprof.report.provenance import unfolded
from vmprof.report.render.table import format_metric
from vmprof.runs.faults import NO_FAULT
from vmprof.values import Samples

MOST_SLICES = 100_000  # some 20 MB
_PROCESS = 1
_COUNTED = TIMED + 1  # the turn of the first pass
_HOW = {UNRECORDED: " (not recorded)", _COUNTED: " (counted)"}

_Event = dict[str, Any]


def render(
    recording: Recording, only: Sequence[Group] | None = None, *, most: int = MOST_SLICES
) -> str:
    """The trace of the groups ``only`` (None: all), with about ``most`` slices.

    A long recording is thinned: every second, fourth, ... invocation of each function, label and
    turn is drawn, always including the first. If even those have too many calls, the last ones
    are left out.
    """
    groups = groups_of(recording) if only is None else only
    invocations = recording.invocations
    titles = {each: group.title for group in groups for each in group.invocations["id"].tolist()}
    places = _Places(recording)
    counted = _WholeCounts(recording)
    asked = np.flatnonzero([each in titles for each in invocations["id"].tolist()])
    stride, chosen = _thinned(invocations, asked, places.slices, most)
    origin = int(invocations["begin_ns"][asked].min()) if len(asked) else 0
    left, cut = most - len(chosen), 0
    slices: list[_Event] = []
    for number in chosen.tolist():
        invocation = invocations[number]
        turn = int(invocation["turn"])
        slices.append(
            {
                "name": titles[int(invocation["id"])] + _HOW.get(min(turn, _COUNTED), ""),
                "cat": "invocation",
                **_times(invocation, int(invocation["thread"]), origin),
                "args": {**_about(recording, invocation), **counted.of(invocation)},
            }
        )
        calls = places.calls(number)
        shown = calls[: max(left, 0)]
        left -= len(shown)
        cut += len(calls) - len(shown)
        slices += _calls(recording, shown, int(invocation["thread"]), origin)
    threads = np.unique(invocations["thread"][chosen]).tolist()
    made = sum(group.total("invocations") for group in groups)
    return json_text.dumps(
        {
            "traceEvents": [
                _named("process_name", "recording"),
                *(_named("thread_name", f"thread {thread}", thread) for thread in threads),
                # An outer slice comes before those inside it.
                *sorted(slices, key=lambda event: (event["ts"], -event["dur"])),
            ],
            "displayTimeUnit": "ns",
            "otherData": _facts(recording)
            | unfolded(recording.provenance)
            | {
                "Invocations": f"{len(chosen):,} of {made:,}",
                **({"Thinned": f"every {stride}th of those kept"} if stride > 1 else {}),
                **({"Left out": f"{cut:,} calls of those invocations"} if cut else {}),
            },
        },
        compact=True,
    )


class _Places:
    """Where each invocation's calls are in the table.

    ``slices`` has the number of slices of each invocation, shape (invocations,).
    """

    def __init__(self, recording: Recording) -> None:
        self._rows = recording.calls
        self._first: Ints = np.flatnonzero(self._rows["callee"] < 0)
        self._end = np.append(self._first[1:], len(self._rows))
        ids = self._rows["invocation"][self._first]
        of_id = {each: place for place, each in enumerate(ids.tolist())}
        self._of = [of_id.get(each, -1) for each in recording.invocations["id"].tolist()]
        lengths = np.append(self._end - self._first, 1)  # the last is for those without calls
        self.slices: Ints = lengths[self._of]

    def calls(self, invocation: int) -> Any:
        """The calls (dtype `CALL`) of the invocation with this index, without its own row."""
        place = self._of[invocation]
        if place < 0:
            return self._rows[:0]
        return self._rows[self._first[place] + 1 : self._end[place]]


class _WholeCounts:
    """The counts of whole invocations."""

    def __init__(self, recording: Recording) -> None:
        self._passes = recording.passes
        self._counts = recording.counts
        # For each pass: the row of each invocation's own counts, by its id.
        self._rows = []
        for counts in recording.counts:
            rows = np.flatnonzero(counts.calls["callee"] < 0)
            ids = counts.calls["invocation"][rows].tolist()
            self._rows.append(dict(zip(ids, rows.tolist(), strict=True)))

    def of(self, invocation: Any) -> _Event:
        """Counts by column; empty if it was not counted, or if an event never had its turn."""
        place = int(invocation["turn"]) - _COUNTED
        if place < 0 or invocation["fault"] != NO_FAULT:
            return {}
        row, counts = self._rows[place][int(invocation["id"])], self._counts[place]
        if counts.shares is not None and not (counts.shares[row] > 0).all():
            return {}
        return dict(zip(self._passes[place].columns, counts.values[row].tolist(), strict=True))


def _thinned(invocations: Table, asked: Ints, slices: Ints, most: int) -> tuple[int, Ints]:
    """The stride, and the indices of the invocations to draw, of those ``asked`` for."""
    invocations, slices = invocations[asked], slices[asked]
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
            return stride, asked[chosen]
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
    """The fields of a slice on that thread's track; microseconds, rounded to nanoseconds."""
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
