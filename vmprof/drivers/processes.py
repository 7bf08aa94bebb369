"""Measuring in processes of their own, one after the other: what differs from start to start.

Where memory lies, what the loader did, what else the machine does: within one process all of it
is as it happens to be.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import random
import signal
from collections.abc import Callable, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from vmprof.errors import VmprofError
from vmprof.progress import Progress, silent
from vmprof.report.model import Report


def in_processes(
    makers: Sequence[Callable[[], Report]],
    starts: int,
    *,
    progress: Progress = silent,
    finished: Callable[[Report], None] = lambda _: None,
) -> list[list[Report]]:
    """So many reports of each of ``makers``, each made in a fresh process, one at a time.

    Of several makers the starts come in random order, so that a drift of the machine favours
    none. ``makers`` have to be picklable. ``finished`` gets each report as it comes. Raises
    :class:`VmprofError` as they do, and if a process ends before it has a report.
    """
    order = [*range(len(makers))] * starts
    random.shuffle(order)
    found: list[list[Report]] = [[] for _ in makers]
    for number, which in enumerate(order, start=1):
        progress(f"start {number} of {len(order)}")
        found[which].append(_in_process(makers[which]))
        finished(found[which][-1])
    return found


def _in_process(make: Callable[[], Report]) -> Report:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(theirs, make, os.getpid()), daemon=True)
    try:
        _start(process)
        theirs.close()
        text, error = ours.recv()
        process.join(_PATIENCE)
    except EOFError:
        process.join()
        raise VmprofError(
            f"a process ended before it had measured anything, with exit code {process.exitcode}; "
            "vmprof run without --processes may say more"
        ) from None
    finally:
        # It is deaf to what ends this one.
        if process.pid is not None:
            process.kill()
            process.join()
    if error is not None:
        raise VmprofError(error)
    return Report.from_json(text)


def _start(process: BaseProcess) -> None:
    """Deaf to interrupts from the beginning: they are our business, and we end it."""
    resource_tracker.ensure_running()  # or it is started meanwhile, and unblocks them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_PATIENCE = 5.0  # seconds for a process to end that has said all
_DEATH_OF_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def _send(to: Connection, make: Callable[[], Report], parent: int) -> None:
    ctypes.CDLL(None).prctl(_DEATH_OF_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        return  # it has ended already
    try:
        to.send((make().json(), None))
    except Exception as error:  # noqa: BLE001 # the model's too
        told = f"{type(error).__name__}: {error}"
        if isinstance(error, VmprofError):
            told = error.command_line
        to.send(("", "; ".join([told, *getattr(error, "__notes__", ())[:2]])))
