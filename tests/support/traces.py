"""Trace Event JSON, read as its definition and Perfetto's importer of it have it.

What they would drop, or take for something else, is an error here: unknown phases, slices of a
thread that overlap without one lying in the other, flows with one end, counters without numbers.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

_NAMED = {"process_name": "name", "thread_name": "name", "process_labels": "labels"}
_SORTED = ("process_sort_index", "thread_sort_index")
_DOCUMENT = ("traceEvents", "displayTimeUnit", "otherData")
# What others have besides; viewers leave it alone.
_KINETO = ("schemaVersion", "deviceProperties", "distributedInfo")
Track = tuple[int, int]  # process, thread


@dataclass
class Slice:
    """Times are in nanoseconds; ``around`` is the slice that it lies in."""

    name: str
    category: str
    track: Track
    begin: int
    end: int
    args: dict[str, Any]
    around: Slice | None

    @property
    def path(self) -> list[str]:
        """The names of those around it, outermost first, and its own."""
        return [*(self.around.path if self.around else ()), self.name]


@dataclass
class Trace:
    """``counters`` have time and value, by process and name; ``flows`` lead from slice to slice."""

    slices: list[Slice] = field(default_factory=list)
    counters: dict[tuple[int, str], list[tuple[int, float]]] = field(default_factory=dict)
    flows: list[tuple[Slice, Slice]] = field(default_factory=list)
    threads: dict[Track, str] = field(default_factory=dict)
    processes: dict[int, str] = field(default_factory=dict)
    other: dict[str, Any] = field(default_factory=dict)


def read_trace(text: str) -> Trace:
    """What a viewer shows; :class:`AssertionError` for what it would not."""
    document = json.loads(text, parse_constant=_no_number)
    assert isinstance(document, dict)
    assert document.keys() <= {*_DOCUMENT, *_KINETO}
    assert document["displayTimeUnit"] in ("ms", "ns")
    return _Reader().read(document)


class _Reader:
    def __init__(self) -> None:
        self.trace = Trace()
        self.running: dict[Track, list[Slice]] = {}
        self.sources: dict[int, Slice] = {}
        self.now = 0
        self.tracks: set[Track] = set()

    def read(self, document: dict[str, Any]) -> Trace:
        self.trace.other = document.get("otherData", {})
        for event in document["traceEvents"]:
            track = event["pid"], event["tid"]
            # 0 is the idle thread's.
            assert all(type(each) is int and 0 < each < 1 << 32 for each in track), event
            assert isinstance(event["name"], str), event
            if event["ph"] == "M":
                self.metadata(event, track)
                continue
            at = _nanoseconds(event["ts"])
            assert at >= self.now, f"out of order: {event}"
            self.now = at
            self.tracks.add(track)
            {"X": self.slice, "C": self.counter}[event["ph"]](event, track, at)
        assert self.tracks <= self.trace.threads.keys()
        assert {track[0] for track in self.trace.threads} <= self.trace.processes.keys()
        assert len({id(source) for source, _ in self.trace.flows}) == len(self.sources)
        return self.trace

    def metadata(self, event: dict[str, Any], track: Track) -> None:
        name, args = event["name"], event["args"]
        if name in _SORTED:
            assert type(args["sort_index"]) is int
            return
        value = args[_NAMED[name]]
        assert isinstance(value, str)
        if name == "thread_name":
            assert track not in self.trace.threads
            self.trace.threads[track] = value
        elif name == "process_name":
            assert track[0] not in self.trace.processes
            self.trace.processes[track[0]] = value

    def slice(self, event: dict[str, Any], track: Track, begin: int) -> None:
        end = begin + _nanoseconds(event["dur"])
        running = self.running.setdefault(track, [])
        while running and running[-1].end <= begin:
            # One that takes no time lies in whatever else begins there.
            running.pop()
        around = running[-1] if running else None
        assert around is None or end <= around.end, f"{event} overlaps {around}"
        args = event.get("args", {})
        _check_arguments(args)
        one = Slice(event["name"], event.get("cat", ""), track, begin, end, args, around)
        running.append(one)
        self.trace.slices.append(one)
        if "bind_id" in event:
            self.flow(event, one)

    def flow(self, event: dict[str, Any], one: Slice) -> None:
        number = int(event["bind_id"], 16)
        out, into = event.get("flow_out", False), event.get("flow_in", False)
        assert out is not into, event
        if out:
            assert number not in self.sources
            self.sources[number] = one
        else:
            self.trace.flows.append((self.sources[number], one))

    def counter(self, event: dict[str, Any], track: Track, at: int) -> None:
        assert event["args"]
        for key, value in event["args"].items():
            assert type(value) in (int, float), event
            assert math.isfinite(value), event
            name = track[0], f"{event['name']} {key}"
            self.trace.counters.setdefault(name, []).append((at, value))


def _nanoseconds(microseconds: float) -> int:
    assert type(microseconds) in (int, float)
    assert math.isfinite(microseconds)
    assert microseconds >= 0
    # Importers keep whole nanoseconds.
    assert abs(microseconds * 1e3 - round(microseconds * 1e3)) < 1e-3
    return round(microseconds * 1e3)


def _check_arguments(value: Any) -> None:
    """Texts, numbers, lists and objects of them; nothing is null."""
    if isinstance(value, dict):
        for each in value.values():
            _check_arguments(each)
    elif isinstance(value, list):
        for each in value:
            _check_arguments(each)
    else:
        assert isinstance(value, str | int | float), value


def _no_number(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
