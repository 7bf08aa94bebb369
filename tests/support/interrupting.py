"""Interrupts at every moment at which Python takes one: exhaustive, and the same each time.

Python looks whether a signal has come where a function of Python's begins and when one of C
returns. There, in turn, ``KeyboardInterrupt`` is raised.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import vmprof

_HERE = Path(vmprof.__file__).parent
# What raises where a generator is resumed ends it there, without its `finally`; no signal does.
_ENDS_GENERATORS = sys.version_info < (3, 11)


class _Moments:
    """Counts the moments in ``modules`` of vmprof's, and raises at the one of that number."""

    def __init__(self, number: int, modules: Sequence[str]) -> None:
        self._places = (*(str(_HERE / each) for each in modules), "contextlib.py")
        self.left = number
        self.where = ""

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event not in ("call", "c_return") or not code.co_filename.endswith(self._places):
            return
        if event == "call" and _ENDS_GENERATORS and frame.f_lasti >= 0:
            return
        self.left -= 1
        if self.left < 0 and not self.where:
            self.where = f"{code.co_filename}:{frame.f_lineno} ({code.co_name}, {event})"
            raise KeyboardInterrupt


def interrupted_everywhere(
    action: Callable[[], object], modules: Sequence[str], step: int = 1
) -> Iterator[str]:
    """Call ``action`` as often as it has moments in ``modules``, or a ``step``th of these.

    It is interrupted there. Gives where that was, each time.
    """
    number = 0
    while True:
        moments = _Moments(number, modules)
        try:
            sys.setprofile(moments)
            try:
                action()
            finally:
                sys.setprofile(None)
        except KeyboardInterrupt:
            pass
        if not moments.where:
            assert number, "it has no moments"
            return
        yield moments.where
        number += step


def open_files() -> dict[str, str]:
    """What each descriptor of this process is of."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # what lists them
            found[name] = str(Path("/proc/self/fd", name).readlink())
    return found


@contextmanager
def nothing_is_left() -> Iterator[Callable[[str], None]]:
    """What is given says whether all is as it was before, for an interrupt there."""
    from vmprof.native import lib
    from vmprof.record.launches import _hooks

    gc.collect()  # what those before have left goes now
    before = open_files()

    def check(where: str) -> None:
        if open_files().items() - before.items() or _hooks:
            gc.collect()  # what refers to itself goes later
        assert not lib.vmprof_run_is_open(), f"the recorder is left set: {where}"
        assert not _hooks, f"launches are left hooked: {where}"
        left = open_files().items() - before.items()
        assert not left, f"{left} is left open: {where}"

    yield check
