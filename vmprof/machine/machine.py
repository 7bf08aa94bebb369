"""The dispatch loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import tvm
import tvm_ffi
from tvm.runtime import Device

from vmprof.errors import VmprofError, add_note
from vmprof.machine.constants import to_tvm
from vmprof.machine.context import VMContext
from vmprof.machine.linker import LinkedFunction, Linker, Site, Wrapper
from vmprof.program import Program
from vmprof.program.bytecode import FunctionKind


class VirtualMachine:
    """Runs a :class:`~vmprof.program.Program`.

    ``wrap`` is called once per place in the code where a packed function is
    called, with that :class:`Site` and the function, and returns what the
    machine shall call there instead. ``sites`` lists those places. ``constants``
    are the program's as TVM's values, if they are in memory already.
    """

    def __init__(
        self,
        program: Program,
        device: Device | None = None,
        *,
        wrap: Wrapper | None = None,
        constants: Sequence[Any] | None = None,
    ) -> None:
        self.program = program
        self.device = device or tvm.cpu(0)
        self._context = VMContext(self.device)
        self._functions: dict[int, LinkedFunction] = {}
        if constants is None:
            constants = [to_tvm(constant) for constant in program.bytecode.constants]
        linker = Linker(
            program,
            constants=constants,
            context=self._context.pointer,
            invoke=lambda index: partial(self._call, index),
            wrap=wrap,
        )
        for index, function in enumerate(program.bytecode.functions):
            if function.kind is not FunctionKind.PACKED:
                self._functions[index] = linker.link(function)
        self.sites: Sequence[Site] = tuple(linker.sites)

    def __getitem__(self, name: str) -> Callable[..., Any]:
        """The function ``name``; it takes TVM tensors or numpy arrays."""
        function = self.program.entry(name)
        index = self.program.bytecode.functions.index(function)
        return lambda *args: self._call(index, *map(_to_tvm_argument, args))

    def _call(self, index: int, *args: Any) -> Any:
        function = self._functions[index]
        if len(args) != function.source.num_args:
            names = ", ".join(function.source.parameter_names)
            raise VmprofError(
                f"function {function.source.name!r} takes {function.source.num_args} arguments"
                f"{f' ({names})' if names else ''}, {len(args)} were given"
            )
        # Registers belong to one activation: recursion must not share them.
        frame = function.frame.copy()
        frame[: len(args)] = args
        block = function.entry
        while True:
            try:
                for callee, operands, destination, number in block.steps:  # noqa: B007
                    frame[destination] = callee(*operands(frame))
            except Exception as error:
                self._annotate(error, function, number, operands(frame))
                raise
            if block.condition is None or frame[block.condition]:
                following = block.then
            else:
                following = block.otherwise
            if following is None:
                return frame[block.result]
            block = following

    def _annotate(
        self, error: Exception, function: LinkedFunction, number: int, operands: Sequence[Any]
    ) -> None:
        """Say which instruction an error comes from, with the shapes that it was given."""
        instruction = self.program.bytecode.instructions[number]
        shapes = ", ".join(
            f"{operand.dtype}[{', '.join(map(str, operand.shape))}]"
            for operand in operands
            if isinstance(operand, tvm_ffi.Tensor)
        )
        text = " ".join(str(instruction).split())
        add_note(error, f"in {function.source.name!r}, instruction {number}: {text}")
        add_note(error, f"argument shapes: {shapes or 'no tensors'}")


def _to_tvm_argument(value: Any) -> Any:
    return tvm.runtime.tensor(value) if isinstance(value, np.ndarray) else value
