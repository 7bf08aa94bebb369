"""perf_event groups of the calling thread: opening them, as far as the machine permits."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import product
from types import TracebackType

from vmprof.counters.encoding import (
    BREAKPOINT,
    SOFTWARE,
    SOFTWARE_KIND,
    TRACEPOINT,
    Encoding,
    Event,
)
from vmprof.counters.hardware.machine import Machine
from vmprof.counters.hardware.permissions import explain, kernel_needed
from vmprof.counters.source import Sample, Source
from vmprof.native import ffi, lib, owned
from vmprof.runs.layout import Layout

_DENIED = (errno.EACCES, errno.EPERM)


class Refused(Exception):  # noqa: N818  not an error of the program
    """``event`` cannot be counted; ``reason`` says why and what to do."""

    def __init__(self, event: Event, reason: str, code: int) -> None:
        super().__init__(f"{event.name}: {reason}")
        self.event = event
        self.reason = reason
        self.code = code


@dataclass
class Opener:
    """Opens groups for the calling thread of this process on ``machine``.

    Where the permission level hides the kernel, the first event that opens
    without it sets ``user_only``: from then on all events count user space
    alone, so that their numbers go together. ``threads`` are the kernel's numbers of
    other threads to count besides, or instead of the calling one (0); with ``inherit``
    also whatever all these start from then on.
    """

    machine: Machine
    user_only: bool = False
    threads: Sequence[int] = (0,)
    inherit: bool = False

    def open(
        self, events: Sequence[Event], *, pinned: bool = True, user_reads: bool = True
    ) -> CounterGroup:
        """Open ``events``, to be counted at the same time; :class:`Refused` if one is not.

        ``pinned``: they count all the time or the group's readings fail, they
        are never multiplexed. ``user_reads``: windows read without a system
        call where machine and kernel allow it.
        """
        try:
            return self._open(events, pinned=pinned, user_reads=user_reads)
        except Refused as refused:
            if refused.code not in _DENIED or self.user_only:
                raise
            denied = refused
        self.user_only = True
        try:
            return self._open(events, pinned=pinned, user_reads=user_reads)
        except Refused as refused:
            self.user_only = False
            if refused.code in _DENIED:
                raise denied from refused
            raise

    def _open(self, events: Sequence[Event], *, pinned: bool, user_reads: bool) -> CounterGroup:
        group = CounterGroup(events)
        # A hybrid's groups take turns as the thread moves. Pinning them would turn a move into
        # an error; and whether they count together all the time, only their times can tell.
        if self.machine.is_hybrid:
            pinned = user_reads = False
        try:
            for thread in self.threads:
                for members in _by_kind(events):
                    source = self._open_source(
                        members, thread, pinned=pinned, user_reads=user_reads
                    )
                    if source is not None:
                        group.add(source, thread)
            if self.user_only:
                self._check_levels(events)
        except BaseException:
            group.close()
            raise
        return group

    def _check_levels(self, events: Sequence[Event]) -> None:
        """Those that open without the kernel, and would read 0 for ever."""
        for event in events:
            if event.in_kernel or any(e.exclude_user for e in event.encodings):
                raise Refused(event, kernel_needed(self.machine), 0)

    def _open_source(
        self,
        members: Sequence[tuple[Event, Encoding]],
        thread: int,
        *,
        pinned: bool,
        user_reads: bool,
    ) -> Source | None:
        """None if the thread is gone."""
        asked = ffi.new("vmprof_event[]", len(members))
        for target, (_, encoding) in zip(asked, members, strict=True):
            self._fill(target, encoding, user_reads=user_reads)
            target.pid, target.inherit = thread, self.inherit
        problem = ffi.new("int64_t[2]")
        pointer = owned(
            lib.vmprof_source_close,
            lib.vmprof_group_open,
            *(asked, len(members), pinned, user_reads, problem),
        )
        if pointer == ffi.NULL:
            event, code = members[problem[0]][0], int(-problem[1])
            if thread and code == errno.ESRCH:
                return None
            raise Refused(event, explain(code, event, self.machine, beside=len(members) - 1), code)
        return Source(pointer, [event.name for event, _ in members])

    def _fill(self, target: object, encoding: Encoding, *, user_reads: bool) -> None:
        if user_reads:
            encoding = self._with_user_access(encoding)
        for name in (
            "type", "config", "config1", "config2", "config3", "bp_type",
            "exclude_user", "exclude_kernel", "exclude_hv", "exclude_guest", "exclude_host",
        ):  # fmt: skip
            setattr(target, name, int(getattr(encoding, name)))
        if self.user_only:
            target.exclude_kernel = target.exclude_hv = 1  # type: ignore[attr-defined]
        target.cpu = -1  # type: ignore[attr-defined]

    def _with_user_access(self, encoding: Encoding) -> Encoding:
        """Arm wants to be asked: the format term ``rdpmc`` (drivers/perf/arm_pmuv3.c)."""
        if not self.machine.perf_user_access:
            return encoding
        pmus = [self.machine.pmus.get(encoding.pmu), *self.machine.core_pmus]
        term = next((p.formats["rdpmc"] for p in pmus if p and "rdpmc" in p.formats), None)
        if term is None or encoding.type in (SOFTWARE, TRACEPOINT, BREAKPOINT):
            return encoding
        assert term.word == "config1"
        return replace(encoding, config1=encoding.config1 | 1 << term.ranges[0][0])


def _by_kind(events: Sequence[Event]) -> list[list[tuple[Event, Encoding]]]:
    """The members of one kernel group for each kind of events."""
    groups: dict[str, list[tuple[Event, Encoding]]] = {}
    for event in events:
        for encoding in event.encodings:
            groups.setdefault(encoding.kind, []).append((event, encoding))
    clocks = [members for members in groups.values() if members[0][1].is_clock]
    if clocks:
        # It leads the software events, for fewer reads.
        clocks[0] += groups.pop(SOFTWARE_KIND, [])
    return list(groups.values())


class CounterGroup(AbstractContextManager["CounterGroup"]):
    """``events`` that are counted together, for the calling thread or several.

    ``sources`` are what is read: for each thread a kernel group per kind of event, and per
    core PMU of a hybrid. ``skew_ns`` is how far apart in time the first and the last of them
    were read in `count`. Nothing is counted until `enable`. Use as a context manager:
    descriptors are closed whatever happens.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = tuple(events)
        self.sources: list[Source] = []
        self.skew_ns = 0
        self._threads: list[int] = []

    def add(self, source: Source, thread: int = 0) -> None:
        self.sources.append(source)
        self._threads.append(thread)

    @property
    def layout(self) -> Layout:
        columns = tuple(event.name for event in self.events)
        return Layout(
            columns,
            tuple(tuple(map(columns.index, source.columns)) for source in self.sources),
            threads=tuple(self._threads),
            skew_ns=self.skew_ns,
        )

    def enable(self) -> bool:
        """Whether all of it counts now."""
        codes = [source.enable() for source in self.sources]
        return not any(codes)

    def disable(self) -> bool:
        """Whether all of it counted what it should."""
        codes = [source.disable() for source in self.sources]
        return not any(codes)

    def reads_by_system_call(self) -> int:
        """How many system calls a window's reading takes; tells only while it counts."""
        return sum(
            not lib.vmprof_group_reads_in_user_space(source.pointer) for source in self.sources
        )

    def read(self) -> list[Sample] | None:
        """A sample of each source, or None if one failed."""
        samples = [source.read() for source in self.sources]
        return None if None in samples else [s for s in samples if s is not None]

    def count(self, work: Callable[[], object]) -> list[Sample] | None:
        """What each source counts over ``work``, enabled before and disabled after it.

        None if it did not count, or a reading failed.
        """
        whole = bool(self.sources)
        try:
            whole &= self.enable()
            first, before = self.read(), self.read()
            work()
            after = self.read()
        finally:
            whole &= self.disable()
        if first is None or before is None or after is None or not whole:
            return None
        self.skew_ns = max(self.skew_ns, before[0].enabled_ns - first[0].enabled_ns)
        return [now.since(then) for now, then in zip(after, before, strict=True)]

    def lost_ns(self, spent: Sequence[Sample]) -> int:
        """For how long some event was enabled and did not count, of what `count` gave.

        The groups of one event on a hybrid's kinds of cores take turns: together they
        count all the time.
        """
        layout = self.layout
        lost = 0
        for column, thread in product(range(len(layout.columns)), set(layout.threads)):
            samples = [
                sample
                for sample, columns, of in zip(spent, layout.sources, layout.threads, strict=True)
                if column in columns and of == thread
            ]
            if samples:
                enabled = min(sample.enabled_ns for sample in samples)
                running = sum(sample.running_ns for sample in samples)
                lost = max(lost, enabled - running - layout.skews_ns[column])
        return lost

    def close(self) -> None:
        while self.sources:
            self.sources.pop().close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
