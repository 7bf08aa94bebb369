"""A kernel with a PMU to play: what stands behind the shim's table of system calls in tests."""

from __future__ import annotations

import errno
import random
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from vmprof.counters.encoding import BREAKPOINT, HARDWARE, SOFTWARE, TRACEPOINT
from vmprof.native import ffi, lib

_FIRST_DESCRIPTOR = 1000
_ENABLE, _DISABLE = 0x2400, 0x2401
_DISABLED, _PINNED = 1 << 0, 1 << 2
_EXCLUDE_USER, _EXCLUDE_KERNEL, _EXCLUDE_HV = 1 << 4, 1 << 5, 1 << 6
# PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING | PERF_FORMAT_GROUP
_READ_FORMAT = 1 << 0 | 1 << 1 | 1 << 3

# Of an event that samples: bit 10 says that it has a rate, two others how precise it is.
_FREQUENCY, _PRECISE_SHIFT = 1 << 10, 15
# PERF_FORMAT_LOST; where data_head, data_tail, data_offset and data_size stand in an event's page.
_READ_LOST, _RING_FIELDS = 1 << 4, 1024
_PAGE = 4096

# What the events of PERF_TYPE_HARDWARE add from one read() to the next, unless told
# otherwise: what vmprof_known_loop does to cycles, instructions and branches.
_KNOWN_LOOP = {0: 4_000_000, 1: 2_000_000, 4: 1_000_000}


@dataclass
class OpenEvent:
    """What perf_event_open was asked for, and what became of it."""

    type: int
    config: int
    config1: int
    disabled: bool
    pinned: bool
    exclude_user: bool
    exclude_kernel: bool
    leader: int
    pid: int
    cpu: int
    bp_type: int = 0
    rate: int = 0  # of samples; 0: it counts
    precise: int = 0
    enabled: bool = False
    count: int = 0
    enabled_ns: int = 0
    running_ns: int = 0
    read_at: tuple[int, int] = (0, 0)

    @property
    def is_hardware(self) -> bool:
        return self.type not in (SOFTWARE, TRACEPOINT, BREAKPOINT)

    @property
    def is_clock(self) -> bool:
        return self.type == SOFTWARE and self.config in (0, 1)

    @property
    def core(self) -> int:
        """The type of the PMU that a hybrid's generic event names; 0 for any."""
        return self.config >> 32 if self.type == HARDWARE else 0


@dataclass
class Page:
    """A perf_event_mmap_page, as far as it is read: linux/perf_event.h."""

    index: int
    offset: int = 0
    width: int = 48
    rdpmc: bool = True
    memory: Any = field(default_factory=lambda: ffi.new("char[4096]"))

    def write(self, lock: int = 0) -> None:
        # version, compat_version, lock, index, offset, time_enabled, time_running,
        # capabilities (bit 2: cap_user_rdpmc), pmc_width
        head = struct.pack(
            "<IIIIqQQQH", 0, 0, lock, self.index, self.offset, 0, 0, self.rdpmc << 2, self.width
        )
        ffi.memmove(self.memory, head, len(head))


@dataclass
class Ring:
    """The ring buffer of an event that samples; what finds no room in it is ``lost``."""

    size: int
    memory: Any = None
    lost: int = 0

    def __post_init__(self) -> None:
        self.memory = ffi.new("char[]", _PAGE + self.size)
        self._fields = ffi.cast("uint64_t *", self.memory + _RING_FIELDS)
        self._fields[2], self._fields[3] = _PAGE, self.size

    def start_at(self, position: int) -> None:
        """As if so many bytes had been written, and read, before."""
        self._fields[0] = self._fields[1] = position

    def write(self, record: bytes) -> None:
        head, tail = self._fields[0], self._fields[1]
        if head - tail + len(record) > self.size:
            self.lost += 1
            return
        for number, byte in enumerate(record):
            self.memory[_PAGE + (head + number) % self.size] = bytes((byte,))
        self._fields[0] = head + len(record)


def sample_record(address: int, time_ns: int, *, period: int = 1, mode: int = 2) -> bytes:
    """A PERF_RECORD_SAMPLE as native/sampler.c asks for it."""
    body = struct.pack("<QIIQIIQ", address, 1, 1, time_ns, 0, 0, period)
    return struct.pack("<IHH", 9, mode, 8 + len(body)) + body


def lost_record(number: int) -> bytes:
    return struct.pack("<IHHQQ", 2, 0, 24, 0, number)


def throttle_record() -> bytes:
    return struct.pack("<IHHQQQ", 5, 0, 32, 0, 0, 0)


