"""A recording as Trace Event JSON, which Perfetto and chrome://tracing open.

Each calling thread has a track. A slice is an invocation, named after its function; the slices
inside a timed invocation are its calls. Counted and unrecorded invocations have a begin and an end,
but no calls: their names say so, and the arguments of a counted one have the counts of the whole
invocation, of which the tracks of counters show the rates. One slice is the recording as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from vmprof import json_text
from vmprof.recording.groups import Group, groups_of
from vmprof.recording.numbers import Ints, distinct_pairs
from vmprof.recording.tables import TIMED, UNRECORDED, Recording, Table
from vmprof.report.render.trace_events import (
    Event,
    Rates,
    arguments_of,
    in_order,
    named,
    placed,
    sliced,
)
from vmprof.runs.faults import NO_FAULT

MOST_SLICES = 100_000  # some 20 MB
_COUNTED = TIMED + 1  # the turn of the first pass
_HOW = {UNRECORDED: " (not recorded)", _COUNTED: " (counted)"}


def render(
    recording: Recording, only: Sequence[Group] | None = None, *, most: int = MOST_SLICES
) -> str:
    """The :func:`document` as text."""
    return json_text.dumps(document(recording, only, most=most), compact=True)


def document(
    recording: Recording, only: Sequence[Group] | None = None, *, most: int = MOST_SLICES
) -> dict[str, Any]:
    """The trace of the groups ``only`` (None: all), with about ``most`` slices and rates.

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
    stride, chosen = _thinned(invocations, asked, places.slices + counted.columns, most)
    origin = int(invocations["begin_ns"][asked].min()) if len(asked) else 0
    left, cut = most - int((1 + counted.columns[chosen]).sum()), 0
    slices: list[Event] = []
    rates = Rates()
    for number in chosen.tolist():
        invocation = invocations[number]
        turn, thread = int(invocation["turn"]), int(invocation["thread"])
        times = _times(invocation, origin)
        counts = counted.of(invocation)
        name = titles[int(invocation["id"])] + _HOW.get(min(turn, _COUNTED), "")
        about = {**_about(recording, invocation), **counts}
        slices.append(sliced(name, "invocation", thread, times, about))
        microseconds = (times[1] - times[0]) / 1e3
        for column, value in counts.items():
            if microseconds:
                track = f"{_thread_name(thread)}: {column}"
                rates.add(track, thread, times, value / microseconds)
        calls = places.calls(number)
        shown = calls[: max(left, 0)]
        left -= len(shown)
        cut += len(calls) - len(shown)
        slices += _calls(recording, shown, thread, origin)
    threads = np.unique(invocations["thread"][chosen]).tolist()
    made = sum(group.total("invocations") for group in groups)
    facts = {
        **arguments_of(recording.facts),
        **arguments_of(recording.provenance),
        **{f"Not counted: {name}": reason for name, reason in recording.missing.items()},
        "Invocations": f"{len(chosen):,} of {made:,}",
        **({"Thinned": f"every {stride}th of those kept"} if stride > 1 else {}),
        **({"Left out": f"{cut:,} calls of those invocations"} if cut else {}),
    }
    whole = 1 + max(threads, default=0)  # a track that no thread has
    if len(chosen):
        end = int(invocations["end_ns"][chosen].max()) - origin
        slices.append(sliced("recording", "recording", whole, (0, end), facts))
    return {
        "traceEvents": [
            named("process_name", "recording", whole),
            named("thread_name", "recording", whole),
            *(named("thread_name", _thread_name(thread), thread) for thread in threads),
            *(placed(thread, place) for place, thread in enumerate((whole, *threads))),
            *in_order(slices, rates),
        ],
        "displayTimeUnit": "ns",
        "otherData": facts,
    }


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
        # How many each invocation may have, shape (invocations,).
        of_pass = [0] * _COUNTED + [len(one.columns) for one in recording.passes]
        of_pass.append(0)  # of those that were not recorded, whose turn is -1
        self.columns: Ints = np.array(of_pass, np.int64)[recording.invocations["turn"]]

    def of(self, invocation: Any) -> dict[str, int]:
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


def _calls(recording: Recording, rows: Any, thread: int, origin: int) -> Iterator[Event]:
    for row in rows:
        arguments: dict[str, Any] = {}
        shapes = recording.signatures[int(row["signature"])]
        if shapes:
            arguments["Argument Shapes"] = shapes
        if row["failed"]:
            arguments["raised"] = True
        name = recording.callees[int(row["callee"])]
        yield sliced(name, "call", thread, _times(row, origin), arguments)


def _about(recording: Recording, invocation: Any) -> dict[str, Any]:
    turn = int(invocation["turn"])
    about: dict[str, Any] = {"invocation": int(invocation["number"])}
    if invocation["label"]:
        about["label"] = recording.labels[int(invocation["label"])]
    about["turn"] = {TIMED: "timed", UNRECORDED: "not recorded"}.get(turn, f"counters, pass {turn}")
    if invocation["dropped"]:
        about["lost calls"] = int(invocation["dropped"])
    if invocation["failed"]:
        about["raised"] = True
    return about


def _times(row: Any, origin: int) -> tuple[int, int]:
    """Begin and end in nanoseconds."""
    return int(row["begin_ns"]) - origin, int(row["end_ns"]) - origin


def _thread_name(thread: int) -> str:
    return f"thread {thread}"
