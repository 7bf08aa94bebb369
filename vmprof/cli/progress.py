"""The progress line of commands that take time.

It is written when something is told, and by no thread of its own: while a model is measured,
nothing but the model shall run. That is also why it is not rich's.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from vmprof.progress import Progress, Step, silent

_BAR, _SHORT_BAR = 20, 10
_CUT = ".."
# Of a terminal that does not tell its width.
_COLUMNS = 80
# Seconds before time is shown, and what part has to be done before one says how long all takes.
_SHORT, _LITTLE = 1.0, 0.05


class ProgressLine:
    """One line on a terminal that always says what goes on, and for how long; empty at the end.

    A :class:`Step` has a bar, and the time that it is expected to take in all, as steps before it
    did. Where that does not fit into the terminal's width, the bar is shorter, and then the text
    is cut off. ``clock`` gives seconds.
    """

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._stage = _Stage("", 0.0)
        self._shown = 0

    def __call__(self, step: str) -> None:
        now = self._clock()
        if not self._stage.goes_on(step):
            self._stage = _Stage(step, now)
        times = f"{self._stage.times(step, now)} ..."
        room = self._columns() - 1  # in the last column some terminals begin a new line
        bar = _bar(step, _BAR)
        if len(step) + len(bar) + len(times) > room:
            bar = _bar(step, _SHORT_BAR)
        left = max(room - len(bar) - len(times), 0)
        text = step if len(step) <= left else f"{step[: max(left - len(_CUT), 0)]}{_CUT}"
        self._show(f"{text}{bar}{times}"[:room])

    def clear(self) -> None:
        self._show("")

    def _show(self, line: str) -> None:
        self._stream.write(f"\r{line:<{self._shown}}" + ("" if line else "\r"))
        self._stream.flush()
        self._shown = len(line)

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or _COLUMNS
        except OSError:
            return _COLUMNS


class _Stage:
    """Steps of one thing, of which more and more is done; or one that does not say how much."""

    def __init__(self, first: str, began: float) -> None:
        self._last = first
        self._began = began
        self._before = first.done if isinstance(first, Step) else 0.0

    def goes_on(self, step: str) -> bool:
        """Whether ``step`` is of it, too; it is the last one from then on."""
        last, self._last = self._last, step
        if isinstance(last, Step) and isinstance(step, Step):
            return step.done >= last.done
        return type(last) is type(step) and last == step

    def times(self, step: str, now: float) -> str:
        """`` 12 s of about 40 s``: how long it has taken, and will in all; empty while short."""
        elapsed = now - self._began
        if elapsed < _SHORT:
            return ""
        done = step.done - self._before if isinstance(step, Step) else 0.0
        if done < _LITTLE:
            return f" {_time(elapsed)}"
        return f" {_time(elapsed)} of about {_time(elapsed * (1 - self._before) / done)}"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min" if minutes else f"{rest} s"


def _bar(step: str, width: int) -> str:
    if not isinstance(step, Step):
        return ""
    done = int(step.done * width)
    return f" [{'#' * done}{' ' * (width - done)}]"


@contextmanager
def progress_line(*, quiet: bool) -> Iterator[Progress]:
    """Shown on a terminal, unless it is to be ``quiet``; empty again at the end."""
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    line = ProgressLine()
    try:
        yield line
    finally:
        line.clear()
