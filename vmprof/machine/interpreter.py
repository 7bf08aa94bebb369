"""The dispatch loop."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence, Sized
from functools import partial
from typing import Any, Protocol

import numpy as np
import tvm
from tvm.runtime import Device

from vmprof.machine.compiled import CompiledFunction
from vmprof.machine.constants import constants_of
from vmprof.machine.host import Host
from vmprof.machine.instrument import Instrument
from vmprof.machine.linker import (
    Block,
    DirectCall,
    LinkedFunction,
    Linker,
    Site,
    Wrapper,
    no_operands,
)
from vmprof.machine.notes import Notes
from vmprof.program import Program

# As with Python's own limit: an endless recursion shall end with an error.
MAX_DEPTH = 100_000


class Activations(Protocol):
    """Is told which VM functions are running."""

    def entered(self, function: str) -> None:
        """A function begins, inside the one that began last and has not ended."""

    def left(self) -> None:
        """The function that began last ends."""


class Interpreter:
    """Runs a :class:`~vmprof.program.Program`.

    ``devices`` and ``memory_cfg`` are as TVM's VM takes them; the default is
    one CPU, with pooled storage. ``wrap`` is called once per place in the code
    where something is called, with that :class:`Site` and what is called there,
    and returns what the machine shall call instead. ``sites`` lists those
    places. ``activations`` is told of each VM function that begins and ends.
    ``constants`` are the program's as TVM's values, if they are in memory already.
    """

    def __init__(
        self,
        program: Program,
        devices: Device | Sequence[Device] | None = None,
        memory_cfg: str | Mapping[Device, int] | None = None,
        *,
        wrap: Wrapper | None = None,
        activations: Activations | None = None,
        constants: Sequence[Any] | None = None,
    ) -> None:
        self.program = program
        self._activations = activations
        devices = tvm.cpu(0) if devices is None else devices
        # TVM's VM appends a CPU to the list that it is given, where the last is none.
        devices = [*devices] if isinstance(devices, list | tuple) else devices
        # The functions that native code holds know this machine only weakly:
        # what holds the machine would otherwise hold itself, unseen by Python's collector.
        self._enter = partial(_enter, weakref.ref(self))
        self._host = Host(program.bytecode, devices, memory_cfg, self._enter)
        self.devices, self.memory_cfg = devices, memory_cfg
        self.device: Device = devices[0] if isinstance(devices, list) else devices
        if constants is None:
            constants = constants_of(program.bytecode, self.device)
        self.constants: Sequence[Any] = constants
        self.notes = Notes(program)
        self._link(wrap, None)

    def set_instrument(self, instrument: Instrument | None) -> None:
        """Call ``instrument`` before and after every call, as TVM's ``set_instrument`` has it."""
        self._link(None, instrument)

    def _link(self, wrap: Wrapper | None, instrument: Instrument | None) -> None:
        linker = Linker(
            self.program,
            constants=self.constants,
            context=self.context,
            closures=self._host.closures,
            enter=self._enter,
            wrap=wrap,
            instrument=instrument,
        )
        linker.link()
        self._functions = linker.functions
        self.sites: Sequence[Site] = tuple(linker.sites)

    @property
    def context(self) -> Any:
        """The ``VirtualMachine*`` that builtins take; closures called with it run here."""
        return self._host.context

    def __getitem__(self, name: str) -> Callable[..., Any]:
        """The function ``name``; it takes TVM tensors or numpy arrays."""
        index = self.program.index(name)
        return lambda *args: self.call(index, *map(_to_tvm_argument, args))

    def call(self, index: int, *args: Any) -> Any:
        """Call the function at ``index`` in the table."""
        function = self._functions[index]
        if self._activations is None:
            return self._run(function, args)
        self._activations.entered(function.source.name)
        try:
            return self._run(function, args)
        finally:
            self._activations.left()

    def _run(self, function: LinkedFunction | CompiledFunction, args: Sequence[Any]) -> Any:
        if isinstance(function, CompiledFunction):
            return function(*args)
        activations = self._activations
        callers: list[tuple[LinkedFunction, list[Any], DirectCall, Block | None]] = []
        frame = function.activate(args)
        block = function.entry
        operands, number = no_operands, function.source.start
        try:
            while True:
                for callee, operands, destination, number in block.steps:  # noqa: B007
                    frame[destination] = callee(*operands(frame))
                call = block.call
                if call is not None:
                    called, operands, _, number = call
                    activation = called.activate(operands(frame))
                    _check_depth(callers)
                    callers.append((function, frame, call, block.then))
                    if activations is not None:
                        activations.entered(called.source.name)
                    function, frame, block = called, activation, called.entry
                    continue
                if block.condition is None or _is_true(frame[block.condition]):
                    following = block.then
                else:
                    following = block.otherwise
                if following is None:
                    result = frame[block.result]
                    if not callers:
                        return result
                    function, frame, (_, _, destination, _), following = callers.pop()
                    frame[destination] = result
                    if activations is not None:
                        activations.left()
                    assert following is not None
                block = following
        except Exception as error:
            self.notes.add(error, function.source.name, number, operands(frame))
            for function, frame, (_, operands, _, number), _ in reversed(callers):
                self.notes.add(error, function.source.name, number, operands(frame))
                if activations is not None:
                    activations.left()
            raise


def _enter(interpreter: weakref.ref[Interpreter], index: int, *args: Any) -> Any:
    """Where calls come in from native code."""
    alive = interpreter()
    if alive is None:
        raise RuntimeError("the virtual machine that this function belongs to is gone")
    with alive.notes.kept():
        return alive.call(index, *args)


def _check_depth(callers: Sized) -> None:
    if len(callers) == MAX_DEPTH:
        raise RecursionError(f"more than {MAX_DEPTH:,} calls inside one another")


def _is_true(condition: Any) -> bool:
    if not isinstance(condition, int):
        raise TypeError(f"a branch takes an int or a bool, not {type(condition).__name__}")
    return condition != 0


def _to_tvm_argument(value: Any) -> Any:
    return tvm.runtime.tensor(value) if isinstance(value, np.ndarray) else value
