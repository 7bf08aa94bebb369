"""The dispatch loop."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence, Sized
from functools import partial
from typing import Any, Protocol

import numpy as np
import tvm
from tvm.runtime import Device

from vmprof.program import Program
from vmprof.vm.code import Frame, failed_frame
from vmprof.vm.compiled import CompiledFunction
from vmprof.vm.constants import constants_of
from vmprof.vm.errors import check_arity
from vmprof.vm.host import Host
from vmprof.vm.instrument import Instrument
from vmprof.vm.linker import (
    Block,
    LinkedFunction,
    Linker,
    Site,
    Wrapper,
)
from vmprof.vm.loaded import loaded_tensors
from vmprof.vm.notes import Notes
from vmprof.vm.packed_call import PackedCall
from vmprof.vm.tested import check_tvm

# As with Python's own limit: an endless recursion shall end with an error.
MAX_DEPTH = 100_000


class Activations(Protocol):
    """Is told which VM functions are running."""

    def entrance(self, enter: Callable[..., Any]) -> Callable[..., Any]:
        """What native code, such as a builtin, shall call instead of ``enter``."""

    def entered(self, function: str) -> None:
        """A function begins, inside the one that began last and has not ended."""

    def left(self) -> None:
        """The function that began last ends."""


class Interpreter:
    """Runs a :class:`~vmprof.program.Program`.

    ``devices`` and ``memory_cfg`` are as TVM's VM takes them; the default is
    one CPU, with pooled storage. ``wrap`` is called once per place in the code
    where something is called, with that :class:`Site` and what is called there,
    and returns what the VM shall call instead. ``sites`` lists those
    places. ``activations`` is told of each VM function that begins and ends; ``entrance``
    gives what native code shall call instead of a function that it is given.
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
        entrance: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None,
        constants: Sequence[Any] | None = None,
    ) -> None:
        check_tvm()
        self.program = program
        self._activations = activations
        devices = tvm.cpu(0) if devices is None else devices
        # TVM's VM appends a CPU to the list that it is given, where the last is none.
        devices = [*devices] if isinstance(devices, list | tuple) else devices
        # The functions that native code holds know this VM only weakly:
        # what holds the VM would otherwise hold itself, unseen by Python's collector.
        self._enter = partial(_enter, weakref.ref(self))
        if entrance is None and activations is not None:
            entrance = activations.entrance
        enter = self._enter if entrance is None else entrance(self._enter)
        self._host = Host(program.bytecode, devices, memory_cfg, enter)
        self.devices, self.memory_cfg = devices, memory_cfg
        self.device: Device = devices[0] if isinstance(devices, list) else devices
        if constants is None:
            in_memory = loaded_tensors(program, self.device)
            constants = constants_of(program.bytecode, self.device, in_memory)
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
        return lambda *args: self.call(index, *[_to_tvm_argument(arg) for arg in args])

    def straight(self, name: str, arguments: Sequence[Any]) -> PackedCall | None:
        """The call of the function ``name`` for native code to make, if it is of one block."""
        function = self._functions[self.program.index(name)]
        if not isinstance(function, LinkedFunction) or function.run is None:
            return None
        check_arity(function.source, arguments)
        return PackedCall(
            function.run,
            [_to_tvm_argument(each) for each in arguments],
            partial(self._explain, function),
            name,
        )

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
        check_arity(function.source, args)
        if function.run is not None:
            return self._run_straight(function, args)
        activations = self._activations
        frame, block = function.activate(*args), function.entry
        # Functions whose call of another one is running, each in the block that made it.
        callers: list[tuple[LinkedFunction, Frame, Block]] = []
        result: tuple[Any, ...] = ()  # of the call just before the block, if there was one
        calling = False
        try:
            while True:
                calling = False
                given = frame(block.number, *result)
                result = ()
                call = block.call
                if call is None:
                    following = block.then
                    if block.branches and not _is_true(given):
                        following = block.otherwise
                    if following is None:
                        if not callers:
                            return given
                        function, frame, block = callers.pop()
                        if activations is not None:
                            activations.left()
                        result, following = (given,), block.then
                    assert following is not None
                    block = following
                    continue
                calling = True
                if isinstance(call, LinkedFunction):
                    _check_depth(callers)
                    activation = frame(~block.number, call.activate)
                    callers.append((function, frame, block))
                    if activations is not None:
                        activations.entered(call.source.name)
                    function, frame, block = call, activation, call.entry
                else:
                    result = (call(*frame(~block.number)),)
                    assert block.then is not None
                    block = block.then
        except Exception as error:
            self._add_note(error, function, frame, block if calling else None)
            for function, frame, block in reversed(callers):
                self._add_note(error, function, frame, block)
                if activations is not None:
                    activations.left()
            raise

    def _run_straight(self, function: LinkedFunction, args: Sequence[Any]) -> Any:
        assert function.run is not None
        try:
            return function.run(*args)
        except Exception as error:
            self._explain(function, error)
            raise

    def _explain(self, function: LinkedFunction, error: Exception) -> None:
        """``error`` is of ``function``, run straight."""
        frame = failed_frame()
        if frame is not None:
            self._add_note(error, function, frame, None)

    def _add_note(
        self, error: Exception, function: LinkedFunction, frame: Frame, block: Block | None
    ) -> None:
        """Say that ``error`` passed the call behind ``block``; None: the step that ran last."""
        if block is not None:
            number, operands = block.at, frame(~block.number)
        else:
            step, *operands = frame()
            number = function.instructions[step] if step >= 0 else function.source.start
        self.notes.add(error, function.source.name, number, operands)


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
