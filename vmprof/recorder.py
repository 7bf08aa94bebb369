"""The native recorder, seen from Python."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntFlag
from typing import Any

import numpy as np

from vmprof.counters.passes import Pass
from vmprof.errors import VmprofError
from vmprof.machine import Site
from vmprof.native import ffi, lib, wrap
from vmprof.recording import NOTHING, Recording, record_dtype
from vmprof.work import LAUNCH_SITE, RUN_SITE, TASK_SITE

DEFAULT_MAX_RECORDS = 1_000_000
_LARGEST_MAX_RECORDS = 1 << 40


class Reading(IntFlag):
    """What is read at both ends of a window."""

    TIME = lib.VMPROF_TIME
    COUNTERS = lib.VMPROF_COUNT


assert lib.VMPROF_RUN_SITE == RUN_SITE
assert lib.VMPROF_LAUNCH_SITE == LAUNCH_SITE
assert lib.VMPROF_TASK_SITE == TASK_SITE


def check_max_records(number: int) -> None:
    """Fail now if no recorder for that many records can be made."""
    if not 1 <= number <= _LARGEST_MAX_RECORDS:
        raise VmprofError(f"max_records is {number}; from 1 to 2^40 is possible")


class Recorder:
    """Keeps a record of every call of the functions that it has wrapped, one run at a time.

    ``max_records`` bounds the calls of one run, ``sample_words`` what a pass
    reads at either end of a call (:attr:`Layout.sample_words`). Memory is
    reserved for all records at once, and used as they come. The recorder and
    what it reads belong to the thread that runs. With ``tasks`` it also keeps a
    record of each parallel launch and each of its tasks, from whatever thread,
    where :func:`vmprof.launches.recorded_launches` lets it see them.
    """

    def __init__(
        self, sample_words: int, max_records: int = DEFAULT_MAX_RECORDS, *, tasks: bool = True
    ) -> None:
        check_max_records(max_records)
        self._also = lib.VMPROF_TASKS if tasks else 0
        self._expected = 0
        # One record more, for the run itself.
        pointer = lib.vmprof_recorder_new(max_records + 1, sample_words)
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
    def run(self, reading: Reading, counted: Pass | None = None) -> Iterator[None]:
        """Record what is called inside the ``with``, as one run.

        ``counted`` is the pass whose counters are read, if ``reading`` has them.
        """
        sources = [source.pointer for source in counted.sources] if counted else []
        team = counted.team.pointer if counted else ffi.NULL
        mode = int(reading) | self._also
        code = lib.vmprof_recorder_start(
            self._pointer, mode, sources, len(sources), team, self._expected
        )
        assert code == 0, os.strerror(-code)
        if counted is not None:
            counted.enable()
        try:
            lib.vmprof_run_begin(self._pointer)
            yield
            lib.vmprof_run_end(self._pointer)
        finally:
            if counted is not None:
                counted.disable()
            lib.vmprof_recorder_stop(self._pointer)
            self._expected = lib.vmprof_recorder_count(self._pointer)

    def recording(self, reading: Reading, counted: Pass | None = None) -> Recording:
        """The last run, copied out; ``counted`` is the pass that it counted."""
        layout = counted.layout if counted else NOTHING
        dtype = record_dtype(layout)
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
            layout,
            timed=bool(reading & Reading.TIME),
            fault=counted.team.problem() if counted else None,
        )
