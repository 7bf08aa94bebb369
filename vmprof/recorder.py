"""The native recorder, seen from Python."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntFlag
from typing import Any

import numpy as np

from vmprof.counters import CounterGroup
from vmprof.errors import VmprofError
from vmprof.machine import Site
from vmprof.native import ffi, lib, wrap
from vmprof.recording import RUN_SITE, Recording, record_dtype

DEFAULT_MAX_RECORDS = 1_000_000
_LARGEST_MAX_RECORDS = 1 << 40


class Reading(IntFlag):
    """What is read at both ends of a window."""

    TIME = lib.VMPROF_TIME
    COUNTERS = lib.VMPROF_COUNT


assert lib.VMPROF_RUN_SITE == RUN_SITE


def check_max_records(number: int) -> None:
    """Fail now if no recorder for that many records can be made."""
    if not 1 <= number <= _LARGEST_MAX_RECORDS:
        raise VmprofError(f"max_records is {number}; from 1 to 2^40 is possible")


class Recorder:
    """Keeps a record of every call of the functions that it has wrapped, one run at a time.

    ``max_records`` bounds the calls of one run. Memory is reserved for all of
    them at once, and used as records come. The recorder and ``group`` belong
    to the thread that runs.
    """

    def __init__(self, group: CounterGroup, max_records: int = DEFAULT_MAX_RECORDS) -> None:
        check_max_records(max_records)
        self._group = group
        self._events = len(group.events)
        self._expected = 0
        # One record more, for the run itself.
        pointer = lib.vmprof_recorder_new(max_records + 1, self._events)
        if pointer == ffi.NULL:
            raise VmprofError(
                f"no memory for {max_records:,} records: {os.strerror(ffi.errno)}; "
                "ask for fewer with --max-records"
            )
        self._pointer = ffi.gc(pointer, lib.vmprof_recorder_release)
        self._address = int(ffi.cast("intptr_t", pointer))

    def wrap(self, site: Site, kernel: Any) -> Any:
        """The packed function ``kernel`` with a window around it."""
        return wrap(self._address, site.number, kernel)

    @contextmanager
    def run(self, reading: Reading) -> Iterator[None]:
        """Record what is called inside the ``with``, as one run."""
        lib.vmprof_recorder_clear(self._pointer, self._expected)
        counting = bool(reading & Reading.COUNTERS)
        lib.vmprof_recorder_set_mode(self._pointer, int(reading), self._group.leader)
        if counting:
            self._group.enable()
        try:
            lib.vmprof_run_begin(self._pointer)
            yield
            lib.vmprof_run_end(self._pointer)
        finally:
            if counting:
                self._group.disable()
            lib.vmprof_recorder_set_mode(self._pointer, lib.VMPROF_OFF, -1)
            self._expected = lib.vmprof_recorder_count(self._pointer)

    def recording(self, reading: Reading) -> Recording:
        """The last run, copied out."""
        dtype = record_dtype(self._events)
        count = lib.vmprof_recorder_count(self._pointer)
        assert dtype.itemsize == lib.vmprof_recorder_stride(self._pointer)
        records = np.frombuffer(
            ffi.buffer(lib.vmprof_records(self._pointer), count * dtype.itemsize), dtype
        )
        words = np.frombuffer(
            ffi.buffer(
                lib.vmprof_signatures(self._pointer),
                8 * lib.vmprof_signatures_size(self._pointer),
            ),
            np.int64,
        )
        return Recording.of_records(
            records,
            words,
            timed=bool(reading & Reading.TIME),
            counted=bool(reading & Reading.COUNTERS),
        )
