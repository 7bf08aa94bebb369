"""Measuring in processes of their own, one after the other: what differs from start to start.

Where memory lies, what the loader did, what else the machine does: within one process all of it
is as it happens to be.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pickle import PicklingError

from vmprof.errors import VmprofError
from vmprof.progress import Progress, silent
from vmprof.report.model import Report

_UNGUARDED = "a script that wants several processes does its work below if __name__ == '__main__':"


def in_processes(
    makers: Sequence[Callable[[], Report]], starts: int, *, progress: Progress = silent
) -> list[list[Report]]:
    """So many reports of each of ``makers``, each made in a fresh process, one at a time.

    Of several makers the starts come in random order, so that a drift of the machine favours
    none. ``makers`` have to be picklable. Raises :class:`VmprofError` as they do, and if a
    process ends before it has a report.
    """
    order = [*range(len(makers))] * starts
    random.shuffle(order)
    found: list[list[Report]] = [[] for _ in makers]
    for number, which in enumerate(order, start=1):
        progress(f"start {number} of {len(order)}")
        found[which].append(_in_process(makers[which]))
    return found


def _in_process(make: Callable[[], Report]) -> Report:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(theirs, make), daemon=True)
    try:
        process.start()
    except RuntimeError as failure:
        # This process is such a one itself, which begins by importing the script.
        raise VmprofError(_UNGUARDED) from failure
    except (PicklingError, TypeError, AttributeError, ValueError) as failure:
        raise VmprofError(
            f"it cannot be handed to another process: {failure}; export the model, and give the "
            "file"
        ) from failure
    theirs.close()
    try:
        text, error = ours.recv()
    except EOFError:
        process.join()
        raise VmprofError(
            f"a process ended before it had measured anything, with exit code {process.exitcode}; "
            f"without several processes vmprof may say more; {_UNGUARDED}"
        ) from None
    finally:
        if process.exitcode is None:
            process.join(_PATIENCE)
            process.kill()
        process.join()
    if error is not None:
        raise VmprofError(error)
    return Report.from_json(text)


_PATIENCE = 5.0  # seconds for a process to end that has said all


def _send(to: Connection, make: Callable[[], Report]) -> None:
    # An interrupt is the parent's business, which then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        to.send((make().json(), None))
    except Exception as error:  # noqa: BLE001 # the model's too
        told = f"{type(error).__name__}: {error}"
        if isinstance(error, VmprofError):
            told = error.command_line
        to.send(("", "; ".join([told, *getattr(error, "__notes__", ())[:2]])))
