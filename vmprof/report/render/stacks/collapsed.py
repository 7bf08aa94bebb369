"""Collapsed stacks, as flamegraph.pl and many others read them: ``a;b;c 42``, a line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vmprof.report.render.stacks.stacks import Stack
from vmprof.visible import visible


def render(stacks: Sequence[Stack]) -> str:
    """Stacks of all threads together; the number is that of samples."""
    counts: Counter[str] = Counter()
    for stack in stacks:
        counts[";".join(_plain(frame.name) for frame in stack.frames)] += stack.samples
    return "".join(f"{text} {count}\n" for text, count in counts.items())


def _plain(name: str) -> str:
    """Without what separates frames, or lines."""
    return visible(name).replace(";", ",")
