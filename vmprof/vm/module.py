"""A VM as a module: what ``vm.module`` of TVM's VM offers, by name."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Any

import tvm
import tvm_ffi
from tvm.runtime import Device
from tvm.runtime.module import BenchmarkResult

from vmprof.program.bytecode import Function, FunctionKind
from vmprof.vm.constants import on_device
from vmprof.vm.errors import CallStateError, LookupFunctionError, VmError
from vmprof.vm.interpreter import Interpreter

_invoke_closure = tvm_ffi.get_global_func("vm.builtin.invoke_closure")
_time_evaluator = tvm_ffi.get_global_func("runtime.RPCTimeEvaluator")

# Methods that a lookup finds before any function of the program, as in TVM.
_METHODS = {
    "get_function_arity",
    "get_function_param_name",
    "get_output",
    "get_output_arity",
    "invoke_closure",
    "invoke_stateful",
    "save_function",
    "set_input",
    "set_input_with_param_module",
    "set_instrument",
}


class Module:
    """Functions of a VM's program, functions saved with their arguments, and stateful calls.

    Lookups give genuine packed functions, so arguments and results convert as
    they do for TVM's VM.
    """

    kind = "relax.VirtualMachine"

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._saved: dict[str, Callable[..., Any]] = {}
        self._inputs: dict[str, list[Any]] = {}
        self._outputs: dict[str, Any] = {}

    @property
    def imports(self) -> Any:
        """The modules with the kernels."""
        return self._interpreter.program.module.imports

    def get_function(self, name: str, query_imports: bool = False) -> tvm_ffi.Function:  # noqa: FBT001, FBT002
        """The packed function ``name``; :class:`AttributeError` if there is none."""
        if name in _METHODS:
            return _packed(getattr(self, name))
        try:
            return _packed(self._callable(name))
        except LookupFunctionError:
            if query_imports:
                for imported in self.imports:
                    if imported.implements_function(name, query_imports=True):
                        return _packed(imported.get_function(name, query_imports=True))
            raise

    def __getitem__(self, name: str) -> tvm_ffi.Function:
        if not isinstance(name, str):
            raise ValueError(  # noqa: TRY004, as TVM
                f"the name of a function is a str, not {type(name).__name__}"
            )
        return self.get_function(name)

    def __getattr__(self, name: str) -> tvm_ffi.Function:
        if name.startswith("_"):  # Python's own, or an attribute that is not set yet
            raise AttributeError(name)
        return self.get_function(name)

    def __call__(self, *args: Any) -> Any:
        return self.get_function("main")(*args)

    def implements_function(self, name: str, query_imports: bool = False) -> bool:  # noqa: FBT001, FBT002
        """Whether :meth:`get_function` finds ``name``."""
        try:
            self.get_function(name, query_imports)
        except (AttributeError, VmError):
            return False
        return True

    def time_evaluator(  # noqa: PLR0917, as TVM
        self,
        func_name: str,
        dev: Device,
        number: int = 10,
        repeat: int = 1,
        min_repeat_ms: int = 0,
        limit_zero_time_iterations: int = 100,
        cooldown_interval_ms: int = 0,
        repeats_to_cooldown: int = 1,
        cache_flush_bytes: int = 0,
        f_preproc: str = "",
    ) -> Callable[..., BenchmarkResult]:
        """TVM's own stopwatch around the function ``func_name``; arguments as TVM's Module has."""
        try:
            function = self[func_name]
        except AttributeError as error:
            raise VmError(str(error)) from error
        # Without a module, TVM takes a name of its registry, and takes it now.
        name = f"vmprof.timed.{id(self)}"
        tvm_ffi.register_global_func(name, function, override=True)
        try:
            timed = _time_evaluator(
                None,
                name,
                dev.dlpack_device_type(),
                dev.index,
                number,
                repeat,
                min_repeat_ms,
                limit_zero_time_iterations,
                cooldown_interval_ms,
                repeats_to_cooldown,
                cache_flush_bytes,
                f_preproc,
            )
        finally:
            tvm_ffi.registry.remove_global_func(name)
        return lambda *args: BenchmarkResult(struct.unpack(f"@{repeat}d", timed(*args)))

    # What follows is called through lookups: arguments are TVM's already.

    def invoke_closure(self, closure: Any, *args: Any) -> Any:
        """Call a closure, or a packed function, in this VM."""
        return _invoke_closure(self._interpreter.context, closure, *args)

    def set_instrument(self, instrument: Any, *args: Any) -> None:
        """Call ``instrument`` around every call.

        A string is the name of a registered function that returns it, given
        ``args``; None ends it.
        """
        if isinstance(instrument, str):
            factory = tvm_ffi.get_global_func(instrument, allow_missing=True)
            if factory is None:
                raise VmError(f"no function {instrument!r} is registered to make an instrument")
            instrument = factory(*args)
        if not isinstance(instrument, tvm_ffi.Function | None):
            raise TypeError(f"an instrument is a function, not {type(instrument).__name__}")
        self._interpreter.set_instrument(instrument)

    def save_function(
        self,
        func_name: str,
        saved_name: str,
        include_return: bool,  # noqa: FBT001
        *args: Any,
    ) -> None:
        """Bind the last arguments of a function, and keep that under ``saved_name``."""
        try:
            function = self._callable(func_name)
        except LookupFunctionError as error:
            raise CallStateError(str(error)) from error
        bound = [self._on_device(arg) for arg in args]

        def saved(*first: Any) -> Any:
            result = function(*first, *bound)
            return result if include_return else None

        self._saved[saved_name] = saved

    def set_input(self, func_name: str, *args: Any) -> None:
        """Keep the arguments of the next :meth:`invoke_stateful`, on the first device."""
        function = self._function(func_name)
        if len(args) != function.num_args:
            raise VmError(
                f"function {func_name!r} takes {function.num_args} inputs "
                f"({', '.join(function.parameter_names)}), {len(args)} were set"
            )
        self._inputs[func_name] = [self._on_device(arg) for arg in args]

    def set_input_with_param_module(self, func_name: str, *args: Any) -> None:
        """:meth:`set_input` whose last argument is what ``get_params`` of a module returns."""
        *first, module = args
        self.set_input(func_name, *first, module["get_params"]())

    def invoke_stateful(self, func_name: str) -> None:
        """Call a function with the inputs that were set, and keep its output."""
        self._function(func_name)
        if func_name not in self._inputs:
            raise CallStateError(f"no inputs are set for {func_name!r}; use set_input() first")
        index = self._interpreter.program.index(func_name)
        self._outputs[func_name] = self._interpreter.call(index, *self._inputs[func_name])

    def get_output_arity(self, func_name: str, *indices: int) -> int:
        """The number of fields of the output at ``indices``, -1 if it is no tuple."""
        output = self._output(func_name, indices)
        return len(output) if isinstance(output, tvm_ffi.Array) else -1

    def get_output(self, func_name: str, *indices: int) -> Any:
        """The output at ``indices``, which is no tuple."""
        output = self._output(func_name, indices)
        if isinstance(output, tvm_ffi.Array):
            raise CallStateError(
                f"output {[*indices]} of {func_name!r} is a tuple; name one of its "
                f"{len(output)} fields with one index more"
            )
        return output

    def get_function_arity(self, func_name: str) -> int:
        """The number of named parameters."""
        return len(self._function(func_name).parameter_names)

    def get_function_param_name(self, func_name: str, index: int) -> str:
        """The name of one parameter."""
        names = self._function(func_name).parameter_names
        if not 0 <= index < len(names):
            raise CallStateError(
                f"{func_name!r} has {len(names)} parameters, none of index {index}"
            )
        return names[index]

    def _callable(self, name: str) -> Callable[..., Any]:
        """A saved function, or a function of the program that is not packed."""
        if name in self._saved:
            return self._saved[name]
        program = self._interpreter.program
        function = program.bytecode.function(name)
        if function is None:
            known = ", ".join([*program.bytecode.entry_names(), *self._saved]) or "none"
            raise LookupFunctionError(f"there is no function {name!r}; there are: {known}")
        if function.kind is FunctionKind.PACKED:
            raise VmError(
                f"{name!r} is a packed function that the program calls, not one of its own"
            )
        return partial(self._interpreter.call, program.index(name))

    def _function(self, name: str) -> Function:
        function = self._interpreter.program.bytecode.function(name)
        if function is None:
            known = ", ".join(self._interpreter.program.bytecode.entry_names()) or "none"
            raise CallStateError(f"there is no function {name!r}; there are: {known}")
        return function

    def _output(self, func_name: str, indices: tuple[int, ...]) -> Any:
        if func_name not in self._outputs:
            raise CallStateError(f"{func_name!r} has no output yet; use invoke_stateful() first")
        output = self._outputs[func_name]
        for index in indices:
            if not isinstance(output, tvm_ffi.Array):
                raise CallStateError(f"output {[*indices]} of {func_name!r} lies inside no tuple")
            if not 0 <= index < len(output):
                raise IndexError(f"index {index} of the output of {func_name!r} is out of range")
            output = output[index]
        return output

    def _on_device(self, value: Any) -> Any:
        """Tensors, also those in tuples, on the VM's first device."""
        if isinstance(value, tvm.runtime.Tensor):
            return on_device(value, self._interpreter.device)
        if isinstance(value, tvm_ffi.Array):
            return tvm_ffi.Array([self._on_device(field) for field in value])
        return value


def _packed(function: Callable[..., Any]) -> tvm_ffi.Function:
    packed: tvm_ffi.Function = tvm_ffi.convert(function)
    return packed
