"""Is this TVM as vmprof takes it to be? Asked of versions that its tests never ran with.

What differs in memory may end the process instead of giving a wrong answer: the trials of
:mod:`vmprof.record.assumptions` run in a child.
"""

from __future__ import annotations

import os
import select
import signal
import time
import warnings
from collections.abc import Iterable, Iterator
from functools import cache

from vmprof import json_text
from vmprof.errors import VmprofError, VmprofWarning
from vmprof.record.assumptions import Assumption, names, tried
from vmprof.tested import TESTED, untested
from vmprof.vm.tested import versions

_PATIENCE_S = 30


# Of a child in which TVM is tried: there it is what it is.
_is_trial = False


@cache
def check_tvm() -> None:
    """Try whether TVM is as vmprof takes it to be, unless it is of a version that was tested.

    It is asked before anything runs, and once is enough. Warns (:class:`VmprofWarning`) of a
    version that was not tested and is as it should be; :class:`VmprofError` says what is otherwise.
    """
    if _is_trial or not (found := untested(versions())):
        return
    text = " and ".join(found)
    remedy = "pip install " + " ".join(f"{name}=={tested[0]}" for name, tested in TESTED.items())
    for each in trials():
        if each.failure is not None:
            raise VmprofError(
                f"vmprof cannot measure with {text}: it takes for granted that {each.what}, and "
                f"{each.failure}; {remedy}"
            )
    warnings.warn(
        f"vmprof was not tested with {text}; what it takes for granted of TVM was tried, and holds "
        f"(vmprof doctor); as tested: {remedy}",
        VmprofWarning,
        stacklevel=2,
    )


def trials() -> list[Assumption]:
    """Each assumption, tried in a child of this process; those behind one that ends it are not."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Newer Pythons warn of forks beside threads: the child calls nothing that other
        # threads may hold a lock of for long, and is not waited for without end.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        lines = list(_lines(answers.fileno()))
    return list(_judged(lines, _ended(child, killed=lines[-1:] == [None])))


def _answer(writing: int) -> None:
    """The child: a line for each assumption, and no more of this process' life."""
    global _is_trial  # noqa: PLW0603
    _is_trial = True
    try:
        for each in tried():
            os.write(writing, (json_text.dumps(each.failure) + "\n").encode())
    finally:
        os._exit(0)


def _lines(reading: int) -> Iterator[str | None]:
    """What the child writes; None at the end if it was too long about it."""
    text, end = b"", time.monotonic() + _PATIENCE_S
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            yield None
            return
        if not (more := os.read(reading, 1 << 16)):
            return
        *lines, text = (text + more).split(b"\n")
        yield from map(bytes.decode, lines)


def _ended(child: int, *, killed: bool) -> str:
    """How it did."""
    if killed:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if killed:
        return f"a trial of it did not end in {_PATIENCE_S} s"
    if os.WIFSIGNALED(status):
        return f"a trial of it ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return "a trial of it ended early"


def _judged(lines: Iterable[str | None], end: str) -> Iterator[Assumption]:
    failures = [json_text.loads(line) for line in lines if line is not None]
    all_names = names()
    for what, failure in zip(all_names, failures, strict=False):
        yield Assumption(what, failure)
    if len(failures) < len(all_names):
        yield Assumption(all_names[len(failures)], end)
