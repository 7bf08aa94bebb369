"""The VMs of a session: how each is attached, and the numbers of what is recorded of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import tvm
import tvm_ffi

from vmprof.errors import VmprofError
from vmprof.native import entry as make_entry
from vmprof.native import ffi, lib, wrap
from vmprof.program import Program
from vmprof.program.info import ModelInfo
from vmprof.program.layers import KernelCall, calls_left
from vmprof.program.program import find_executable
from vmprof.record.hook import Hook
from vmprof.record.launches import recorded_launches
from vmprof.record.sessions.attached import AttachedOwnModule, AttachedTvmModule, Entry, Pair
from vmprof.record.sessions.kernels import KnownKernels
from vmprof.record.sessions.options import SessionOptions
from vmprof.record.sessions.patch import MadeOf, made_of
from vmprof.record.sessions.twin import Outline, make_twin
from vmprof.recording.tables import Function, Vm
from vmprof.runs.work import ACTIVATION_SITE
from vmprof.vm import Interpreter, Site, VirtualMachine
from vmprof.vm.linker import CALL_TIR_DYN, NULL_VALUE
from vmprof.vm.module import Module as OwnModule

_HOST = tvm.cpu()
# Distinct packed functions of a VM whose executable is not known.
_LEARNED = 4096

_BEFORE_THE_SESSION = (
    "made before the session: a kernel that vm.builtin.call_tir_dyn calls has that name, kernels "
    "that an object such as a KV cache calls by itself have no rows, and invocations that are "
    "not recorded pay for the hook too; make the VM inside the session"
)
_COMPILED = (
    '{} of native code (exec_mode="compiled"): TVM\'s VM reports no call inside; '
    "record with engine vmprof"
)

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


class Vms:
    """Attaches VMs to the ``vmprof_session`` at ``pointer``.

    ``see`` is given their modules, ``problem`` is told what cannot be recorded. Several threads
    may attach VMs, and look up functions of attached ones.
    """

    def __init__(
        self,
        pointer: Any,
        options: SessionOptions,
        see: Callable[[tvm_ffi.Module], None],
        problem: Callable[[str], None],
    ) -> None:
        self._pointer = pointer
        self._root = lib.vmprof_session_root(pointer)
        self._options = options
        self._problem = problem
        self._lock = threading.RLock()
        self._closed = False
        self._vms: list[tuple[str, list[str], list[str]]] = []  # engine, devices, notes
        # By VM and name: their numbers, and those of their calls.
        self._functions: dict[tuple[int, str], tuple[int, int]] = {}
        self._callees: list[str] = []
        self.kernels = KnownKernels()
        self._layers: dict[tuple[int, str], tuple[KernelCall, ...]] = {}  # by VM and function
        self._see = see
        self._learning: list[Hook] = []  # of VMs whose names come up as they run
        self._launches = ExitStack()
        self._launches_seen: set[int] = set()

    def close(self) -> None:
        """Give out no entry from now on."""
        with self._lock:
            self._closed = True
            try:
                self._launches.close()
            except KeyboardInterrupt:
                self._launches.close()  # the rest
                raise

    # ---- what the recording has of them --------------------------------------------------

    def described(self) -> tuple[Vm, ...]:
        return tuple(
            Vm(engine, devices[0], tuple(notes), tuple(devices[1:]))
            for engine, devices, notes in self._vms
        )

    def functions(self) -> tuple[Function, ...]:
        """By their numbers."""
        return tuple(Function(name, vm) for vm, name in self._functions)

    def layers(self) -> Mapping[int, tuple[KernelCall, ...]]:
        """By the numbers of functions that call the same kernels each time: these, in order."""
        return {
            number: self._layers[key]
            for number, key in enumerate(self._functions)
            if key in self._layers
        }

    def callees(self) -> tuple[str, ...]:
        """The names of all that has been called, by the numbers of sites."""
        for hook in self._learning:
            for number, name in hook.learned().items():
                self._callees[number] = name
        return tuple(self._callees)

    # ---- what attached VMs need -----------------------------------------------------------

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

    # ---- attaching -------------------------------------------------------------------------

    def attach(self, vm: Any) -> None:
        """``vm`` itself, by giving it another module."""
        module = vm.module
        if isinstance(module, AttachedTvmModule | AttachedOwnModule):
            if module.pair.registry is self:
                return
            module = module.pair.plain
        if isinstance(vm, VirtualMachine):
            with self.kernels.of_vm(module._interpreter.program.kernels):  # noqa: SLF001 # as below
                attached_module: Any = AttachedOwnModule(self._own_pair(module))
            vm.module = attached_module
            return
        if not isinstance(module, tvm.runtime.Module) or module.kind != "relax.VirtualMachine":
            raise VmprofError(
                f"cannot attach a {type(vm).__name__}: a session records VirtualMachines of "
                "TVM's or vmprof's in this process"
            )
        known = made_of(vm)
        with self.kernels.of_vm(known.info.kernels if known else {}):
            attached = AttachedTvmModule.of(self._tvm_pair(module, known))
        vm.module = attached
        # TVM's class keeps what it looked up when it was made.
        for name in [name for name in vars(vm) if name in _KEPT_LOOKUPS]:
            setattr(vm, name, attached.get_function(name[1:]))

    def _own_pair(self, module: OwnModule) -> Pair:
        plain = module._interpreter  # noqa: SLF001 # a VM's module is that much
        recorded = Interpreter(
            plain.program,
            plain.devices,
            plain.memory_cfg,
            wrap=self._wrap_site,
            entrance=self._entrance,
            constants=plain.constants,
        )
        outline = Outline(plain.program.module)
        number = self._new_vm("vmprof", plain.devices)
        self._know_layers(number, outline, plain.program.info)
        self._see_code(plain.program.module)
        return Pair(self, number, module, OwnModule(recorded), outline.makers)

    def _tvm_pair(self, module: Any, known: MadeOf | None) -> Pair:
        executable = find_executable(known.module) if known else None
        if known is None or executable is None:
            number = self._new_vm("tvm", "unknown")
            self.note(number, _BEFORE_THE_SESSION)
            self._set_hook(module, None)
            self._see_code(module)
            return Pair(self, number, module, module)
        outline = Outline(executable)
        number = self._new_vm(self._options.engine, known.device)
        self._know_layers(number, outline, known.info)
        self._see_code(executable)
        if self._options.engine == "vmprof":
            program = Program.of_module(executable, "the module")
            vm = Interpreter(
                program,
                known.device,
                known.memory_cfg,
                wrap=self._wrap_site,
                entrance=self._entrance,
            )
            return Pair(self, number, module, OwnModule(vm), outline.makers)
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
        learn = 0 if known is not None else _LEARNED
        first = self._new_callees(names or [""] * learn)
        hook = Hook(self._root, names, first=first, learn=learn)
        if learn:
            self._learning.append(hook)
        module["set_instrument"](hook.instrument)

    def _wrap(self, name: str, kernel: Any) -> Any:
        return wrap(int(ffi.cast("intptr_t", self._root)), self._new_callees([name]), kernel)

    def _entrance(self, enter: Callable[..., Any]) -> Any:
        """What native code calls instead of ``enter``: bytecode inside a call is no part of it."""
        root = int(ffi.cast("intptr_t", self._root))
        return wrap(root, ACTIVATION_SITE, tvm_ffi.convert(enter))

    def _wrap_site(self, site: Site, kernel: Any) -> Any:
        return self._wrap(site.callee, kernel)

    def _new_vm(self, engine: str, device: Any) -> int:
        devices = [*device] if isinstance(device, list | tuple) else [device]
        if not isinstance(device, str) and devices[-1].type != _HOST.type:
            devices.append(_HOST)  # as TVM's VM does
        names = [each if isinstance(each, str) else f"{each.type}{each.index}" for each in devices]
        with self._lock:
            self._vms.append((engine, [*dict.fromkeys(names)], []))
            return len(self._vms) - 1

    def _know_layers(self, vm: int, outline: Outline, info: ModelInfo) -> None:
        with self._lock:
            for function, made in outline.straight.items():
                left = calls_left(made, info.calls.get(function, ()))
                if any(call.layers for call in left):
                    self._layers[vm, function] = tuple(left)

    def _new_callees(self, names: Sequence[str]) -> int:
        with self._lock:
            first = len(self._callees)
            self._callees += names
            self.kernels.add(first, names)
            return first

    def _see_code(self, module: Any) -> None:
        """The code that came with ``module``, and its parallel launches."""
        self._see(module)
        handle = module.__chandle__()
        if self._options.count != "tasks" or handle in self._launches_seen:
            return
        self._launches_seen.add(handle)
        for problem in self._launches.enter_context(recorded_launches()):
            self._problem(f"only the calling thread was counted: {problem}")


def _handle(function: tvm_ffi.Function) -> Any:
    return ffi.cast("void *", function.__chandle__())
