"""What a session counts: planned once, opened again by each thread that calls."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vmprof.counters import Counters, Machine, Pass, open_counters
from vmprof.counters.reading.scope import Scope
from vmprof.counters.sets import CounterSet, choose, load_set
from vmprof.counters.source import Source
from vmprof.counters.team import Team
from vmprof.native import ffi, lib
from vmprof.record.recorder import Reading
from vmprof.record.sessions.options import SessionOptions
from vmprof.recording.tables import CountedPass
from vmprof.values import Metric

_DEFAULT_SET = "default"


@dataclass
class Plan:
    """``counters`` were opened by the thread that opened the session, and are never enabled."""

    counters: Counters
    counted: CounterSet

    @classmethod
    def of(cls, options: SessionOptions) -> Plan:
        """Find out what can be counted here; :class:`VmprofError` for a wrong name."""
        description = Machine.read()
        chosen = choose(options.counters or _DEFAULT_SET, description)
        fallback = load_set(chosen.fallback, description) if chosen.fallback else None
        counters = open_counters(
            chosen.groups,
            description,
            otherwise=fallback.groups if fallback else (),
            multiplex=options.multiplex,
            scope=Scope(options.count),
        )
        return cls(counters, fallback if fallback and counters.fell_back else chosen)

    @property
    def passes(self) -> Sequence[Pass]:
        return self.counters.passes

    def described(self) -> tuple[CountedPass, ...]:
        return tuple(
            CountedPass(one.layout.columns, one.how, one.layout.multiplexed) for one in self.passes
        )

    def missing(self) -> dict[str, str]:
        wide = dict.fromkeys(
            self.counters.wide.columns,
            "is counted for whole processors, and a session counts threads; use vmprof run",
        )
        return {**self.counters.refused, **wide}

    def facts(self) -> dict[str, Metric]:
        counters, facts = self.counters, dict[str, Metric]()
        if counters.passes:
            facts["Counters"] = (
                f"{counters.scope.seen}, "
                + ("user space only" if counters.user_only else "user space and kernel")
                + ", in invocations of their own"
            )
            facts["Counters do not tell"] = counters.scope.unseen
        facts |= counters.notes
        if self.counted.name:
            facts["Counter set"] = self.counted.name
        return facts

    def close(self) -> None:
        self.counters.close()


class Caller:
    """A thread that calls: its buffers, and counters of its own.

    ``problem`` says why it could not open them; then it records times alone.
    """

    def __init__(self, session: Any, plan: Plan, max_records: int, *, tasks: bool) -> None:
        self.pid = os.getpid()
        self.problem: str | None = None
        self._sources: list[Source] = []
        self._teams: list[Team] = []
        self.pointer = lib.vmprof_caller_new(session, max_records)
        if self.pointer == ffi.NULL:
            raise MemoryError
        also = lib.VMPROF_TASKS if tasks else 0
        opened = self._open(plan)
        self._turn(int(Reading.TIME) | also, [], None, max_records)
        for number in range(len(plan.passes)):
            sources = opened[number] if self.problem is None else []
            team = Team(sources)
            self._teams.append(team)
            self._turn(int(Reading.COUNTERS) | also, sources, team, max_records)

    def _open(self, plan: Plan) -> list[list[Source]]:
        opened: list[list[Source]] = []
        for one in plan.passes:
            opened.append([])
            for source in one.sources:
                problem = ffi.new("int64_t[2]")
                pointer = lib.vmprof_source_clone(source.pointer, problem)
                if pointer == ffi.NULL:
                    event, code = problem
                    self.problem = (
                        f"{source.columns[event]} could not be opened in a thread: "
                        f"{os.strerror(-code)}"
                    )
                    return opened
                own = Source(pointer, source.columns)
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

    def close(self) -> None:
        """Give everything back; the thread is in no invocation."""
        lib.vmprof_caller_release(self.pointer)
        for team in self._teams:
            team.close()
        while self._sources:
            self._sources.pop().close()
