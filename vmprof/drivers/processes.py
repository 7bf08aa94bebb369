"""Measuring in processes of their own, one after the other: what differs from start to start.

Where memory lies, what the loader did, what else the machine does: within one process all of it
is as it happens to be. And what ends such a process ends no other.
"""

from __future__ import annotations

import ctypes
import math
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pickle import PicklingError

from vmprof.errors import DIED, VmprofError
from vmprof.progress import Progress, Step, silent
from vmprof.report.model import Report
from vmprof.sampling.last_words import WORDS, Known

# Is told where to say how far it is.
Maker = Callable[[Progress], Report]
# And, besides, where to offer what it has so far, which is made if it is time for it.
Offer = Callable[[Callable[[], Report]], None]
IsolatedMaker = Callable[[Progress, Offer], Report]

_PATIENCE = 5.0  # seconds for a process to end that has said all
_BETWEEN = 1.0  # seconds from one report of what there is so far to the next
UNFINISHED = "Unfinished"  # what the configuration of such a one says
_UNGUARDED = "a script that wants several processes does its work below if __name__ == '__main__':"
_DEATH_OF_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


class DiedError(VmprofError):
    """A process ended before it had measured anything: a signal ended it, or it left by itself."""

    exit_code = DIED


def in_processes(
    makers: Sequence[Maker],
    starts: int,
    *,
    progress: Progress = silent,
    finished: Callable[[Sequence[Sequence[Report]]], None] = lambda _: None,
) -> list[list[Report]]:
    """So many reports of each of ``makers``, each made in a fresh process, one at a time.

    Of several makers the starts come in random order, so that a drift of the machine favours
    none. ``makers`` have to be picklable. ``finished`` gets all reports so far, by maker, after
    each. Raises :class:`VmprofError` as they do, and :class:`DiedError` if a process ends before
    it has a report.
    """
    order = [*range(len(makers))] * starts
    random.shuffle(order)
    found: list[list[Report]] = [[] for _ in makers]
    for number, which in enumerate(order, start=1):
        about = f"start {number} of {len(order)}" if len(order) > 1 else ""
        found[which].append(_in_process(partial(_finished, makers[which]), about, progress))
        finished(found)
    return found


def isolated(
    make: IsolatedMaker,
    *,
    progress: Progress = silent,
    so_far: Callable[[str], None] = lambda _: None,
) -> Report:
    """The report that ``make`` gives in a process of its own; errors as of :func:`in_processes`.

    ``so_far`` gets the JSON of what it has measured, every now and then between two rounds.
    """
    return _in_process(make, "", progress, so_far)


def _finished(make: Maker, progress: Progress, offer: Offer) -> Report:  # noqa: ARG001
    """What is no longer wanted once all of it is there."""
    return make(progress)


def _in_process(
    make: IsolatedMaker,
    about: str,
    progress: Progress,
    so_far: Callable[[str], None] = lambda _: None,
) -> Report:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    last_words, its_last_words = context.Pipe(duplex=False)
    process = context.Process(
        target=_send, args=(theirs, its_last_words, make, os.getpid()), daemon=True
    )
    doing, known = "", Known()
    try:
        _start(process)
        theirs.close()
        its_last_words.close()
        while not isinstance(news := ours.recv(), tuple):
            match news:
                case _SoFar(json):
                    so_far(json)
                case Known():
                    known = news
                case _News():
                    doing = news.text
                    text = ": ".join(filter(None, (about, doing)))
                    progress(text if news.done is None else Step(text, news.done))
        text, error = news
        process.join(_PATIENCE)
    except (EOFError, ConnectionResetError):
        process.join()
        code = process.exitcode or 0
        if code == 1 and not doing:  # as Python ends where it cannot import the script
            raise DiedError(f"a process could not begin: {_UNGUARDED}") from None
        where = " ".join(filter(None, (doing or "beginning", about and f"({about})")))
        if last_words.poll() and (words := os.read(last_words.fileno(), WORDS.size)):
            where = ", ".join(filter(None, (where, known.told(words))))
        raise DiedError(
            f"the process that the model ran in {_how(code)} while it was {where}: {_why(code)}"
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
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        process.start()
    except RuntimeError as failure:
        # This process is such a one itself, which begins by importing the script.
        raise VmprofError(_UNGUARDED) from failure
    except (PicklingError, TypeError, AttributeError, ValueError) as failure:
        raise VmprofError(
            f"it cannot be handed to another process: {failure}; export the model, and give the "
            "file"
        ) from failure
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _how(code: int) -> str:
    """How a process ended, of its exit code."""
    if code >= 0:
        return f"left by itself, with exit code {code}"
    number = signal.Signals(-code)
    return f"was ended by {number.name} ({signal.strsignal(number)})"


def _why(code: int) -> str:
    if code == -signal.SIGKILL:
        return (
            "somebody killed it, or Linux did, for want of memory, which leaves it no time to say "
            "in which operator"
        )
    return "what the model calls did that"


class _News:
    """What a process is doing, and what part of that is done."""

    def __init__(self, step: str) -> None:
        self.text = str(step)
        self.done = step.done if isinstance(step, Step) else None


@dataclass(frozen=True)
class _SoFar:
    """The report of the rounds that are over."""

    json: str


class _Offered:
    """In the process: sends what is offered, if the last one was sent long enough ago."""

    def __init__(self, to: Connection) -> None:
        self._to = to
        self._sent = -math.inf

    def __call__(self, made: Callable[[], Report]) -> None:
        if time.monotonic() - self._sent < _BETWEEN:
            return
        report = made()
        told = {**report.configuration, UNFINISHED: "what was measured before the process ended"}
        self._to.send(_SoFar(replace(report, configuration=told).json()))
        self._sent = time.monotonic()


def _send(to: Connection, last_words: Connection, make: IsolatedMaker, parent: int) -> None:
    ctypes.CDLL(None).prctl(_DEATH_OF_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        return  # it has ended already
    import tvm  # noqa: F401 # it has a handler for a crash, which prints the native stack

    from vmprof.record.last_words import tell

    tell(last_words.fileno(), to.send)
    try:
        to.send((make(lambda step: to.send(_News(step)), _Offered(to)).json(), None))
    except Exception as error:  # noqa: BLE001 # the model's too
        told = f"{type(error).__name__}: {error}"
        if isinstance(error, VmprofError):
            told = error.command_line
        to.send(("", "; ".join([told, *getattr(error, "__notes__", ())[:2]])))
