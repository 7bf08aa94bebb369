"""The threads that call, and what is gathered of each."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import tvm_ffi

from vmprof.counters import Pass
from vmprof.native import ffi, lib, owned
from vmprof.record.sessions.caller import Caller
from vmprof.record.sessions.fold import Signatures, fold
from vmprof.record.sessions.options import SessionOptions
from vmprof.record.sessions.samples import Samples
from vmprof.record.sessions.store import Store

_MISSED_STORAGES = (
    "storages that something other than vm.builtin.alloc_storage made: they are no part of what is "
    "said of memory"
)

# Threads that were in an invocation when their session was closed: their memory stays.
_left: list[Any] = []


class Callers:
    """The threads of one session, whose native half ``pointer`` owns.

    Each joins when it calls for the first time; what its buffers hold goes to the ``store``, with
    ``signatures``, when they are half full, when the thread has ended, and at the end. ``passes``
    are opened again for each of them, as is what ``samples``; ``problem`` is told what went wrong.
    """

    def __init__(
        self,
        options: SessionOptions,
        passes: Sequence[Pass],
        samples: Samples | None,
        problem: Callable[[str], None],
    ) -> None:
        self._options = options
        self._passes, self._samples = tuple(passes), samples
        self._problem = problem
        self._lock = threading.RLock()
        self._all: list[Caller] = []
        self._next_id = 0
        every = [*passes, *([samples.sampler.counted] if samples else [])]
        self._layouts = [one.layout for one in every]
        self.signatures = Signatures()
        self.store = Store(options.keep, 1 + len(every))
        functions = [tvm_ffi.convert(self._guarded(each)) for each in (self._join, self._fold)]
        self.pointer = owned(
            lib.vmprof_session_release,
            lib.vmprof_session_new,
            1 + len(every),
            *[ffi.cast("void *", each.__chandle__()) for each in functions],
        )
        if self.pointer == ffi.NULL:
            raise MemoryError

    @property
    def are_recorded(self) -> bool:
        """Whether they are: not after the end, nor after an error of ours."""
        return bool(lib.vmprof_session_is_open(self.pointer))

    def end(self) -> None:
        """Record nothing from now on, and gather what there is."""
        were_recorded = self.are_recorded
        lib.vmprof_session_close(self.pointer)
        with self._lock:
            for caller in self._all:
                busy = caller.is_busy  # before: what ends meanwhile is not in the tables
                self.fold(caller)
                if busy:
                    self._problem("an invocation was still running when the session was closed")
                    _left.append(caller)
                else:
                    caller.close()
            self._all.clear()
            if not were_recorded:
                self._problem("the session ended early: see the other problems")

    def close(self) -> None:
        """Give the native half up, which records nothing then; attached VMs may have it still."""
        lib.vmprof_session_close(self.pointer)
        ffi.release(self.pointer)

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function``, whose errors end the session, and are told.

        It does not keep the threads' buffers alive, whose session has it.
        """
        method, callers = weakref.WeakMethod(function), weakref.ref(self)

        def call(*args: Any) -> Any:
            alive, own = method(), callers()
            if alive is None or own is None:
                raise ReferenceError("the session is gone")
            try:
                return alive(*args)
            except BaseException as error:
                own._problem(f"{type(error).__name__}: {error}")  # noqa: SLF001
                if isinstance(error, KeyboardInterrupt):
                    lib.vmprof_session_interrupt(own.pointer)
                raise

        return call

    def _join(self) -> int:
        """The calling thread has not called before."""
        with self._lock:
            for gone in [caller for caller in self._all if caller.is_gone]:
                self.fold(gone)
                self._all.remove(gone)
                gone.close()
            caller = Caller(
                self.pointer,
                self._passes,
                self._samples.sampler.counted if self._samples else None,
                self._options.max_records,
                tasks=self._options.count == "tasks",
            )
            for problem in (caller.problem, caller.unsampled):
                if problem is not None:
                    self._problem(problem)
            self._all.append(caller)
            return caller.address

    def _fold(self, address: int) -> None:
        """The calling thread's buffers are half full."""
        with self._lock:
            for caller in self._all:
                if caller.address == address:
                    self.fold(caller)
                    lib.vmprof_caller_clear(caller.pointer)

    def fold(self, caller: Caller) -> None:
        """Add to the store what it has."""
        counted = caller.problem is None
        found = caller.take()
        folded = fold(
            caller.pointer,
            self._layouts,
            self.signatures,
            self._next_id,
            opened=[counted] * len(self._passes) + [caller.unsampled is None],
            sampled=partial(self._samples.of, found) if self._samples and found else None,
        )
        problem = caller.team_problem()
        if problem is not None:
            self._problem(problem)
        if caller.missed_storages:
            self._problem(_MISSED_STORAGES)
        self._next_id += len(folded.invocations)
        self.store.add(folded)
