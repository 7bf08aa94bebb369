"""What ``vm.module`` of an attached VM is.

Both TVM's Python class ``VirtualMachine`` and ours are thin layers over that module: all that
they call goes through it by name. So this is where calls from outside are seen. Functions
of the VM are given out as entries (native/invocation.c), which run the VM that the program
made or its recorded twin; what a VM keeps (saved functions, inputs) is given to both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import tvm
import tvm_ffi

from vmprof.native import lib
from vmprof.vm.module import Module as OwnModule

CLOSURE = "(a closure)"
_KEPT = ("save_function", "set_input", "set_input_with_param_module")
_OUTPUTS = ("get_output", "get_output_arity")
# Of the VM itself, and not worth an invocation.
_ASKED = ("get_function_arity", "get_function_param_name", "vm_initialization")


class Entry(NamedTuple):
    """A function that is called from outside, and its ``vmprof_entry_state``, which it owns."""

    function: tvm_ffi.Function
    state: Any


class Registry(Protocol):
    """What an attached VM needs of its session."""

    def new_entry(
        self, vm: int, function: str, plain: tvm_ffi.Function, recorded: tvm_ffi.Function
    ) -> Entry | None:
        """``plain``, or when it is recorded ``recorded``; None if the session records no more."""

    def note(self, vm: int, text: str) -> None:
        """The report shall say ``text`` of a VM."""


@dataclass
class Pair:
    """A VM's module, and that of its recorded twin, which may be the same."""

    registry: Registry
    vm: int
    plain: Any
    recorded: Any
    makers: frozenset[str] = frozenset()
    _entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    _found: dict[str, tvm_ffi.Function] = field(default_factory=dict)  # by what was looked up
    _saved: dict[str, str] = field(default_factory=dict)  # saved name -> function
    # Functions whose last stateful call was timed by TVM, in the VM that the program made.
    _timed: set[str] = field(default_factory=set)

    def function(self, name: str, query_imports: bool) -> Any:  # noqa: FBT001
        """What a lookup of ``name`` gives."""
        found = self._found.get(name)
        if found is not None:
            return found
        if name == "invoke_closure":
            return self.entry(name, CLOSURE)
        if name == "invoke_stateful":
            return self._invoke_stateful
        if name in _OUTPUTS:
            return lambda of, *indices: self._with_outputs(of).get_function(name)(of, *indices)
        if name == "set_instrument":
            return self._set_instrument
        if name in _KEPT:
            return lambda *args: self._keep(name, *args)
        if name in _ASKED:
            return self.plain.get_function(name)
        self._found[name] = self.entry(
            name, self._saved.get(name, name), query_imports=query_imports
        )
        return self._found[name]

    def entry(self, lookup: str, function: str, *, query_imports: bool = False) -> Any:
        """The entry that calls what ``lookup`` finds; its invocations are of ``function``."""
        found = self._entries.get((lookup, function))
        if found is None:
            plain = self.plain.get_function(lookup, query_imports)
            recorded = plain
            if self.recorded is not self.plain:
                recorded = self.recorded.get_function(lookup, query_imports)
            if function in self.makers:
                plain = recorded
            found = self.registry.new_entry(self.vm, function, plain, recorded)
            if found is None:
                return plain
            self._entries[lookup, function] = found
        return found.function

    def timed(self, name: str, timer: Callable[..., Any]) -> Callable[..., Any]:
        """``timer``, TVM's stopwatch, which calls ``name`` of the plain VM by itself."""
        self.registry.note(
            self.vm,
            f"time_evaluator({name!r}) calls the VM by itself: those calls are not recorded",
        )

        def time(*args: Any) -> Any:
            if name == "invoke_stateful":
                self._timed.update(map(str, args[:1]))
            return timer(*args)

        return time

    def _invoke_stateful(self, function: str) -> None:
        self._timed.discard(function)
        self.entry("invoke_stateful", function)(function)

    def _with_outputs(self, function: str) -> Any:
        """The module that has the outputs of the last stateful call."""
        found = self._entries.get(("invoke_stateful", function))
        if function in self._timed or found is None:
            return self.plain
        if lib.vmprof_entry_ran_recorded(found.state):
            return self.recorded
        return self.plain

    def _keep(self, name: str, *args: Any) -> None:
        if name == "save_function":
            function, saved = str(args[0]), str(args[1])
            self._saved[saved] = self._saved.get(function, function)
            self._found.pop(saved, None)
            for key in [key for key in self._entries if key[0] == saved]:
                del self._entries[key]
        self.plain.get_function(name)(*args)
        if self.recorded is not self.plain:
            self.recorded.get_function(name)(*args)

    def _set_instrument(self, *args: Any) -> None:
        """The program's own takes the place of ours, in both VMs."""
        self.plain.get_function("set_instrument")(*args)
        if self.recorded is not self.plain:
            self.recorded.get_function("set_instrument")(*args)
        self.registry.note(
            self.vm, "the program set an instrument of its own: calls inside have no rows"
        )


class AttachedTvmModule(tvm.runtime.Module):  # type: ignore[misc] # TVM has no types
    """TVM's module of a VM, whose lookups give recorded functions."""

    pair: Pair

    @classmethod
    def of(cls, pair: Pair) -> AttachedTvmModule:
        module = cls.__new__(cls)
        # The same object in C++; the other Python object keeps its own reference.
        module.__move_handle_from__(_another(pair.plain))
        module.pair = pair
        return module

    def get_function(self, name: str, query_imports: bool = False) -> Any:  # noqa: FBT001, FBT002
        return self.pair.function(name, query_imports)

    def __getattr__(self, name: str) -> Any:
        if name == "pair" or name.startswith("__"):
            raise AttributeError(name)
        try:
            return self.get_function(name)
        except AttributeError as error:
            raise AttributeError(f"Module has no function '{name}'") from error

    def time_evaluator(self, func_name: str, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        return self.pair.timed(func_name, super().time_evaluator(func_name, *args, **kwargs))


class AttachedOwnModule:
    """Our module of a VM, likewise."""

    kind = OwnModule.kind

    def __init__(self, pair: Pair) -> None:
        self.pair = pair

    @property
    def imports(self) -> Any:
        """The modules with the kernels."""
        return self.pair.plain.imports

    def get_function(self, name: str, query_imports: bool = False) -> Any:  # noqa: FBT001, FBT002
        return self.pair.function(name, query_imports)

    def __getitem__(self, name: str) -> Any:
        return self.get_function(name)

    def __getattr__(self, name: str) -> Any:
        if name == "pair" or name.startswith("_"):
            raise AttributeError(name)
        return self.get_function(name)

    def __call__(self, *args: Any) -> Any:
        return self.get_function("main")(*args)

    def implements_function(self, name: str, query_imports: bool = False) -> bool:  # noqa: FBT001, FBT002
        """Whether :meth:`get_function` finds ``name``."""
        found: bool = self.pair.plain.implements_function(name, query_imports)
        return found

    def time_evaluator(self, func_name: str, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        timer = self.pair.plain.time_evaluator(func_name, *args, **kwargs)
        return self.pair.timed(func_name, timer)


_another = tvm_ffi.convert(lambda value: value)
