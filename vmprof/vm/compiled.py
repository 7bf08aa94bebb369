"""Functions that TVM compiled to native code as a whole (``exec_mode="compiled"``).

TVM calls them VMTIR functions. The code takes a VM's pointer and three lists:
the registers, the constants, the functions of the table. It calls kernels
directly; what it takes from the table are closures, and kernels as operands.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tvm_ffi

from vmprof.program.bytecode import Function
from vmprof.vm.errors import check_arity

# tvm/ffi/c_api.h: a TVMFFISeqCell, which begins with the pointer to the
# elements, follows the TVMFFIObject that every object begins with.
_SIZE_OF_OBJECT = 24


class AnyList:
    """A list of values laid out as native code reads and writes them; ``address`` is the first's.

    An ffi.Array, whose elements TVM's own VM keeps in the same form.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = tvm_ffi.Array(values)
        cell = self.values.__chandle__() + _SIZE_OF_OBJECT
        self.address = ctypes.c_void_p.from_address(cell)


@dataclass(slots=True)
class CompiledFunction:
    """A VMTIR function ready to be called with its arguments."""

    source: Function
    native: Callable[..., Any]
    context: Any
    constants: AnyList
    functions: AnyList

    def __call__(self, *args: Any) -> Any:
        check_arity(self.source, args)
        unset = [None] * (self.source.num_registers - len(args))
        registers = AnyList([*args, *unset])
        self.native(self.context, registers.address, self.constants.address, self.functions.address)
        # The result always follows the arguments.
        return registers.values[len(args)]
