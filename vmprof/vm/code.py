"""The code of one VM function as the shim runs it (native/code.c), and its frames.

A frame holds the registers of one activation, outside of Python. It is a packed function:
``frame(block)`` runs the steps of a block and gives what the block gives; see native/code.c.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tvm_ffi

from vmprof.native import ffi, lib, owned

Frame = Callable[..., Any]

_add_constants = tvm_ffi.get_global_func("vmprof.code.constants")
_add_callees = tvm_ffi.get_global_func("vmprof.code.callees")
_activation = tvm_ffi.get_global_func("vmprof.code.activation")
_straight = tvm_ffi.get_global_func("vmprof.code.straight")
# The frame in which a function of one block raised, on this thread.
failed_frame = tvm_ffi.get_global_func("vmprof.code.failed")

_NOTHING = np.iinfo(np.int32).max
_NOBODY = -1
# Values go over as arguments of one call: so many at a time.
_AT_ONCE = 256


@dataclass
class Code:
    """Collects the steps of a function, block by block; `finish` makes it run.

    An operand is the number of a register, or the complement of a constant's. Constants
    and callees are numbered as they are first met.
    """

    num_registers: int
    _steps: list[tuple[int, ...]] = field(default_factory=list)
    _blocks: list[tuple[int, ...]] = field(default_factory=list)
    _operands: list[int] = field(default_factory=list)
    _constants: list[Any] = field(default_factory=list)
    _numbers: dict[object, int] = field(default_factory=dict)
    _callees: dict[int, tuple[int, Any]] = field(default_factory=dict)
    _most_operands: int = 0

    def constant(self, key: object, value: Any) -> int:
        """The operand that stands for ``value``, which ``key`` identifies."""
        if key not in self._numbers:
            self._numbers[key] = len(self._constants)
            self._constants.append(value)
        return ~self._numbers[key]

    @property
    def num_steps(self) -> int:
        """How many steps there are by now."""
        return len(self._steps)

    def add_step(self, callee: Any, operands: Sequence[int], destination: int | None) -> None:
        """A call of the packed function ``callee``; None clears ``destination``.

        Without a destination the result is dropped.
        """
        number = _NOBODY
        if callee is not None:
            # By identity, and kept here so that no other takes its place in memory.
            number, _ = self._callees.setdefault(id(callee), (len(self._callees), callee))
        register = _NOBODY if destination is None else destination
        self._steps.append((number, register, *self._place(operands)))

    def add_block(
        self,
        first_step: int,
        *,
        incoming: int | None = None,
        given: int | None = None,
        call: Sequence[int] = (),
    ) -> int:
        """A block of the steps from ``first_step`` to the last that was added; its number.

        ``incoming`` is the register that takes the value handed in, ``given`` the operand that
        the block gives, ``call`` the operands of the call behind it.
        """
        steps = (first_step, len(self._steps) - first_step)
        register = _NOBODY if incoming is None else incoming
        operand = _NOTHING if given is None else given
        self._blocks.append((*steps, register, operand, *self._place(call)))
        return len(self._blocks) - 1

    def finish(self, *, straight: bool) -> tuple[Callable[..., Frame], Callable[..., Any] | None]:
        """Packed functions that take the function's arguments.

        The first makes a frame of them. The second runs the whole function; there is one if
        it is ``straight``, that is if its first block gives its result.
        """
        code = owned(
            lib.vmprof_code_release,
            lib.vmprof_code_new,
            self.num_registers,
            _words(self._steps),
            len(self._steps),
            _words(self._blocks),
            len(self._blocks),
            _words(self._operands),
            len(self._operands),
            self._most_operands,
        )
        if code == ffi.NULL:
            raise MemoryError
        address = int(ffi.cast("intptr_t", code))
        callees = [callee for _, callee in self._callees.values()]
        for add, values in ((_add_constants, self._constants), (_add_callees, callees)):
            for start in range(0, len(values), _AT_ONCE):
                add(address, *values[start : start + _AT_ONCE])
        return _activation(address), _straight(address) if straight else None

    def _place(self, operands: Sequence[int]) -> tuple[int, int]:
        """Where ``operands`` lie among all, and how many they are."""
        self._most_operands = max(self._most_operands, len(operands))
        place = len(self._operands)
        self._operands += operands
        return place, len(operands)


def _words(rows: Sequence[Any]) -> Any:
    return ffi.from_buffer("int32_t[]", np.array(rows, dtype=np.int32).tobytes())
