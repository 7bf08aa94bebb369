"""What the server does for a client, step by step."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Semaphore

from vmprof.errors import VmprofError, VmprofWarning
from vmprof.progress import Progress, Step
from vmprof.remote.exchange import News, Problem

# To tell more often takes the time of the network, and nobody could read it.
_SECONDS_BETWEEN = 0.2


class Job:
    """``work`` that one thread does while another one, which serves the client, waits for it.

    When it tells what it does, it stands still until the client has heard of it and waits again:
    so between two steps, whatever is measured there, there is nothing on the connection.
    Nobody is told of ``folder``, in which files lie that the client knows by their names.
    """

    def __init__(self, work: Callable[[Progress], bytes], folder: Path) -> None:
        self._work = work
        self._folder = re.compile(rf"{re.escape(str(folder))}/(\d+/)?")
        self._go = Semaphore(0)
        self._news: SimpleQueue[News] = SimpleQueue()
        self._told = -float("inf")
        self.result = b""

    def wait(self) -> News:
        """Let it go on until there is something to tell."""
        self._go.release()
        return self._news.get()

    def run(self) -> None:
        """Do the work, once somebody waits for it."""
        self._go.acquire()
        problem = None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", VmprofWarning)
            try:
                self.result = self._work(self._tell)
            except BaseException as error:  # noqa: BLE001 # the model's too, down to SystemExit
                problem = self._problem(error)
        self._news.put(
            News(
                over=True,
                bytes=len(self.result),
                problem=problem,
                warnings=tuple(
                    self._known(each.message)
                    for each in caught
                    if issubclass(each.category, VmprofWarning)
                ),
            )
        )

    def _tell(self, step: str) -> None:
        if time.monotonic() - self._told < _SECONDS_BETWEEN:
            return
        done = step.done if isinstance(step, Step) else None
        self._news.put(News(step=self._known(step), done=done))
        self._go.acquire()
        self._told = time.monotonic()

    def _problem(self, error: BaseException) -> Problem:
        """``error`` as the client raises it again."""
        notes = tuple(map(self._known, getattr(error, "__notes__", ())))
        if isinstance(error, VmprofError):
            return Problem(self._known(error), self._known(error.command_line), notes)
        told = self._known(f"{type(error).__name__}: {error}")
        return Problem(told, told, notes)

    def _known(self, text: object) -> str:
        """``text`` with what the client knows alone."""
        return self._folder.sub("", str(text))
