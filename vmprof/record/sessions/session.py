"""A session: records what a program calls of its VMs."""

from __future__ import annotations

import copy
import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import tvm
import tvm_ffi

from vmprof.counters.hardware.activity import Activity, Moment
from vmprof.counters.reading.collector import NativeCollector
from vmprof.counters.reading.sampler import Refused, open_sampler
from vmprof.defaults import SAMPLE_RATE
from vmprof.errors import VmprofError
from vmprof.native import lib
from vmprof.record.collectors import Collector
from vmprof.record.empty_call import empty_call, hooked_calls, wrapped_calls
from vmprof.record.in_memory import ModulesInMemory
from vmprof.record.perf_map import NAME as PERF_MAP
from vmprof.record.perf_map import PerfMap
from vmprof.record.plan import Plan
from vmprof.record.provenance import provenance_of
from vmprof.record.recorder import Reading, Recorder
from vmprof.record.sessions.callers import Callers
from vmprof.record.sessions.kernels import libraries_noted
from vmprof.record.sessions.options import (
    DEFAULT_ENGINE,
    DEFAULT_KEEP,
    DEFAULT_MAX_RECORDS,
    SCOPES,
    SessionOptions,
)
from vmprof.record.sessions.patch import patched
from vmprof.record.sessions.samples import Samples, code_of
from vmprof.record.sessions.vms import Vms
from vmprof.recording.tables import EMPTY_CALL, CountedPass, Counts, Recording
from vmprof.report.sampled import SAMPLES
from vmprof.sampling.code import Code
from vmprof.sampling.maps import Libraries
from vmprof.values import Count, Metric
from vmprof.version import __version__
from vmprof.vm.tested import check_tvm

_EMPTY_CALLS = 200  # when it closes, which a program waits for
_MAX_LABELS = int(lib.VMPROF_MAX_LABELS)

_COUNTED_PER_PROCESSOR = (
    "is counted for whole processors, and a session counts threads; use vmprof run"
)

_lock = threading.Lock()
_newest: weakref.ref[Session] | None = None


def _in_child() -> None:
    """The session is the parent's; the child may have one of its own."""
    global _lock, _newest
    _lock, _newest = threading.Lock(), None


os.register_at_fork(after_in_child=_in_child)


