"""One perf_event group of the calling thread."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from vmprof.counters.events import REFERENCE, SOFTWARE_EVENTS, Event, parse_events
from vmprof.counters.machine import Machine
from vmprof.counters.permissions import explain, kernel_needed
from vmprof.native import lib

_DENIED = (-errno.EACCES, -errno.EPERM)


class CounterGroup(AbstractContextManager["CounterGroup"]):
    """Events that are counted together, for the calling thread, and read with one read().

    ``events`` are those that opened, in the order in which the group reads
    them; ``refused`` says of each other one why not and what to do. Where the
    permission level hides the kernel, ``user_only`` is true and the events
    count user space alone. The group counts nothing between `disable` and
    `enable`, and begins disabled. Use as a context manager: descriptors are
    closed whatever happens.
    """

    def __init__(self, events: Sequence[Event], machine: Machine | None = None) -> None:
        self._machine = machine or Machine.read()
        self._descriptors: list[int] = []
        self.events: list[Event] = []
        self.refused: dict[str, str] = {}
        self.user_only = False
        try:
            for event in events:
                self._add(event)
        except BaseException:
            self.close()
            raise

    @property
    def leader(self) -> int:
        """The descriptor to read; -1 for a group without events."""
        return self._descriptors[0] if self._descriptors else -1

    def enable(self) -> None:
        if self._descriptors:
            lib.vmprof_group_enable(self.leader)

    def disable(self) -> None:
        if self._descriptors:
            lib.vmprof_group_disable(self.leader)

    def close(self) -> None:
        # Members first: closing a leader makes leaders of its members.
        while self._descriptors:
            lib.vmprof_event_close(self._descriptors.pop())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _add(self, event: Event) -> None:
        result = self._open(event)
        if result in _DENIED and not self._descriptors and not self.user_only:
            # The level of permission is the same for all events: the first one
            # that opens settles it for the group.
            self.user_only = True
            result = self._open(event)
            self.user_only = result >= 0
        if result < 0:
            self.refused[event.name] = explain(-result, event, self._machine)
        elif self.user_only and event.in_kernel:
            lib.vmprof_event_close(result)
            self.refused[event.name] = kernel_needed(self._machine)
        else:
            self._descriptors.append(result)
            self.events.append(event)

    def _open(self, event: Event) -> int:
        encoding = event.encodings[0]
        descriptor: int = lib.vmprof_event_open(
            encoding.type, encoding.config, self.user_only, self.leader
        )
        return descriptor


def open_default() -> CounterGroup:
    """The five of TVM's reports where any of them opens, else the software events.

    What was refused, of the five too, is in the group's ``refused``.
    """
    machine = Machine.read()
    group = CounterGroup(_named(REFERENCE, machine), machine)
    if group.events:
        return group
    software = CounterGroup(_named(SOFTWARE_EVENTS, machine), machine)
    software.refused = {**group.refused, **software.refused}
    return software


def _named(names: Sequence[str], machine: Machine) -> list[Event]:
    return [event for group in parse_events(",".join(names), machine) for event in group]
