"""What the server does for a client, step by step."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from queue import SimpleQueue
from threading import Semaphore, Thread

from vmprof.errors import VmprofError, VmprofWarning
from vmprof.progress import Progress, Step
from vmprof.remote.exchange import News, Problem

# To tell more often takes the time of the network, and nobody could read it.
_SECONDS_BETWEEN = 0.2


class Job:
    """``work`` in a thread of its own, which goes on only while somebody waits for it.

    When it tells what it does, it stands still until the client has heard of it and waits again:
    so between two steps, whatever is measured there, there is nothing on the connection.
    """

    def __init__(self, work: Callable[[Progress], bytes]) -> None:
        self._work = work
        self._go = Semaphore(0)
        self._news: SimpleQueue[News] = SimpleQueue()
        self._told = -float("inf")
        self.result = b""
        Thread(target=self._run, name="vmprof-job", daemon=True).start()

    def wait(self) -> News:
        """Let it go on until there is something to tell."""
        self._go.release()
        return self._news.get()

    def _tell(self, step: str) -> None:
        if time.monotonic() - self._told < _SECONDS_BETWEEN:
            return
        self._news.put(News(step=str(step), done=step.done if isinstance(step, Step) else None))
        self._go.acquire()
        self._told = time.monotonic()

    def _run(self) -> None:
        self._go.acquire()
        problem = None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", VmprofWarning)
            try:
                self.result = self._work(self._tell)
            except Exception as error:  # noqa: BLE001 # the model's too: the client is told of all
                problem = problem_of(error)
        self._news.put(
            News(
                over=True,
                bytes=len(self.result),
                problem=problem,
                warnings=tuple(
                    str(each.message) for each in caught if issubclass(each.category, VmprofWarning)
                ),
            )
        )


def problem_of(error: Exception) -> Problem:
    """``error`` as the client raises it again."""
    notes = tuple(map(str, getattr(error, "__notes__", ())))
    if isinstance(error, VmprofError):
        return Problem(str(error), error.command_line, notes=notes)
    told = f"{type(error).__name__}: {error}"
    return Problem(told, told, type(error).__name__, notes)
