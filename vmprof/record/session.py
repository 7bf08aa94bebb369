"""A session: records what a program calls of its VMs."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any

import numpy as np
import tvm
import tvm_ffi

from vmprof.errors import VmprofError
from vmprof.executable import load, packed, vm_function
from vmprof.launches import recorded_launches
from vmprof.machine import Interpreter, Site, VirtualMachine
from vmprof.machine.module import Module as OwnModule
from vmprof.machine.tvm_vm import TvmVirtualMachine
from vmprof.native import empty, ffi, hook, lib, wrap
from vmprof.native import entry as make_entry
from vmprof.program import Program
from vmprof.program.bytecode import (
    VOID_REGISTER,
    Bytecode,
    Call,
    FunctionReference,
    Instruction,
    Register,
    Ret,
)
from vmprof.program.program import find_executable
from vmprof.record.attached import AttachedOwnModule, AttachedTvmModule, Entry, Pair
from vmprof.record.fold import Signatures, fold
from vmprof.record.options import (
    DEFAULT_KEEP,
    DEFAULT_MAX_RECORDS,
    ENGINES,
    SCOPES,
    SessionOptions,
)
from vmprof.record.patch import MadeOf, Patch, made_of
from vmprof.record.plan import Caller, Plan
from vmprof.record.recording import EMPTY_CALL, NOT_OPENED, Function, Recording, Vm
from vmprof.record.store import Store
from vmprof.record.twin import CALL_TIR_DYN, NULL_VALUE, Outline, make_twin
from vmprof.recorder import Reading, Recorder
from vmprof.report.model import Count, Duration, Metric
from vmprof.version import __version__

# Distinct packed functions of a VM whose executable is not known.
_LEARNED = 4096
_MAX_LABELS = int(lib.VMPROF_MAX_LABELS)
_EMPTY_CALLS = 1000

_BEFORE_THE_SESSION = (
    "made before the session: a kernel that vm.builtin.call_tir_dyn calls has that name, kernels "
    "that an object such as a KV cache calls by itself have no rows, and invocations that are "
    "not recorded pay for the hook too; make the VM inside the session"
)
_COMPILED = (
    '{} of native code (exec_mode="compiled"): TVM\'s VM reports no call inside; '
    "record with engine vmprof"
)

_active = threading.Lock()


def _in_child() -> None:
    """The session is the parent's; the child may have one of its own."""
    if _active.locked():
        _active.release()


os.register_at_fork(after_in_child=_in_child)

# Threads that were in an invocation when their session was closed: their memory stays.
_left: list[Any] = []


