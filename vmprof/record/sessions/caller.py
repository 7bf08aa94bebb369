"""A thread that calls: its buffers, and the counters of the session opened again for it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from vmprof.counters import Pass
from vmprof.counters.reading.others import take_hits
from vmprof.counters.source import Source
from vmprof.counters.team import Team
from vmprof.errors import VmprofError
from vmprof.native import ffi, lib, owned
from vmprof.record.recorder import Reading
from vmprof.recording.tables import TIMED
from vmprof.sampling.hits import Found


class Caller:
    """A thread that calls: its buffers, and counters of its own.

    ``problem`` says why it could not open them; then it records times alone. ``unsampled`` says
    why its samples could not be opened, if ``sampled`` is a pass.
    """

    def __init__(
        self,
        session: Any,
        passes: Sequence[Pass],
        sampled: Pass | None,
        max_records: int,
        *,
        tasks: bool,
    ) -> None:
        self.pid = os.getpid()
        self.problem: str | None = None
        self.unsampled: str | None = None
        self._sources: list[Source] = []
        self._teams: list[Team] = []
        self.pointer = owned(lib.vmprof_caller_release, lib.vmprof_caller_new, session, max_records)
        if self.pointer == ffi.NULL:
            raise MemoryError
        also = lib.VMPROF_TASKS if tasks else 0
        opened: list[list[Source]] = []
        try:
            opened += [self._open(one) for one in passes]
        except VmprofError as error:
            self.problem, opened = str(error), [[] for _ in passes]
        storages = lib.VMPROF_STORAGES
        self._turn(int(Reading.TIME) | storages | also, [], None, max_records)
        for sources in opened:
            self._turn(int(Reading.COUNTERS) | also, sources, self._team(sources), max_records)
        self._sampling = None if sampled is None else self._sample(sampled, max_records)

    def _open(self, one: Pass) -> list[Source]:
        """Its sources; :class:`VmprofError` if one cannot be had."""
        opened = []
        for source in one.sources:
            opened.append(source.again())
            self._sources.append(opened[-1])
        return opened

    def _team(self, sources: list[Source]) -> Team:
        self._teams.append(Team(sources))
        return self._teams[-1]

    def _sample(self, sampled: Pass, max_records: int) -> Team:
        """The last turn: samples are told apart by the time that calls and tasks took."""
        sources: list[Source] = []
        try:
            sources = self._open(sampled)
        except VmprofError as error:
            self.unsampled = str(error)
        team = self._team(sources)
        mode = int(Reading.TIME | Reading.COUNTERS) | lib.VMPROF_TASKS
        self._turn(mode, sources, team, max_records)
        return team

    def take(self) -> Found | None:
        """The samples of its invocations, None if it takes none; while it is in no invocation."""
        return None if self._sampling is None else take_hits(self._sampling.pointer)

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
        ffi.release(self.pointer)
        for team in self._teams:
            team.close()
        while self._sources:
            self._sources.pop().close()
