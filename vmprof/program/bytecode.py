"""What a Relax executable says: functions, instructions, constants.

Plain immutable data, read by :mod:`vmprof.program.reader`. The format is the
one that TVM 0.14 to 0.27 write (``relax.VMExecutable``, version "0.14"); its
source is ``tvm/include/tvm/runtime/vm/{bytecode,executable}.h``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

# Registers above this are no registers: they name something of the VM.
FIRST_SPECIAL_REGISTER: Final = 1 << 54
VOID_REGISTER: Final = FIRST_SPECIAL_REGISTER
VM_REGISTER: Final = FIRST_SPECIAL_REGISTER + 1


@dataclass(frozen=True, slots=True)
class Register:
    """The content of a register, or :data:`VOID_REGISTER`, :data:`VM_REGISTER`."""

    index: int

    def __str__(self) -> str:
        return {VOID_REGISTER: "%void", VM_REGISTER: "%vm"}.get(self.index, f"%{self.index}")


@dataclass(frozen=True, slots=True)
class Immediate:
    """A number that stands in the instruction itself."""

    value: int

    def __str__(self) -> str:
        return f"i{self.value}"


@dataclass(frozen=True, slots=True)
class ConstantReference:
    """An entry of the constant pool."""

    index: int

    def __str__(self) -> str:
        return f"c[{self.index}]"


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """An entry of the function table, as a value."""

    index: int
    name: str

    def __str__(self) -> str:
        return f"f[{self.name}]"


Operand = Register | Immediate | ConstantReference | FunctionReference


@dataclass(frozen=True, slots=True)
class Call:
    """``destination = callee(*operands)``."""

    destination: Register
    callee: FunctionReference
    operands: tuple[Operand, ...]

    def __str__(self) -> str:
        # Widths as in TVM's own VMExecutable::AsText.
        operands = ", ".join(map(str, self.operands))
        return f"call  {self.callee.name:<16} in: {operands:<12} dst: {self.destination}"


@dataclass(frozen=True, slots=True)
class Ret:
    """Return the content of ``result``."""

    result: Register

    def __str__(self) -> str:
        return f"ret   {self.result}"


@dataclass(frozen=True, slots=True)
class Goto:
    """Continue ``offset`` instructions from here."""

    offset: int

    def __str__(self) -> str:
        return f"goto  {self.offset}"


@dataclass(frozen=True, slots=True)
class If:
    """Continue with the next instruction, or ``false_offset`` from here if ``condition`` is 0."""

    condition: Register
    false_offset: int

    def __str__(self) -> str:
        return f"If    {self.condition}, {self.false_offset}"


Instruction = Call | Ret | Goto | If


class FunctionKind(enum.IntEnum):
    """How a function of the table is run."""

    PACKED = 0  # a kernel of the library or a function of TVM's registry
    VM = 1  # bytecode of this executable
    VMTIR = 2  # native code that was made from bytecode (exec_mode="compiled")


@dataclass(frozen=True, slots=True)
class Function:
    """An entry of the function table.

    ``start`` and ``end`` bound its instructions in :attr:`Bytecode.instructions`;
    the parameters are its first ``num_args`` registers.
    """

    kind: FunctionKind
    name: str
    start: int
    end: int
    num_args: int
    num_registers: int
    parameter_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TensorConstant:
    """A tensor, still in TVM's serialized form.

    ``dtype`` is (type code, bits, lanes) as in DLPack; ``serialized`` is the
    whole DLTensor record, header included, as ``runtime.LoadParams`` reads it.
    """

    dtype: tuple[int, int, int]
    shape: tuple[int, ...]
    serialized: memoryview


@dataclass(frozen=True, slots=True)
class ShapeConstant:
    """A shape tuple."""

    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DataTypeConstant:
    """(type code, bits, lanes) as in DLPack."""

    dtype: tuple[int, int, int]


Constant = TensorConstant | ShapeConstant | DataTypeConstant | str | int | float


@dataclass(frozen=True, slots=True)
class Bytecode:
    """A whole executable."""

    functions: tuple[Function, ...]
    instructions: tuple[Instruction, ...]
    constants: tuple[Constant, ...]
    memory_scopes: Mapping[int, str]  # constant index -> scope, "" for the default

    def function(self, name: str) -> Function | None:
        """The function called ``name``, whatever its kind."""
        return next((f for f in self.functions if f.name == name), None)

    def entry_names(self) -> list[str]:
        """Functions that can be run, in the order of the table."""
        return [f.name for f in self.functions if f.kind is not FunctionKind.PACKED]

    def body(self, function: Function) -> Iterator[tuple[int, Instruction]]:
        """The instructions of ``function`` with their numbers; none where it is native code."""
        if function.kind is not FunctionKind.VM:
            return
        for number in range(function.start, function.end):
            yield number, self.instructions[number]

    def __str__(self) -> str:
        """The text that TVM's ``Executable.as_text()`` gives."""
        return "".join(self._text(function) for function in self.functions)

    def _text(self, function: Function) -> str:
        match function.kind:
            case FunctionKind.PACKED:
                return f"@{function.name} packed_func;\n\n"
            case FunctionKind.VMTIR:
                return f"@{function.name} num_inputs={function.num_args} vm_tir_func;\n\n"
            case FunctionKind.VM:
                lines = [f"  {instruction}\n" for _, instruction in self.body(function)]
                return f"@{function.name}:\n{''.join(lines)}\n"