class Session:
    """Records the invocations of the VMs that are attached, while the ``with`` lasts.

    An invocation is a call from outside: of a function of the VM, a saved function or a
    closure. The parameters are those of
    :class:`~vmprof.record.options.SessionOptions`. There is one session at a time in a
    process. With ``attach_all`` every VM that is made meanwhile is attached by itself.
    """

    def __init__(
        self,
        counters: str | None = None,
        *,
        multiplex: bool = False,
        engine: str = ENGINES[0],
        count: str = SCOPES[0],
        keep: int | None = DEFAULT_KEEP,
        max_records: int = DEFAULT_MAX_RECORDS,
        attach_all: bool = False,
    ) -> None:
        self.options = SessionOptions(counters, multiplex, engine, count, keep, max_records)
        self._attach_all = attach_all
        self._lock = threading.RLock()
        self._stack = ExitStack()
        self._recording: Recording | None = None
        self._pid = 0  # of the process that opened it; 0: it was not opened yet
        self._closed = False

        self._vms: list[tuple[str, str, list[str]]] = []  # engine, device, notes
        self._functions: dict[tuple[int, str], tuple[int, int]] = {}
        self._callees: list[str] = []
        # Of VMs whose names come up as they run: first callee, the hook, what keeps it.
        self._learning: list[tuple[int, Any, Any]] = []
        self._labels: dict[str, int] = {"": 0}
        self._launches_seen: set[int] = set()

        self._callers: list[Caller] = []
        self._signatures = Signatures()
        self._next_id = 0
        self._problems: dict[str, None] = {}

    # ---- life ----------------------------------------------------------------------------

    def __enter__(self) -> Session:  # noqa: PYI034 # Python 3.10 has no Self
        if self._pid:
            raise VmprofError("a session is opened once; make another one")
        if not _active.acquire(blocking=False):
            raise VmprofError(
                "there is a session already: TVM's launches and the PMU are shared by the process; "
                "close it first, or attach the VM to that one"
            )
        self._stack.callback(_active.release)
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _open(self) -> None:
        self._pid = os.getpid()
        self._plan = Plan.of(self.options)
        self._stack.callback(self._plan.close)
        self._store = Store(self.options.keep, 1 + len(self._plan.passes))
        self._join_function, self._fold_function = (
            tvm_ffi.convert(self._guarded(each)) for each in (self._join, self._fold)
        )
        self._pointer = lib.vmprof_session_new(
            1 + len(self._plan.passes),
            _handle(self._join_function),
            _handle(self._fold_function),
        )
        if self._pointer == ffi.NULL:
            raise MemoryError
        self._stack.callback(lib.vmprof_session_release, self._pointer)
        self._root = lib.vmprof_session_root(self._pointer)
        self._stack.callback(Patch(self._made).undo)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Record nothing from now on; attached VMs go on as they are."""
        if self._closed or os.getpid() != self._pid:
            return  # in a child all of it is the parent's
        was_open = bool(lib.vmprof_session_is_open(self._pointer))
        lib.vmprof_session_close(self._pointer)
        with self._lock, self._stack:
            self._closed = True
            for caller in self._callers:
                self._fold_caller(caller)
                if caller.is_busy:
                    self._problem("an invocation was still running when the session was closed")
                    _left.append(caller)
                else:
                    caller.close()
            self._callers.clear()
            if not was_open:
                self._problem("the session ended early: see the other problems")
            self._recording = self._finished()

    # ---- what the user calls ------------------------------------------------------------------

    def attach(self, vm: Any) -> Any:
        """``vm``, a VM of TVM's or ours, as one to be called instead: with the same interface.

        Of a VM of TVM's that was made before the session less can be seen: the report says
        what.
        """
        if self._closed or not self._pid:
            raise VmprofError("the session is not open; attach inside `with Session() as session:`")
        attached = copy.copy(vm)
        self._attach(attached)
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

    def report(self, by: str = "operator") -> str:
        """The summary and a table for each function: :mod:`vmprof.record.text`."""
        from vmprof.record import text

        return text.render(self.recording(), by=by)

    # ---- attaching ---------------------------------------------------------------------------

    def new_entry(self, vm: int, function: str, plain: Any, recorded: Any) -> Entry | None:
        with self._lock:
            if self._closed:
                return None
            if (vm, function) not in self._functions:
                if len(self._functions) == lib.VMPROF_MAX_FUNCTIONS:
                    self._problem(f"functions of VMs beyond the first {len(self._functions):,}")
                    return None
                self._functions[vm, function] = (
                    len(self._functions),
                    self._new_callees([function]),
                )
            state = lib.vmprof_entry_new(
                self._pointer, *self._functions[vm, function], _handle(plain), _handle(recorded)
            )
        if state == ffi.NULL:
            raise MemoryError
        return Entry(make_entry(int(ffi.cast("intptr_t", state))), state)

    def note(self, vm: int, text: str) -> None:
        with self._lock:
            notes = self._vms[vm][2]
            if text not in notes:
                notes.append(text)

    def _made(self, vm: Any) -> None:
        """A VM was made."""
        if not self._attach_all or not lib.vmprof_session_is_open(self._pointer):
            return
        try:
            self._attach(vm)
        except Exception as error:  # noqa: BLE001 # the program goes on without us
            self._problem(f"a VM could not be attached: {type(error).__name__}: {error}")

    def _attach(self, vm: Any) -> None:
        module = vm.module
        if isinstance(module, AttachedTvmModule | AttachedOwnModule):
            if module.pair.session is self:
                return
            module = module.pair.plain
        if isinstance(vm, VirtualMachine):
            attached_module: Any = AttachedOwnModule(self._own_pair(module))
            vm.module = attached_module
            return
        if not isinstance(module, tvm.runtime.Module) or module.kind != "relax.VirtualMachine":
            raise VmprofError(
                f"cannot attach a {type(vm).__name__}: a session records VirtualMachines of "
                "TVM's or vmprof's in this process"
            )
        attached = AttachedTvmModule.of(self._tvm_pair(module, made_of(vm)))
        vm.module = attached
        # TVM's class keeps what it looked up when it was made.
        for name in [name for name in vars(vm) if name in _KEPT_LOOKUPS]:
            setattr(vm, name, attached.get_function(name[1:]))

    def _own_pair(self, module: OwnModule) -> Pair:
        plain = module._interpreter  # noqa: SLF001 # a machine's module is that much
        recorded = Interpreter(
            plain.program,
            plain.devices,
            plain.memory_cfg,
            wrap=self._wrap_site,
            constants=plain.constants,
        )
        outline = Outline(plain.program.module)
        number = self._new_vm("vmprof", plain.device)
        self._see_launches(plain.program.module)
        return Pair(self, number, module, OwnModule(recorded), outline.makers)

    def _tvm_pair(self, module: Any, known: MadeOf | None) -> Pair:
        executable = find_executable(known.module) if known else None
        if known is None or executable is None:
            number = self._new_vm("tvm", "unknown")
            self.note(number, _BEFORE_THE_SESSION)
            self._set_hook(module, None)
            self._see_launches(module)
            return Pair(self, number, module, module)
        outline = Outline(executable)
        device = known.device[0] if isinstance(known.device, list) else known.device
        number = self._new_vm(self.options.engine, device)
        self._see_launches(executable)
        if self.options.engine == "vmprof":
            program = Program.of_module(executable, "the module")
            machine = Interpreter(program, known.device, known.memory_cfg, wrap=self._wrap_site)
            return Pair(self, number, module, OwnModule(machine), outline.makers)
        if outline.compiled:
            self.note(number, _COMPILED.format(", ".join(outline.compiled)))
            return Pair(self, number, module, module)
        twin = make_twin(executable, outline, known.device, known.memory_cfg, self._wrap)
        unrecorded = {NULL_VALUE, CALL_TIR_DYN} if outline.has_kernel_operands else {NULL_VALUE}
        self._set_hook(twin.module, [name for name in outline.packed if name not in unrecorded])
        return Pair(self, number, module, twin.module, outline.makers)

    def _set_hook(self, module: Any, known: Sequence[str] | None) -> None:
        """Our instrument for one VM, which learns the names of functions if they are not known."""
        names = known or ()
        nothing = [ffi.NULL] * len(names)
        encoded = [ffi.new("char[]", name.encode()) for name in names]
        hooked = lib.vmprof_hook_new(self._root, encoded, nothing, len(names), ffi.NULL)
        if hooked == ffi.NULL:
            raise MemoryError
        learn = 0 if known is not None else _LEARNED
        first = self._new_callees(names or [""] * learn)
        instrument = hook(int(ffi.cast("intptr_t", hooked)))
        if lib.vmprof_hook_number(hooked, first, learn) != 0:
            raise MemoryError
        if learn:
            self._learning.append((first, hooked, instrument))
        module["set_instrument"](instrument)

    def _wrap(self, name: str, kernel: Any) -> Any:
        return wrap(int(ffi.cast("intptr_t", self._root)), self._new_callees([name]), kernel)

    def _wrap_site(self, site: Site, kernel: Any) -> Any:
        return self._wrap(site.callee, kernel)

    def _new_vm(self, engine: str, device: Any) -> int:
        with self._lock:
            name = device if isinstance(device, str) else f"{device.type}{device.index}"
            self._vms.append((engine, name, []))
            return len(self._vms) - 1

    def _new_callees(self, names: Sequence[str]) -> int:
        with self._lock:
            first = len(self._callees)
            self._callees += names
            return first

    def _see_launches(self, module: Any) -> None:
        """Parallel launches of libraries that came with ``module``."""
        handle = module.__chandle__()
        if self.options.count != "tasks" or handle in self._launches_seen:
            return
        self._launches_seen.add(handle)
        for problem in self._stack.enter_context(recorded_launches()):
            self._problem(f"only the calling thread was counted: {problem}")

    # ---- threads that call ---------------------------------------------------------------------

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function``, whose errors end the session, and are told."""

        def call(*args: Any) -> Any:
            try:
                return function(*args)
            except BaseException as error:
                self._problem(f"{type(error).__name__}: {error}")
                if isinstance(error, KeyboardInterrupt):
                    lib.vmprof_session_interrupt(self._pointer)
                raise

        return call

    def _join(self) -> int:
        """The calling thread has not called before."""
        with self._lock:
            for gone in [caller for caller in self._callers if caller.is_gone]:
                self._fold_caller(gone)
                self._callers.remove(gone)
                gone.close()
            tasks = self.options.count == "tasks"
            caller = Caller(self._pointer, self._plan, self.options.max_records, tasks=tasks)
            if caller.problem is not None:
                self._problem(caller.problem)
            self._callers.append(caller)
            return caller.address

    def _fold(self, address: int) -> None:
        """The calling thread's buffers are half full."""
        with self._lock:
            for caller in self._callers:
                if caller.address == address:
                    self._fold_caller(caller)
                    lib.vmprof_caller_clear(caller.pointer)

    def _fold_caller(self, caller: Caller) -> None:
        layouts = [one.layout for one in self._plan.passes]
        folded = fold(
            caller.pointer,
            layouts,
            self._signatures,
            self._next_id,
            opened=caller.problem is None,
        )
        problem = caller.team_problem()
        if problem is not None:
            self._problem(problem)
            folded.invocations["fault"][folded.invocations["turn"] > 0] = NOT_OPENED
        self._next_id += len(folded.invocations)
        self._store.add(folded)

    def _problem(self, text: str) -> None:
        self._problems[text] = None

    # ---- the end ---------------------------------------------------------------------------------

    def _finished(self) -> Recording:
        for first, hooked, _ in self._learning:
            for number in range(_LEARNED):
                name = lib.vmprof_hook_learned(hooked, number)
                if name != ffi.NULL:
                    self._callees[first + number] = ffi.string(name).decode(errors="replace")
        kept = self._store.kept()
        order = np.argsort(kept.invocations["begin_ns"], kind="stable")
        return Recording(
            vms=tuple(Vm(engine, device, tuple(notes)) for engine, device, notes in self._vms),
            functions=tuple(Function(name, vm) for vm, name in self._functions),
            labels=tuple(self._labels),
            callees=tuple(self._callees),
            signatures=tuple(self._signatures.texts),
            passes=self._plan.described(),
            invocations=kept.invocations[order],
            totals=self._store.totals(),
            calls=kept.calls,
            counts=kept.counts,
            missing=self._plan.missing(),
            doubtful=tuple(sorted(self._plan.counters.unproven)),
            derived=tuple(self._plan.counted.metrics),
            facts={
                "Number of threads": Count(tvm.runtime.num_threads()),
                "Executor": "VM",
                **self._plan.facts(),
                **self._empty_calls(),
                "vmprof": __version__,
                "TVM": str(tvm.__version__),
            },
            problems=tuple(self._problems),
        )

    def _empty_calls(self) -> dict[str, Metric]:
        """What a window reads around nothing, by engine: the least that any row can show."""
        return {
            f"{EMPTY_CALL}{engine} (us)": Duration(_empty_call_us(engine))
            for engine in sorted({engine for engine, _, _ in self._vms})
        }


