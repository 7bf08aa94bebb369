"""The native recorder, seen from Python."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from enum import IntFlag
from typing import Any

import numpy as np
import tvm_ffi

from vmprof.counters.passes import Pass
from vmprof.defaults import DEFAULT_MAX_RECORDS
from vmprof.errors import VmprofError
from vmprof.native import ffi, lib, owned, run, wrap
from vmprof.runs.layout import Layout
from vmprof.runs.readings import record_dtype
from vmprof.runs.run import NOTHING, Activation, Run, call_paths
from vmprof.runs.storages import EVENT, RELEASED, Table
from vmprof.runs.work import ACTIVATION_SITE, LAUNCH_SITE, RUN_SITE, TASK_SITE, Ints, Records
from vmprof.sampling.whereabouts import Whereabouts
from vmprof.vm import Site
from vmprof.vm.packed_call import PackedCall

_LARGEST_MAX_RECORDS = 1 << 40


class Reading(IntFlag):
    """What is read at both ends of a window."""

    TIME = lib.VMPROF_TIME
    COUNTERS = lib.VMPROF_COUNT


assert EVENT.itemsize == ffi.sizeof("vmprof_storage_event")
assert lib.VMPROF_RELEASED == RELEASED
assert lib.VMPROF_RUN_SITE == RUN_SITE
assert lib.VMPROF_LAUNCH_SITE == LAUNCH_SITE
assert lib.VMPROF_TASK_SITE == TASK_SITE
assert lib.VMPROF_ACTIVATION_SITE == ACTIVATION_SITE


def check_max_records(number: int) -> None:
    """Fail now if no recorder for that many records can be made."""
    if not 1 <= number <= _LARGEST_MAX_RECORDS:
        raise VmprofError(f"max_records is {number}; from 1 to 2^40 is possible")


def _no_memory(records: int, code: int) -> VmprofError:
    return VmprofError(
        f"no memory for {records:,} records: {os.strerror(code)}; ask for fewer with --max-records"
    )


def native_records(recorder: Any, layout: Layout, count: int) -> tuple[Records, Ints]:
    """The first ``count`` records of a ``vmprof_recorder``, and the words of their signatures.

    Both are its own memory, until it forgets them.
    """
    dtype = record_dtype(layout)
    assert dtype.itemsize == lib.vmprof_recorder_stride(recorder)
    records = np.frombuffer(ffi.buffer(lib.vmprof_records(recorder), count * dtype.itemsize), dtype)
    size = lib.vmprof_signatures_size(recorder)
    return records, np.frombuffer(ffi.buffer(lib.vmprof_signatures(recorder), 8 * size), np.int64)


def native_storage_events(recorder: Any, behind: int) -> Table:
    """What a ``vmprof_recorder`` saw of storages up to the record number ``behind``."""
    size = lib.vmprof_storage_events_count(recorder) * EVENT.itemsize
    events = np.frombuffer(ffi.buffer(lib.vmprof_storage_events(recorder), size), EVENT)
    return events[events["before"] <= behind]


class Recorder:
    """Keeps a record of every call of the functions that it has wrapped, one run at a time.

    ``max_records`` bounds the calls of one run, ``sample_words`` what a pass
    reads at either end of a call (:attr:`Layout.sample_words`). Memory is
    reserved for all records at once, and used as they come. The recorder and
    what it reads belong to the thread that runs. It also keeps a record of each
    parallel launch and each of its tasks, from whatever thread, where
    :func:`vmprof.record.launches.recorded_launches` lets it see them; in runs that count,
    only with ``tasks``.
    """

    def __init__(
        self, sample_words: int, max_records: int = DEFAULT_MAX_RECORDS, *, tasks: bool = True
    ) -> None:
        check_max_records(max_records)
        if sample_words > lib.VMPROF_MAX_SAMPLE_WORDS:
            raise VmprofError(
                f"one reading of all counters of a pass takes {sample_words:,} words, and a record "
                f"holds {lib.VMPROF_MAX_SAMPLE_WORDS:,}; name fewer events with --counters, or "
                "count fewer threads: --count tasks"
            )
        self._counts_tasks = tasks
        self._expected = 0
        self._activations: list[Activation] = []
        # One record more, for the run itself.
        self._pointer = owned(
            lib.vmprof_recorder_give_up, lib.vmprof_recorder_new, max_records + 1, sample_words
        )
        if self._pointer == ffi.NULL:
            raise _no_memory(max_records, ffi.errno)
        self._max_records = max_records
        self._address = int(ffi.cast("intptr_t", self._pointer))

    def wrap(self, site: Site, kernel: Any, *, inside: Site | None = None) -> Any:
        """The packed function ``kernel`` with a window around it.

        Bytecode calls it: in a call at the site ``inside``, from an activation there.
        """
        numbers = [] if inside is None else [inside.number]
        return wrap(self._address, site.number, kernel, *numbers)

    def entrance(self, enter: Callable[..., Any]) -> Any:
        """``enter``, by which native code calls VM functions, with an activation around it."""
        return wrap(self._address, ACTIVATION_SITE, tvm_ffi.convert(enter))

    def entered(self, function: str) -> None:
        """A VM function begins; calls from now on lie in it."""
        self._activations.append((lib.vmprof_recorder_count(self._pointer), function))

    def left(self) -> None:
        """The VM function that began last ends."""
        self._activations.append((lib.vmprof_recorder_count(self._pointer), None))

    @property
    def pointer(self) -> Any:
        """The ``vmprof_recorder``."""
        return self._pointer

    def run(
        self, function: Callable[[], object], reading: Reading, counted: Pass | None = None
    ) -> None:
        """Record what ``function`` calls, as one run; a :class:`PackedCall` without Python in it.

        ``counted`` is the pass whose counters are read, if ``reading`` has them.
        """
        sources = [source.pointer for source in counted.sources] if counted else []
        team = counted.team.pointer if counted else ffi.NULL
        mode = int(reading)
        if counted is None or counted.watches or self._counts_tasks:
            mode |= lib.VMPROF_TASKS
        if reading & Reading.TIME:
            mode |= lib.VMPROF_STORAGES
        code = lib.vmprof_recorder_ready(
            self._pointer, mode, sources, len(sources), team, self._expected
        )
        if code == -errno.ENOMEM:
            raise _no_memory(self._max_records, -code)
        assert code == 0, os.strerror(-code)
        self._activations.clear()
        failed = True
        # No context manager, and ending is one call of C: an interrupt comes between two steps
        # of Python, so none can keep it from being done.
        try:
            result = self._called(function)  # alive when the run is over
            failed = False
        finally:
            lib.vmprof_run_end(self._pointer, failed)
        del result
        self._expected = lib.vmprof_recorder_count(self._pointer)

    def _called(self, function: Callable[[], object]) -> object:
        """What ``function`` gives in a run, which it leaves to the caller to end."""
        if not isinstance(function, PackedCall):
            lib.vmprof_run_begin(self._pointer)
            return function()
        if function.name:
            self._activations.append((1, function.name))  # behind the run's own record
        try:
            return run(self._address, function.function, *function.arguments)
        except Exception as error:
            function.explain(error)
            raise

    @property
    def missed_storages(self) -> bool:
        """Whether there were storages, ever, whose size or life could not be seen."""
        return bool(lib.vmprof_storages_missed(self._pointer))

    def raised(self) -> int | None:
        """The site of the call of the last run that raised, the innermost if one held another."""
        records, stride = (
            lib.vmprof_records(self._pointer),
            lib.vmprof_recorder_stride(self._pointer),
        )
        for number in reversed(range(1, lib.vmprof_recorder_count(self._pointer))):
            record = ffi.cast("vmprof_record *", records + number * stride)
            if record.failed and record.site >= 0:
                return int(record.site)
        return None

    def whereabouts(self, counted: Pass) -> Whereabouts:
        """What threads did at which time of the last run, which read the clock in ``counted``."""
        count = lib.vmprof_recorder_count(self._pointer)
        records, _ = native_records(self._pointer, counted.layout, count)
        return Whereabouts(records)

    def recording(self, reading: Reading, counted: Pass | None = None) -> Run:
        """The last run, copied out; ``counted`` is the pass that it counted."""
        layout = counted.layout if counted else NOTHING
        count = lib.vmprof_recorder_count(self._pointer)
        records, words = native_records(self._pointer, layout, count)
        return Run.of_records(
            records,
            words,
            layout,
            native_storage_events(self._pointer, count),
            timed=bool(reading & Reading.TIME),
            paths=call_paths(self._activations, count - 1),
            fault=counted.team.problem() if counted else None,
        )
