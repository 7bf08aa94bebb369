"""A kernel to play: what stands behind the shim's table of system calls in tests."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from vmprof.native import ffi, lib

_FIRST_DESCRIPTOR = 1000
_ENABLE, _DISABLE = 0x2400, 0x2401
_DISABLED, _EXCLUDE_KERNEL = 1 << 0, 1 << 5
# PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING | PERF_FORMAT_GROUP
_READ_FORMAT = 1 << 0 | 1 << 1 | 1 << 3


@dataclass
class OpenEvent:
    """What perf_event_open was asked for."""

    type: int
    config: int
    disabled: bool
    exclude_kernel: bool
    leader: int


@dataclass
class FakeKernel:
    """Opens everything, unless told otherwise.

    ``refuse(event)`` gives the errno for an event, or None. Every read() of a
    group takes the next of ``readings``: (enabled, running, values), or bytes
    as they shall be returned, or an errno.
    """

    refuse: Callable[[OpenEvent], int | None] = lambda event: None
    readings: Iterator[tuple[int, int, list[int]] | bytes | int] = field(
        default_factory=lambda: iter(())
    )
    open: dict[int, OpenEvent] = field(default_factory=dict)
    closed: list[int] = field(default_factory=list)
    controls: list[tuple[int, str]] = field(default_factory=list)
    reads: int = 0

    @contextmanager
    def installed(self) -> Iterator[FakeKernel]:
        callbacks = {
            "perf_event_open": ffi.callback(
                "int64_t(void *, int, int, int, uint64_t)", self._perf_event_open
            ),
            "read": ffi.callback("int64_t(int, void *, uint64_t)", self._read),
            "ioctl": ffi.callback("int64_t(int, uint64_t, uint64_t)", self._ioctl),
            "close": ffi.callback("int64_t(int)", self._close),
        }
        for name, callback in callbacks.items():
            setattr(lib.vmprof_syscalls, name, callback)
        try:
            yield self
        finally:
            lib.vmprof_syscalls_reset()

    def _perf_event_open(self, attr: object, pid: int, cpu: int, leader: int, flags: int) -> int:
        kind, _, config, _, _, read_format, bits = struct.unpack(
            "<IIQQQQQ", ffi.buffer(attr, 48)[:]
        )
        assert (pid, cpu, read_format) == (0, -1, _READ_FORMAT)
        event = OpenEvent(
            kind, config, bool(bits & _DISABLED), bool(bits & _EXCLUDE_KERNEL), leader
        )
        code = self.refuse(event)
        if code is not None:
            return -code
        descriptor = _FIRST_DESCRIPTOR + len(self.open) + len(self.closed)
        self.open[descriptor] = event
        return descriptor

    def _read(self, descriptor: int, buffer: object, size: int) -> int:
        self.reads += 1
        reading = next(self.readings)
        if isinstance(reading, int):
            return -reading
        if not isinstance(reading, bytes):
            enabled, running, values = reading
            members = [d for d, e in self.open.items() if descriptor in (d, e.leader)]
            assert len(values) == len(members)
            reading = struct.pack(f"<{3 + len(values)}Q", len(values), enabled, running, *values)
        assert len(reading) <= size
        ffi.memmove(buffer, reading, len(reading))
        return len(reading)

    def _ioctl(self, descriptor: int, request: int, argument: int) -> int:
        assert argument == 1  # PERF_IOC_FLAG_GROUP
        self.controls.append((descriptor, {_ENABLE: "enable", _DISABLE: "disable"}[request]))
        return 0

    def _close(self, descriptor: int) -> int:
        if descriptor not in self.open:
            return -errno.EBADF
        del self.open[descriptor]
        self.closed.append(descriptor)
        return 0
