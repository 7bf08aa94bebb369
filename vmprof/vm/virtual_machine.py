"""The drop-in for ``tvm.relax.VirtualMachine``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Number
from typing import Any

import numpy as np
import tvm
import tvm_ffi
from tvm.runtime import Device
from tvm.runtime.module import BenchmarkResult

from vmprof.program import Program
from vmprof.program.known import info_of
from vmprof.vm.interpreter import Interpreter
from vmprof.vm.module import Module


class VirtualMachine:
    """Runs Relax executables as TVM's VM does, and has its interface.

    ``rt_mod`` is an executable, what ``tvm.compile()`` returned, or a
    :class:`~vmprof.program.Program`; ``device`` is one device or a list, of
    which the first takes constants and inputs. ``memory_cfg`` is "pooled"
    (the default) or "naive", or says so for each device.
    """

    NAIVE_ALLOCATOR = 1
    POOLED_ALLOCATOR = 2

    def __init__(
        self,
        rt_mod: Any,
        device: Device | Sequence[Device],
        memory_cfg: str | Mapping[Device, str | int] | None = None,
    ) -> None:
        if isinstance(rt_mod, tvm.runtime.Executable):
            rt_mod = rt_mod.jit()
        if isinstance(rt_mod, tvm_ffi.Module):
            rt_mod = Program.of_module(rt_mod, "the module", info_of(rt_mod))
        if not isinstance(rt_mod, Program):
            raise ValueError(  # noqa: TRY004, as TVM
                "a virtual machine runs a tvm.runtime.Module or Executable, "
                f"not a {type(rt_mod).__name__}"
            )
        if device is None:
            raise TypeError("a virtual machine needs a device or a list of devices")
        self.module = Module(Interpreter(rt_mod, device, self._allocators(memory_cfg)))

    @classmethod
    def _allocators(cls, memory_cfg: Any) -> Any:
        """``memory_cfg`` with numbers for the names of allocators, as TVM's VM takes a mapping."""
        if not isinstance(memory_cfg, Mapping):
            return memory_cfg
        numbers = {"naive": cls.NAIVE_ALLOCATOR, "pooled": cls.POOLED_ALLOCATOR}
        return {device: numbers.get(name, name) for device, name in memory_cfg.items()}

    def __getitem__(self, key: str) -> tvm_ffi.Function:
        """The function ``key`` of the program, or one that was saved."""
        return self.module[key]

    def invoke_closure(self, closure: Any, *args: Any) -> Any:
        """Call a closure that a function returned."""
        return self.module["invoke_closure"](closure, *args)

    def save_function(
        self,
        func_name: str,
        saved_name: str,
        *args: Any,
        include_return: bool = True,
        **kwargs: Any,
    ) -> None:
        """Keep ``func_name`` with its last arguments bound, to be called as ``vm[saved_name]``.

        Keyword arguments go by the names of parameters. Without
        ``include_return`` the saved function returns nothing.
        """
        values = self._arguments(func_name, args, kwargs)
        self.module["save_function"](func_name, saved_name, include_return, *values)

    def set_input(self, func_name: str, *args: Any, **kwargs: Any) -> None:
        """Set the arguments of the next :meth:`invoke_stateful` of ``func_name``."""
        self.module["set_input"](func_name, *self._arguments(func_name, args, kwargs))

    def invoke_stateful(self, func_name: str) -> None:
        """Call ``func_name`` with the inputs that were set; :meth:`get_outputs` has the result."""
        self.module["invoke_stateful"](func_name)

    def get_outputs(self, func_name: str) -> Any:
        """The result of the last :meth:`invoke_stateful`; a tuple is a Python tuple, nested."""

        def at(*indices: int) -> Any:
            arity = self.module.get_output_arity(func_name, *indices)
            if arity < 0:
                return self.module.get_output(func_name, *indices)
            return tuple(at(*indices, i) for i in range(arity))

        return at()

    def set_instrument(self, instrument: Any) -> None:
        """Call ``instrument`` before and after each call that the program makes.

        ``instrument(function, name, before_run, result, *arguments)`` may
        return ``VMInstrumentReturnKind.SKIP_RUN`` before a call to skip it.
        Instead of a function, the name of a registered one that returns it;
        None ends it.
        """
        self.module["set_instrument"](instrument)

    def time_evaluator(  # noqa: PLR0917, as TVM
        self,
        func_name: str,
        dev: Device,
        number: int = 10,
        repeat: int = 1,
        min_repeat_ms: int = 0,
        cooldown_interval_ms: int = 0,
        repeats_to_cooldown: int = 1,
        f_preproc: str = "",
    ) -> Callable[..., BenchmarkResult]:
        """A function that times ``func_name``: ``repeat`` means of ``number`` calls, in seconds."""
        return self.module.time_evaluator(
            func_name,
            dev,
            number=number,
            repeat=repeat,
            min_repeat_ms=min_repeat_ms,
            cooldown_interval_ms=cooldown_interval_ms,
            repeats_to_cooldown=repeats_to_cooldown,
            f_preproc=f_preproc,
        )

    def _arguments(
        self, func_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> list[Any]:
        """The arguments in order, as values that TVM takes; names that do not exist are told."""
        if kwargs:
            args = self._in_order(func_name, args, kwargs)
        return [_to_tvm(arg) for arg in args]

    def _in_order(
        self, func_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> list[Any]:
        arity = self.module.get_function_arity(func_name)
        names = [self.module.get_function_param_name(func_name, i) for i in range(arity)]
        for name in kwargs.keys() - set(names):
            print(f'Warning: Keyword argument "{name}" is unused in {func_name}')  # noqa: T201
        left = iter(args)
        missing = [name for name in names if name not in kwargs]
        assert len(args) == len(missing), (
            f"{func_name!r} takes {', '.join(missing) or 'nothing'} by position, "
            f"{len(args)} values were given"
        )
        return [kwargs[name] if name in kwargs else next(left) for name in names]


def _to_tvm(value: Any) -> Any:
    """A value as :meth:`VirtualMachine.set_input` passes it on: numbers and arrays as tensors."""
    if isinstance(value, tvm.runtime.Object | tvm.runtime.Tensor | str):
        return value
    if isinstance(value, np.ndarray):
        return tvm.runtime.tensor(value, device=tvm.cpu(0))
    if isinstance(value, tuple | list):
        return tuple(_to_tvm(field) for field in value)
    if isinstance(value, Number):
        dtype = "float32"
        if isinstance(value, np.float16):
            dtype = "float16"
        elif isinstance(value, Integral):
            dtype = "int32"
        return tvm.runtime.tensor(np.array(value, dtype=dtype), device=tvm.cpu(0))
    raise TypeError(f"a value of type {type(value).__name__} cannot be an input")
