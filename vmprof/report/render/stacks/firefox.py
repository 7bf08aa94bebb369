"""The Firefox profiler's processed format (profiler.firefox.com, "Load a profile from file").

Fields are those of its docs-developer/processed-format and src/types/profile.js, version 47.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from vmprof import json_text
from vmprof.report.render.stacks.frame import Frame, FrameKind
from vmprof.report.render.stacks.numbered import Numbered
from vmprof.report.render.stacks.stacks import Stack, threads_of
from vmprof.version import __version__

_GECKO_VERSION, _VERSION = 27, 47
_CATEGORIES: dict[FrameKind, tuple[str, str]] = {
    "run": ("Run", "grey"),
    "invocation": ("Invocation", "magenta"),
    "function": ("VM function", "purple"),
    "operator": ("Operator", "orange"),
    "code": ("Code", "blue"),
    "line": ("Line", "lightblue"),
}
_CATEGORY = {kind: number for number, kind in enumerate(_CATEGORIES)}


def render(stacks: Sequence[Stack], title: str, event: str, unit: str) -> str:
    """A thread for each; samples lie one behind the other, as long as they weigh.

    When a sample was taken is not in a report: the profiler's time line shows shares.
    """
    scale = 1e-6 if unit == "ns" else 1.0
    threads = [
        _thread(name, of_thread, number, scale)
        for number, (name, of_thread) in enumerate(threads_of(stacks))
    ]
    document = {
        "meta": {
            "interval": 1,
            "startTime": 0,
            "processType": 0,
            "product": title,
            "stackwalk": 1,
            "debug": False,
            "version": _GECKO_VERSION,
            "preprocessedProfileVersion": _VERSION,
            "categories": [
                {"name": name, "color": colour, "subcategories": ["Other"]}
                for name, colour in _CATEGORIES.values()
            ],
            "markerSchema": [],
            "importedFrom": f"vmprof {__version__}, {event}",
            "sampleUnits": {
                "time": "ms",
                "eventDelay": "ms",
                "threadCPUDelta": "unknown",
            },
            "symbolicated": True,
        },
        "libs": [],
        "threads": threads,
    }
    return f"{json_text.dumps(document, compact=True)}\n"


def _thread(name: str, stacks: Sequence[Stack], number: int, scale: float) -> dict[str, Any]:
    strings: Numbered[str] = Numbered()
    frames: Numbered[Frame] = Numbered()
    # A stack is a frame on top of another stack, None the bottom.
    nodes: Numbered[tuple[int | None, int]] = Numbered()
    tops = []
    for stack in stacks:
        top: int | None = None
        for frame in stack.frames:
            top = nodes[top, frames[frame]]
        tops.append(top)
    ends = [0.0, *accumulate(stack.weight * scale for stack in stacks)]
    kinds = [_CATEGORY[frame.kind] for frame in frames.values]
    count = len(frames.values)
    return {
        "processType": "default",
        "processName": "vmprof",
        "processStartupTime": 0,
        "processShutdownTime": None,
        "registerTime": 0,
        "unregisterTime": None,
        "pausedRanges": [],
        "name": name,
        "isMainThread": number == 0,
        "pid": "1",
        "tid": number + 1,
        "samples": {
            "stack": tops,
            "time": ends[:-1],
            "weight": [stack.weight * scale for stack in stacks],
            "weightType": "tracing-ms" if scale != 1.0 else "samples",
            "length": len(stacks),
        },
        "markers": {
            "data": [],
            "name": [],
            "startTime": [],
            "endTime": [],
            "phase": [],
            "category": [],
            "length": 0,
        },
        "stackTable": {
            "frame": [frame for _, frame in nodes.values],
            "prefix": [prefix for prefix, _ in nodes.values],
            "category": [kinds[frame] for _, frame in nodes.values],
            "subcategory": [0] * len(nodes.values),
            "length": len(nodes.values),
        },
        "frameTable": {
            "address": [-1] * count,
            "inlineDepth": [0] * count,
            "category": kinds,
            "subcategory": [0] * count,
            "func": list(range(count)),
            "nativeSymbol": [None] * count,
            "innerWindowID": [0] * count,
            "implementation": [None] * count,
            "line": [frame.line or None for frame in frames.values],
            "column": [None] * count,
            "length": count,
        },
        "funcTable": {
            "isJS": [False] * count,
            "relevantForJS": [False] * count,
            "name": [strings[frame.name] for frame in frames.values],
            "resource": [-1] * count,
            "fileName": [strings[frame.file] if frame.file else None for frame in frames.values],
            "lineNumber": [None] * count,
            "columnNumber": [None] * count,
            "length": count,
        },
        "resourceTable": {"lib": [], "name": [], "host": [], "type": [], "length": 0},
        "nativeSymbols": {
            "libIndex": [],
            "address": [],
            "name": [],
            "functionSize": [],
            "length": 0,
        },
        "stringArray": strings.values,
    }