def _handle(function: tvm_ffi.Function) -> Any:
    return ffi.cast("void *", function.__chandle__())


def _empty_call_us(engine: str) -> float:
    recorder = Recorder(0, _EMPTY_CALLS, tasks=False)
    if engine == "tvm":
        callee, void = FunctionReference(1, "vmprof.empty"), Register(VOID_REGISTER)
        code: tuple[Instruction, ...] = (*[Call(void, callee, ())] * _EMPTY_CALLS, Ret(void))
        functions = (vm_function("main", 0, len(code)), packed(callee.name))
        machine = TvmVirtualMachine(load(Bytecode(functions, code, (), {})), tvm.cpu(0))
        machine.set_instrument(recorder.hook([callee.name], {}))
        with recorder.run(Reading.TIME):
            machine["main"]()
    else:
        nothing = recorder.wrap(Site(0, "", 0, "vmprof.empty"), empty)
        with recorder.run(Reading.TIME):
            for _ in range(_EMPTY_CALLS):
                nothing()
    durations = recorder.recording(Reading.TIME).durations_ns
    assert durations is not None
    return float(np.median(durations)) / 1e3


_KEPT_LOOKUPS = (
    "_invoke_closure",
    "_save_function",
    "_set_input",
    "_invoke_stateful",
    "_get_output",
    "_get_output_arity",
    "_get_function_arity",
    "_get_function_param_name",
    "_set_instrument",
)
