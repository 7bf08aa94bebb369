"""From many servers at once to a study on disk: what one of them does wrong costs its row alone.

Nothing here knows what a server is: :class:`Servers` are TVM's tracker and what it has
(:mod:`vmprof.remote.tracked`), or recorded answers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Protocol

from vmprof.compare.study import Study, StudyFolder
from vmprof.compare.study.gathered import Gathered
from vmprof.errors import VmprofError
from vmprof.progress import Progress, Step, silent
from vmprof.remote.limits import Limits
from vmprof.report.model import Report

# Seconds. How long a free server is waited for before one looks who is done; how often the list
# of servers is asked for; how long a server that has used up its time may take to end.
_TURN, _BETWEEN_LISTS, _GRACE = 0.05, 2.0, 5.0
# Servers whose doings are told in one line.
_MOST_TOLD = 4


class Server(Protocol):
    """One that was given to us, to be used once."""

    @property
    def address(self) -> str:
        """What it is called in the list."""

    def measured(self, progress: Progress) -> Report:
        """What was asked of it; :class:`VmprofError` says why not."""

    def hang_up(self) -> None:
        """End :meth:`measured` from another thread, if it can be ended."""


class Servers(Protocol):
    """Those that there are; each is free, or somebody's."""

    def listed(self) -> Sequence[str]:
        """The addresses of all, free or not."""

    def given(self, seconds: float) -> Server | None:
        """The next that is free, waited for so long."""

    def put_off(self, server: Server) -> None:
        """It was given and is not wanted: others may have it, and the next ones are asked for."""


def gather(
    servers: Servers, folder: StudyFolder, limits: Limits, progress: Progress = silent
) -> Study:
    """Have every server measure that ``folder`` has no report of, and keep what comes.

    What cannot be written raises :class:`VmprofError`, and ends it; what arrived before is kept.
    """
    with folder.held():
        listed = dict.fromkeys(servers.listed())
        folder.plan(listed)
        gathering = _Gathering(servers, folder, limits, progress)
        gathering.give_up(
            [point for point in gathering.wanted if point not in listed],
            "it is not registered at the tracker any more",
        )
        try:
            gathering.run()
        finally:
            gathering.hang_up()
        return Study(folder, gathering.gathered)


@dataclass
class _Job:
    server: Server
    thread: Thread
    ends: float
    hung_up: bool = False


