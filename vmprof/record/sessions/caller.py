"""A thread that calls: its buffers, and the counters of the session opened again for it."""

from __future__ import annotations

import os
from typing import Any

from vmprof.counters.source import Source
from vmprof.counters.team import Team
from vmprof.errors import VmprofError
from vmprof.native import ffi, lib
from vmprof.record.plan import OpenPlan
from vmprof.record.recorder import Reading
from vmprof.recording.tables import TIMED


class Caller:
    """A thread that calls: its buffers, and counters of its own.

    ``problem`` says why it could not open them; then it records times alone.
    """

    def __init__(self, session: Any, plan: OpenPlan, max_records: int, *, tasks: bool) -> None:
        self.pid = os.getpid()
        self.problem: str | None = None
        self._sources: list[Source] = []
        self._teams: list[Team] = []
        self.pointer = lib.vmprof_caller_new(session, max_records)
        if self.pointer == ffi.NULL:
            raise MemoryError
        also = lib.VMPROF_TASKS if tasks else 0
        opened = self._open(plan)
        storages = lib.VMPROF_STORAGES
        self._turn(int(Reading.TIME) | storages | also, [], None, max_records)
        for number in range(len(plan.counters.passes)):
            sources = opened[number] if self.problem is None else []
            team = Team(sources)
            self._teams.append(team)
            self._turn(int(Reading.COUNTERS) | also, sources, team, max_records)

    def _open(self, plan: OpenPlan) -> list[list[Source]]:
        opened: list[list[Source]] = []
        for one in plan.counters.passes:
            opened.append([])
            for source in one.sources:
                try:
                    own = source.again()
                except VmprofError as error:
                    self.problem = str(error)
                    return opened
                self._sources.append(own)
                opened[-1].append(own)
        return opened

    def _turn(self, mode: int, sources: list[Source], team: Team | None, max_records: int) -> None:
        code = lib.vmprof_caller_turn(
            self.pointer,
            mode,
            [source.pointer for source in sources],
            len(sources),
            team.pointer if team else ffi.NULL,
            max_records,
        )
        if code != 0:
            raise MemoryError(os.strerror(-code))

    @property
    def address(self) -> int:
        return int(ffi.cast("intptr_t", self.pointer))

    @property
    def is_busy(self) -> bool:
        return bool(lib.vmprof_caller_is_busy(self.pointer))

    @property
    def is_gone(self) -> bool:
        return bool(lib.vmprof_caller_is_gone(self.pointer))

    def team_problem(self) -> str | None:
        """Why a thread of TVM's pool could not count, if so."""
        return next((each for team in self._teams if (each := team.problem())), None)

    @property
    def missed_storages(self) -> bool:
        """Whether there were storages whose size or life could not be seen."""
        timed = lib.vmprof_caller_recorder(self.pointer, TIMED)
        return bool(lib.vmprof_storages_missed(timed))

    def close(self) -> None:
        """Give everything back; the thread is in no invocation."""
        lib.vmprof_caller_release(self.pointer)
        for team in self._teams:
            team.close()
        while self._sources:
            self._sources.pop().close()