class Session:
    """Records the invocations of the VMs that are attached, while the ``with`` lasts.

    An invocation is a call from outside: of a function of the VM, a saved function or a
    closure. The parameters are those of
    :class:`~vmprof.record.sessions.options.SessionOptions`. There is one session at a time in a
    process. With ``attach_all`` every VM that is made meanwhile is attached by itself.
    """

    def __init__(
        self,
        counters: str | Sequence[str] | None = None,
        *,
        multiplex: bool = False,
        engine: str = DEFAULT_ENGINE,
        count: str = SCOPES[0],
        keep: int | None = DEFAULT_KEEP,
        max_records: int = DEFAULT_MAX_RECORDS,
        collectors: Sequence[Collector | NativeCollector] = (),
        sample: str | bool = False,
        sample_rate: int = SAMPLE_RATE,
        perf_map: bool = False,
        attach_all: bool = False,
    ) -> None:
        self.options = SessionOptions(
            counters,
            multiplex,
            count,
            collectors,
            engine,
            keep,
            max_records,
            sample,
            sample_rate,
            perf_map,
        )
        self._attach_all = attach_all
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._recording: Recording | None = None
        self._pid = 0  # of the process that opened it; 0: it was not opened yet
        self._closed = False

        self._labels: dict[str, int] = {"": 0}
        self._problems: dict[str, None] = {}
        self._libraries: dict[Path, None] = {}
        self._in_memory = ModulesInMemory()
        self._perf_map = PerfMap() if perf_map else None

    # ---- life ----------------------------------------------------------------------------

    def __enter__(self) -> Session:  # noqa: PYI034 # Python 3.10 has no Self
        if self._pid:
            raise VmprofError("a session is opened once; make another one")
        self._be_the_only_one()
        try:
            self._open()
        except BaseException:
            self._closed = True
            self._stack.close()
            raise
        return self

    def _be_the_only_one(self) -> None:
        global _newest  # noqa: PLW0603
        with _lock:
            other = _newest() if _newest is not None else None
            if other is not None and other.is_open:
                raise VmprofError(
                    "there is a session already: TVM's launches and the PMU are shared by the "
                    "process; close it first, or attach the VM to that one; under vmprof record, "
                    "whose session it is, leave out your own"
                )
            self._pid = os.getpid()
            _newest = weakref.ref(self)

    def _open(self) -> None:
        check_tvm()
        self._opened_by = threading.get_ident()
        # Opened here to know what can be counted, and enabled for empty calls alone: each
        # thread that calls has its own.
        plan = Plan.of(self.options)
        if plan.in_python:
            raise VmprofError(
                f"collector {plan.in_python[0].name}: it is in Python, and a session records a "
                "program without running Python in between; write it in C "
                "(docs/how-to/extending.md), or use vmprof run"
            )
        self._machine, self._plan = plan.machine, plan.open()
        self._counters = self._stack.enter_context(self._plan.counters)
        self._samples, self._unsampled = self._open_sampler(plan)
        passes = self._counters.passes
        self._callers = Callers(self.options, passes, self._samples, self._problem)
        self._stack.callback(self._callers.close)
        self._vms = Vms(self._callers.pointer, self.options, self._see, self._problem)
        self._stack.callback(self._vms.close)
        self._stack.enter_context(patched(self._made))
        self._stack.enter_context(libraries_noted(self._loaded))
        self._begin = Moment.now()

    def _open_sampler(self, plan: Plan) -> tuple[Samples | None, dict[str, str]]:
        """What says how samples are taken, or why they are not, if they were asked for."""
        sampling = self.options.sampling
        if not sampling:
            return None, {}
        opened = open_sampler(sampling.event, sampling.sample_rate, plan.machine)
        try:
            code = Code(Libraries(self._in_memory.described))
            return Samples(self._stack.enter_context(opened), code), {}
        except Refused as refused:
            return None, {SAMPLES: str(refused)}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and not closed yet."""
        return bool(self._pid) and not self._closed

    def close(self) -> None:
        """Record nothing from now on; attached VMs go on as they are."""
        if self._closed or os.getpid() != self._pid:
            return  # in a child all of it is the parent's
        try:
            self._end()
        finally:
            # What an interrupt leaves undone is done when it has come.
            try:
                self._stack.close()
            except KeyboardInterrupt:
                self._stack.close()
                raise

    def _end(self) -> None:
        self._closed = True
        self._callers.end()
        self._recording = self._finished()

    # ---- what the user calls ------------------------------------------------------------------

    def attach(self, vm: Any) -> Any:
        """``vm``, a VM of TVM's or ours, as one to be called instead: with the same interface.

        Of a VM of TVM's that was made before the session less can be seen: the report says
        what.
        """
        if not self.is_open:
            raise VmprofError("the session is not open; attach inside `with Session() as session:`")
        attached = copy.copy(vm)
        self._vms.attach(attached)
        return attached

    @contextmanager
    def label(self, name: str) -> Iterator[None]:
        """Invocations that this thread makes inside the ``with`` are told apart by ``name``."""
        with self._lock:
            if name not in self._labels and len(self._labels) == _MAX_LABELS:
                raise VmprofError(
                    f"there are {_MAX_LABELS - 1} labels already; a label names a kind of "
                    "invocation (prefill, decode), not each one"
                )
            number = self._labels.setdefault(name, len(self._labels))
        before = lib.vmprof_label(number)
        try:
            yield
        finally:
            lib.vmprof_label(before)

    def recording(self) -> Recording:
        """What was recorded, once the session is closed."""
        if self._recording is None:
            raise VmprofError(
                "nothing is recorded yet: ask when the session is closed, in the process that "
                "opened it"
            )
        return self._recording

    def report(self, by: str = "operator", *, metrics: bool = False) -> str:
        """The summary and a table for each function: :mod:`vmprof.recording.text`."""
        from vmprof.recording import text

        return text.render(self.recording(), by=by, metrics=metrics)

    # ---- attaching ---------------------------------------------------------------------------

    def _loaded(self, library: Path) -> None:
        """The program has loaded a module."""
        self._libraries[library] = None

    def _see(self, module: tvm_ffi.Module) -> None:
        """A VM has the code of ``module``."""
        if not self.options.sampling and self._perf_map is None:
            return
        self._in_memory.add(module)
        if self._perf_map is not None:
            try:
                self._perf_map.write(self._in_memory)
            except VmprofError as error:
                self._problem(str(error))

    def _made(self, vm: Any) -> None:
        """A VM was made."""
        if not self._attach_all or not self._callers.are_recorded:
            return
        try:
            self._vms.attach(vm)
        except Exception as error:  # noqa: BLE001 # the program goes on without us
            self._problem(f"a VM could not be attached: {type(error).__name__}: {error}")

    def _problem(self, text: str) -> None:
        self._problems[text] = None

    # ---- the end ---------------------------------------------------------------------------------

    def _finished(self) -> Recording:
        activity = Activity(self._begin, Moment.now())
        kept = self._callers.store.kept()
        order = np.argsort(kept.invocations["begin_ns"], kind="stable")
        sampling = self._samples.described() if self._samples else None
        passes = tuple(
            CountedPass(one.layout.columns, one.how, one.layout.multiplexed)
            for one in self._counters.passes
        )
        if self._samples is not None:
            passes += (CountedPass((), self._samples.sampler.described()),)
        return Recording(
            vms=self._vms.described(),
            functions=self._vms.functions(),
            labels=tuple(self._labels),
            callees=self._vms.callees(),
            kernels=self._vms.kernels.by_callee(),
            layers=self._vms.layers(),
            signatures=tuple(self._callers.signatures.texts),
            passes=passes,
            invocations=kept.invocations[order],
            totals=self._callers.store.totals(),
            calls=kept.calls,
            counts=kept.counts or tuple(map(Counts.none, passes)),
            allocations=kept.allocations,
            samples=kept.samples,
            sampling=sampling,
            code=code_of(sampling, kept.samples, self._samples.code.contents)
            if self._samples and sampling
            else (),
            missing={
                **self._counters.refused,
                **dict.fromkeys(self._counters.wide.columns, _COUNTED_PER_PROCESSOR),
                **self._unsampled,
            },
            doubtful=tuple(sorted(self._counters.unproven)),
            derived=tuple(self._plan.counted.metrics),
            facts={
                "Number of threads": Count(tvm.runtime.num_threads()),
                "Executor": "VM",
                **self._plan.facts("in invocations of their own"),
                **self._empty_calls(),
                **({PERF_MAP: self._perf_map.told()} if self._perf_map else {}),
                "vmprof": __version__,
                "TVM": str(tvm.__version__),
            },
            problems=tuple(self._problems),
            provenance=provenance_of(
                self._machine, activity, [*self._libraries], "none was loaded in the session"
            ),
        )

    def _empty_calls(self) -> dict[str, Metric]:
        """What a window reads around nothing, by engine: the least that any row can show."""
        passes = self._counters.passes
        # The counters are those of the thread that opened them.
        counted = passes if threading.get_ident() == self._opened_by else ()
        readings = [(Reading.TIME, None), *((Reading.COUNTERS, one) for one in counted)]
        recorder = Recorder(self._counters.sample_words, _EMPTY_CALLS, tasks=False)
        calls = {
            "vmprof": partial(wrapped_calls, recorder, _EMPTY_CALLS),
            "tvm": partial(hooked_calls, recorder, _EMPTY_CALLS),
        }
        return {
            f"{EMPTY_CALL}{engine} {what}": value
            for engine in sorted({vm.engine for vm in self._vms.described()})
            for what, value in empty_call(recorder, calls[engine](), readings).items()
        }