class _Gathering:
    def __init__(
        self, servers: Servers, folder: StudyFolder, limits: Limits, progress: Progress
    ) -> None:
        self._servers = servers
        self._folder = folder
        self._limits = limits
        self.gathered = Gathered(folder.points)
        arrived = set(folder.arrived())
        # In the order of the plan; a dict, to take out of quickly.
        self.wanted = dict.fromkeys(point for point in folder.points if point not in arrived)
        self._board = _Board(progress, len(self.wanted))
        self._jobs: dict[str, _Job] = {}
        self._done: SimpleQueue[tuple[Server, Report | str]] = SimpleQueue()
        self._abandoned: list[Thread] = []

    def run(self) -> None:
        now = time.monotonic()
        moved, looked = now, now
        while self.wanted or self._jobs:
            try:
                takes = self.wanted and len(self._jobs) < self._limits.jobs
                if takes and self._take():
                    moved = time.monotonic()
                if self.wanted and time.monotonic() - looked > _BETWEEN_LISTS:
                    looked = time.monotonic()
                    self._look()
            except VmprofError as error:  # of the tracker, which servers at work do not need
                self.give_up([*self.wanted], str(error))
                takes = False
            if self._settle(0 if takes else _TURN):
                moved = time.monotonic()
            now = time.monotonic()
            self._end_late(now)
            if not self._jobs and now - moved > self._limits.seconds:
                self.give_up(
                    [*self.wanted],
                    f"the tracker did not give it within {self._limits.seconds:g} s: another "
                    "client has it, or it hangs",
                )

    def give_up(self, points: Sequence[str], reason: str) -> None:
        """They are waited for no longer."""
        for point in points:
            del self.wanted[point]
            self._folder.keep_reason(point, reason)
            self._board.over(point, failed=True)

    def hang_up(self) -> None:
        """Nobody is waited for any more, but threads for a moment, so that they end in order."""
        for job in self._jobs.values():
            if not job.hung_up:
                job.server.hang_up()
        ends = time.monotonic() + _GRACE
        for thread in [*(job.thread for job in self._jobs.values()), *self._abandoned]:
            thread.join(max(0.0, ends - time.monotonic()))

    def _look(self) -> None:
        listed = set(self._servers.listed())
        self.give_up(
            [point for point in self.wanted if point not in listed],
            "it left the tracker before it was asked: its process has ended, or the network is "
            "interrupted",
        )

    def _take(self) -> bool:
        """Whether there was a server that we want."""
        server = self._servers.given(_TURN)
        if server is None:
            return False
        if server.address not in self.wanted:
            self._servers.put_off(server)
            return False
        del self.wanted[server.address]
        thread = Thread(target=self._measure, args=(server,), name="vmprof-fleet", daemon=True)
        ends = time.monotonic() + self._limits.seconds
        self._jobs[server.address] = _Job(server, thread, ends)
        thread.start()
        return True

    def _measure(self, server: Server) -> None:
        """In a thread of its own."""
        answer: Report | str
        try:
            answer = server.measured(self._board.of(server.address))
        except VmprofError as error:
            answer = error.command_line
        except Exception as error:  # noqa: BLE001 # a server does what it likes
            answer = f"{type(error).__name__}: {' '.join(str(error).split())}"
        self._done.put((server, answer))

    def _settle(self, seconds: float) -> bool:
        """Keep what has come, waited for so long; whether something has."""
        settled = False
        try:
            while True:
                server, answer = self._done.get(timeout=0 if settled or not seconds else seconds)
                settled = True
                job = self._jobs.get(server.address)
                if job is None or job.server is not server:
                    continue  # it came too late, and was given up
                if isinstance(answer, Report):
                    self._folder.keep(server.address, answer)
                    self.gathered.add(server.address, answer)
                else:
                    self._folder.keep_reason(
                        server.address, self._late() if job.hung_up else answer
                    )
                del self._jobs[server.address]
                self._board.over(server.address, failed=not isinstance(answer, Report))
        except Empty:
            return settled

    def _end_late(self, now: float) -> None:
        """Of servers whose time is up: first the connection is closed, then they are given up."""
        for address, job in [*self._jobs.items()]:
            if now > job.ends and not job.hung_up:
                job.server.hang_up()
                job.hung_up = True
            elif now > job.ends + _GRACE:
                self._abandoned.append(job.thread)
                del self._jobs[address]
                self._folder.keep_reason(address, self._late())
                self._board.over(address, failed=True)

    def _late(self) -> str:
        return f"it took longer than {self._limits.seconds:g} s (--limit)"


class _Board:
    """What all servers do, in a line that begins with the one that was heard of last."""

    def __init__(self, progress: Progress, servers: int) -> None:
        self._progress = progress
        self._servers = servers
        self._lock = Lock()
        self._steps: dict[str, str] = {}
        self._parts: dict[str, float] = {}  # of what each does, how much is done
        self._over: set[str] = set()
        self._failed = 0

    def of(self, address: str) -> Progress:
        if self._progress is silent:
            return silent

        def tell(step: str) -> None:
            with self._lock:
                if address not in self._over:
                    self._steps.pop(address, None)
                    self._steps[address] = step
                    part = step.done if isinstance(step, Step) else 0.0
                    self._parts[address] = max(part, self._parts.get(address, 0.0))
                    self._show()

        return tell

    def over(self, address: str, *, failed: bool) -> None:
        with self._lock:
            self._over.add(address)
            self._steps.pop(address, None)
            self._parts.pop(address, None)
            self._failed += failed
            self._show()

    def _show(self) -> None:
        if self._progress is silent:
            return
        failed = f", {self._failed:,} failed" if self._failed else ""
        told = [*self._steps.items()][: -_MOST_TOLD - 1 : -1]
        doing = "".join(f"; {address}: {step}" for address, step in told)
        text = f"{len(self._over):,} of {self._servers:,} servers{failed}{doing}"
        done = (len(self._over) + sum(self._parts.values())) / max(1, self._servers)
        self._progress(Step(text, done))