def _grow(event: OpenEvent) -> int:
    return _KNOWN_LOOP.get(event.config & 0xFFFFFFFF, 1000) if event.type == HARDWARE else 1000


@dataclass
class FakeKernel:
    """Opens everything, unless told otherwise.

    ``refuse(event)`` gives the errno for an event, or None; ``refuse_control`` for
    switching it on or off. The PMU has ``counters`` counters: a larger group is
    refused, a pinned one that finds too few of them left fails, any other then
    runs half of the time. It has ``breakpoints``, which open events hold.

    Each system call takes about ``system_call_ns``, some less and some more.
    Clocks grow by the time, any other enabled event by ``grow(event)`` from one
    read() to the next. ``core()``, if given, is the type of the core PMU where the
    thread is, asked anew for each system call: events of others do not run.

    ``readings``, if given, are what read() returns instead, one after the
    other: (enabled, running, values), or bytes as they shall be returned, or
    an errno. ``pages`` are what mmap() gives, by config of the event.

    An event that samples writes ``samples(event)``, whole records, into its ring when it is
    switched off. Of rings (``rings``, by descriptor) larger ones than ``most_ring`` are refused.
    What they lost it tells by read() if it ``tells_lost``.
    """

    refuse: Callable[[OpenEvent], int | None] = lambda event: None
    refuse_control: Callable[[OpenEvent], int | None] = lambda event: None
    counters: int = 1000
    breakpoints: int = 4
    core: Callable[[], int] | None = None
    system_call_ns: int = 1000
    grow: Callable[[OpenEvent], int] = _grow
    samples: Callable[[OpenEvent], list[bytes]] = lambda event: []
    most_ring: int = 1 << 30
    tells_lost: bool = True
    rings: dict[int, Ring] = field(default_factory=dict)
    readings: Iterator[tuple[int, int, list[int]] | bytes | int] | None = None
    pages: dict[int, Page] = field(default_factory=dict)
    rdpmc: Callable[[int], int] = lambda index: 0
    open: dict[int, OpenEvent] = field(default_factory=dict)
    mapped: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    controls: list[tuple[int, str]] = field(default_factory=list)
    reads: int = 0
    jitter: random.Random = field(default_factory=lambda: random.Random(0))

    @contextmanager
    def installed(self) -> Iterator[FakeKernel]:
        callbacks = {
            "perf_event_open": ffi.callback(
                "int64_t(void *, int, int, int, uint64_t)", self._perf_event_open
            ),
            "read": ffi.callback("int64_t(int, void *, uint64_t)", self._read),
            "ioctl": ffi.callback("int64_t(int, uint64_t, uint64_t)", self._ioctl),
            "close": ffi.callback("int64_t(int)", self._close),
            "mmap": ffi.callback("int64_t(int, uint64_t, int)", self._mmap),
            "munmap": ffi.callback("int64_t(void *, uint64_t)", self._munmap),
            "rdpmc": ffi.callback("uint64_t(uint32_t)", self._rdpmc),
        }
        for name, callback in callbacks.items():
            setattr(lib.vmprof_syscalls, name, callback)
        try:
            yield self
        finally:
            lib.vmprof_syscalls_reset()

    def __post_init__(self) -> None:
        self._core = 0

    def members(self, leader: int) -> list[OpenEvent]:
        return [event for fd, event in self.open.items() if leader in (fd, event.leader)]

    def _perf_event_open(self, attr: object, pid: int, cpu: int, leader: int, flags: int) -> int:
        kind, size, config, _, _, read_format, bits, _, bp_type, config1 = struct.unpack(
            "<IIQQQQQIIQ", ffi.buffer(attr, 64)[:]
        )
        rate = struct.unpack("<Q", ffi.buffer(attr, 24)[16:])[0] if bits & _FREQUENCY else 0
        if rate and read_format and not self.tells_lost:
            return -errno.EINVAL
        expected = (_READ_LOST if self.tells_lost else 0) if rate else _READ_FORMAT
        assert read_format == expected
        assert rate or size == 136
        event = OpenEvent(
            kind,
            config,
            config1,
            bool(bits & _DISABLED),
            bool(bits & _PINNED),
            bool(bits & _EXCLUDE_USER),
            bool(bits & _EXCLUDE_KERNEL),
            leader,
            pid,
            cpu,
            bp_type,
            rate=rate,
            precise=bits >> _PRECISE_SHIFT & 3,
        )
        code = self.refuse(event)
        if code is not None:
            return -code
        group = self.members(leader) if leader >= 0 else []
        if self._needs([*group, event]) > self.counters:
            return -errno.EINVAL
        held = sum(each.type == BREAKPOINT for each in self.open.values())
        if kind == BREAKPOINT and held == self.breakpoints:
            return -errno.ENOSPC
        descriptor = _FIRST_DESCRIPTOR + len(self.open) + len(self.closed)
        self.open[descriptor] = event
        return descriptor

    @staticmethod
    def _needs(events: list[OpenEvent]) -> int:
        return sum(event.is_hardware for event in events)

    def _share(self, leader: int) -> float:
        """Of the time that the group of ``leader`` counts."""
        needs = self._needs(self.members(leader))
        others = sum(
            self._needs(self.members(fd))
            for fd, event in self.open.items()
            if event.leader < 0
            and event.enabled
            and fd != leader
            and event.pid in (self.open[leader].pid, -1)
        )
        if not needs or needs + others <= self.counters:
            return 1
        return 0 if self.open[leader].pinned else 0.5

    def _read(self, descriptor: int, buffer: object, size: int) -> int:
        self.reads += 1
        if self.open[descriptor].rate:
            reading = struct.pack("<QQ", 0, self.rings[descriptor].lost)
            ffi.memmove(buffer, reading, len(reading))
            return len(reading)
        self.pass_time(self.system_call_ns)
        reading = self._own_reading(descriptor) if self.readings is None else next(self.readings)
        if isinstance(reading, int):
            return -reading
        if not isinstance(reading, bytes):
            enabled, running, values = reading
            assert len(values) == len(self.members(descriptor))
            reading = struct.pack(f"<{3 + len(values)}Q", len(values), enabled, running, *values)
        assert len(reading) <= size
        ffi.memmove(buffer, reading, len(reading))
        return len(reading)

    def _own_reading(self, descriptor: int) -> tuple[int, int, list[int]] | bytes:
        leader, members = self.open[descriptor], self.members(descriptor)
        if self._share(descriptor) == 0:
            return b""
        enabled, running = (leader.enabled_ns, leader.running_ns)
        passed = enabled - leader.read_at[0]
        ran = (running - leader.read_at[1]) / passed if passed else 0
        leader.read_at = enabled, running
        for event in members:
            if not event.is_clock:
                event.count += int(self.grow(event) * ran)
        return leader.enabled_ns, leader.running_ns, [event.count for event in members]

    def _is_here(self, leader: OpenEvent) -> bool:
        return self.core is None or leader.core in (0, self._core)

    def pass_time(self, nanoseconds: int) -> None:
        """About so many, and an even number, of which half is a whole one too."""
        step = nanoseconds + 2 * self.jitter.randrange(-40, 41)
        self._core = self.core() if self.core else 0
        for descriptor, leader in self.open.items():
            if leader.leader >= 0 or not leader.enabled:
                continue
            running = int(step * self._share(descriptor)) if self._is_here(leader) else 0
            for event in self.members(descriptor):
                event.enabled_ns += step
                event.running_ns += running
                event.count += running if event.is_clock else 0

    def _ioctl(self, descriptor: int, request: int, argument: int) -> int:
        assert argument == 1  # PERF_IOC_FLAG_GROUP
        self.pass_time(self.system_call_ns)
        code = self.refuse_control(self.open[descriptor])
        if code is not None:
            return -code
        self.controls.append((descriptor, {_ENABLE: "enable", _DISABLE: "disable"}[request]))
        event = self.open[descriptor]
        if event.rate and event.enabled and request == _DISABLE:
            for record in self.samples(event):
                self.rings[descriptor].write(record)
        event.enabled = request == _ENABLE
        return 0

    def _close(self, descriptor: int) -> int:
        if descriptor not in self.open:
            return -errno.EBADF
        del self.open[descriptor]
        self.closed.append(descriptor)
        return 0

    def _mmap(self, descriptor: int, size: int, writable: int) -> int:
        if writable:
            if size - _PAGE > self.most_ring:
                return -errno.EPERM
            ring = self.rings.setdefault(descriptor, Ring(size - _PAGE))
            self.mapped.append(address := int(ffi.cast("intptr_t", ring.memory)))
            return address
        page = self.pages.get(self.open[descriptor].config)
        if page is None:
            return -errno.EINVAL
        page.write()
        address = int(ffi.cast("intptr_t", page.memory))
        self.mapped.append(address)
        return address

    def _rdpmc(self, index: int) -> int:
        return self.rdpmc(index)

    def _munmap(self, address: Any, size: int) -> int:
        self.mapped.remove(int(ffi.cast("intptr_t", address)))
        return 0
