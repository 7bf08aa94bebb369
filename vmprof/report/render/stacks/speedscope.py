"""speedscope's file format (https://www.speedscope.app/file-format-schema.json)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vmprof import json_text
from vmprof.report.render.stacks.frame import Frame
from vmprof.report.render.stacks.numbered import Numbered
from vmprof.report.render.stacks.stacks import Stack, threads_of
from vmprof.version import __version__

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def render(stacks: Sequence[Stack], title: str, unit: str) -> str:
    """A profile for each thread; weights are those of samples: time, if ``unit`` is ``ns``."""
    frames: Numbered[Frame] = Numbered()
    profiles = []
    for name, of_thread in threads_of(stacks):
        profiles.append(
            {
                "type": "sampled",
                "name": name,
                "unit": "nanoseconds" if unit == "ns" else "none",
                "startValue": 0,
                "endValue": sum(stack.weight for stack in of_thread),
                "samples": [[frames[frame] for frame in stack.frames] for stack in of_thread],
                "weights": [stack.weight for stack in of_thread],
            }
        )
    document = {
        "$schema": _SCHEMA,
        "name": title,
        "exporter": f"vmprof {__version__}",
        "activeProfileIndex": 0,
        "shared": {"frames": [_frame(frame) for frame in frames.values]},
        "profiles": profiles,
    }
    return f"{json_text.dumps(document, compact=True)}\n"


def _frame(frame: Frame) -> dict[str, Any]:
    return {
        "name": frame.name,
        **({"file": frame.file} if frame.file else {}),
        **({"line": frame.line} if frame.line else {}),
    }
