"""Random small programs in bytecode: branches, loops, recursion, tuples, shapes, closures.

Bytecode, because to compile a Relax function takes a hundred times as long as
to run it on both machines. What is drawn has the form that TVM's compiler
gives its programs: a heap for symbolic dimensions, storage and tensors, kernels
that write to their last argument, calls of other functions, closures.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tvm
import tvm_ffi

from vmprof.program.bytecode import (
    VM_REGISTER,
    VOID_REGISTER,
    Bytecode,
    Call,
    Constant,
    ConstantReference,
    DataTypeConstant,
    Function,
    FunctionKind,
    FunctionReference,
    Goto,
    If,
    Immediate,
    Instruction,
    Operand,
    Register,
    Ret,
    ShapeConstant,
)

VM, VOID = Register(VM_REGISTER), Register(VOID_REGISTER)
FLOAT32 = (2, 32, 1)
# MatchShapeCode and MakeShapeCode of tvm/runtime/vm/builtin.h.
EQUAL, STORE, IGNORE, EQUAL_TO_HEAP = range(4)
IMMEDIATE, LOAD = range(2)
HEAP_SIZE = 4

KERNEL = "vmprof.test."

# What a register holds: "tensor", "shape", "int", "none", "closure", or ("tuple", kinds).
Kind = Any
# Functions that may be called: names, and how many tensors they take.
Helpers = list[tuple[str, int]]
RECURSIVE = 0  # takes a tensor and a number of steps instead


def _kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    tvm_ffi.register_global_func(KERNEL + function.__name__, function, override=True)
    return function


@_kernel
def add(x: Any, y: Any) -> Any:
    size = min(x.shape[0], y.shape[0])
    return tvm.runtime.tensor(x.numpy()[:size] + y.numpy()[:size])


@_kernel
def twice_into(x: Any, out: Any) -> None:
    values = np.resize(x.numpy(), out.shape) if x.shape[0] else np.zeros(out.shape, "float32")
    out.copyfrom((2 * values).astype("float32"))


@_kernel
def scale_into(x: Any, out: Any, *factors: int) -> None:
    out.copyfrom((x.numpy() * np.float32(sum(factors) + 1)).astype("float32"))


@_kernel
def label(text: str, x: Any) -> Any:
    return tvm.runtime.tensor(x.numpy() + np.float32(len(text)))


@_kernel
def one_less(number: int) -> int:
    return number - 1


@_kernel
def is_large(x: Any) -> Any:
    return tvm.runtime.tensor(np.array(x.numpy().sum() > 1))


@_kernel
def volume(shape: Any) -> int:
    return int(np.prod([extent + 1 for extent in shape])) % 1000


@dataclass
class RandomProgram:
    name: str
    arguments: tuple[Any, ...]


class Generator:
    """Draws ``count`` programs from ``seed``; ``bytecode`` holds them all."""

    def __init__(self, seed: int, count: int) -> None:
        self.draw = random.Random(seed)
        self.code: list[Instruction] = []
        self.constants: list[Constant] = []
        self._functions: dict[str, tuple[int, Function | None]] = {}
        self.programs = [self._program(f"main{number}") for number in range(count)]

    @property
    def bytecode(self) -> Bytecode:
        table = [
            function or Function(FunctionKind.PACKED, name, 0, 0, 0, 0, ())
            for name, (_, function) in self._functions.items()
        ]
        return Bytecode(tuple(table), tuple(self.code), tuple(self.constants), {})

    def reference(self, name: str) -> FunctionReference:
        """The function ``name`` of the table; a packed one if it is never defined."""
        if name not in self._functions:
            self._functions[name] = len(self._functions), None
        return FunctionReference(self._functions[name][0], name)

    def constant(self, value: Constant) -> ConstantReference:
        if value not in self.constants:
            self.constants.append(value)
        return ConstantReference(self.constants.index(value))

    def define(self, name: str, kinds: list[Kind], build: Callable[[Writer], Register]) -> None:
        """Write the function ``name``, of parameters of these kinds."""
        index = self.reference(name).index
        writer = Writer(self, kinds)
        result = build(writer)
        writer.emit(Ret(result))
        start = len(self.code)
        self.code += writer.code
        names = tuple(f"p{i}" for i in range(len(kinds)))
        self._functions[name] = (
            index,
            Function(
                FunctionKind.VM,
                name,
                start,
                len(self.code),
                len(kinds),
                writer.registers,
                names if self.draw.random() < 0.8 else (),
            ),
        )

    def _program(self, name: str) -> RandomProgram:
        helpers: Helpers = []
        for number in range(self.draw.randint(0, 3)):
            arity = self.draw.randint(1, 3)
            self.define(
                f"{name}.helper{number}",
                ["tensor"] * arity,
                lambda writer: writer.helper_body(helpers),
            )
            helpers.append((f"{name}.helper{number}", arity))
        loop = f"{name}.loop"
        if self.draw.random() < 0.4:
            self.define(loop, ["tensor", "int"], lambda writer: writer.recursion(loop, helpers))
            helpers.append((loop, RECURSIVE))

        def main(writer: Writer) -> Register:
            writer.statements(self.draw.randint(1, 8), helpers)
            return writer.output(depth=2)

        self.define(name, ["tensor", "tensor", "int", "shape"], main)
        values = np.random.default_rng(self.draw.randrange(1 << 30))
        tensors = [
            tvm.runtime.tensor(values.standard_normal(self.draw.randint(0, 4)).astype("float32"))
            for _ in range(2)
        ]
        shape = tvm_ffi.Shape([self.draw.randint(0, 3) for _ in range(self.draw.randint(0, 3))])
        return RandomProgram(name, (*tensors, self.draw.randint(-1, 4), shape))


@dataclass
class Writer:
    """Writes one function; ``values`` are the registers that hold something, with its kind."""

    generator: Generator
    parameters: list[Kind]
    code: list[Instruction] = field(default_factory=list)
    values: list[tuple[Register, Kind]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draw = self.generator.draw
        self.registers = 0
        self.scope = len(self.parameters)  # registers from here on belong to the scope
        for kind in self.parameters:
            self.values.append((self.new_register(), kind))
        self.heap = self.call("vm.builtin.alloc_shape_heap", VM, Immediate(HEAP_SIZE))
        # Every slot gets a value before anything loads it.
        for slot in range(HEAP_SIZE):
            self.match(self.pick("tensor"), STORE, slot)

    def emit(self, instruction: Instruction) -> int:
        self.code.append(instruction)
        return len(self.code) - 1

    def new_register(self) -> Register:
        self.registers += 1
        return Register(self.registers - 1)

    def call(self, name: str, *operands: Operand, to: Register | None = None) -> Register:
        to = self.new_register() if to is None else to
        self.emit(Call(to, self.generator.reference(name), operands))
        return to

    def keep(self, register: Register, kind: Kind) -> None:
        self.values.append((register, kind))

    def pick(self, kind: Kind) -> Register:
        return self.draw.choice([register for register, known in self.values if known == kind])

    # ---- statements ----------------------------------------------------------------

    def statements(self, count: int, helpers: Helpers) -> None:
        for _ in range(count):
            self.statement(helpers)

    def statement(self, helpers: Helpers) -> None:
        choices: list[Callable[[], None]] = [
            self.kernel,
            self.into_new_tensor,
            self.dynamic_kernel,
            self.shapes,
            self.tuples,
            self.clear,
            lambda: self.branch(helpers),
            lambda: self.loop(helpers),
        ]
        if helpers:
            choices += [lambda: self.helper(helpers), lambda: self.closure(helpers)] * 2
        self.draw.choice(choices)()

    def kernel(self) -> None:
        if self.draw.random() < 0.5:
            self.keep(self.call(KERNEL + "add", self.pick("tensor"), self.pick("tensor")), "tensor")
        else:
            text = self.generator.constant(self.draw.choice(["", "a", "label"]))
            self.keep(self.call(KERNEL + "label", text, self.pick("tensor")), "tensor")

    def into_new_tensor(self) -> None:
        """A kernel that fills a new tensor, whose shape may be dynamic."""
        shape: Operand = self.make_shape(1)
        if self.draw.random() < 0.5:
            shape = self.generator.constant(ShapeConstant((self.draw.randint(0, 4),)))
        tensor = self.allocate(shape)
        self.call(KERNEL + "twice_into", self.pick("tensor"), tensor, to=VOID)
        self.keep(tensor, "tensor")

    def dynamic_kernel(self) -> None:
        """``call_tir_dyn``: the kernel is an operand, a shape becomes its last arguments."""
        source = self.pick("tensor")
        out = self.allocate(self.call("vm.builtin.shape_of", source))
        kernel = self.generator.reference(KERNEL + "scale_into")
        shape = self.make_shape(self.draw.randint(0, 2))
        self.call("vm.builtin.call_tir_dyn", kernel, source, out, shape)
        self.keep(out, "tensor")

    def allocate(self, shape: Operand) -> Register:
        constant = self.generator.constant
        dtype, scope = constant(DataTypeConstant(FLOAT32)), constant("global")
        size = constant(ShapeConstant((4096,)))
        storage = self.call("vm.builtin.alloc_storage", VM, size, Immediate(0), dtype, scope)
        return self.call("vm.builtin.alloc_tensor", storage, Immediate(0), shape, dtype)

    def match(self, tensor: Register, code: int, value: int) -> None:
        context = self.generator.constant("ErrorContext(a random program)")
        self.call(
            "vm.builtin.match_shape",
            tensor, self.heap, Immediate(1), Immediate(code), Immediate(value), context,
            to=VOID,
        )  # fmt: skip

    def shapes(self) -> None:
        """Match, make, count; now and then a match that may fail."""
        code = self.draw.choice([STORE, STORE, STORE, IGNORE, EQUAL, EQUAL_TO_HEAP])
        if code not in (EQUAL, EQUAL_TO_HEAP) or self.draw.random() < 0.3:
            self.match(self.pick("tensor"), code, self.draw.randrange(HEAP_SIZE))
        shape = self.make_shape(self.draw.randint(0, 3))
        self.keep(shape, "shape")
        self.keep(self.call(KERNEL + "volume", shape), "int")
        slot = Immediate(self.draw.randrange(HEAP_SIZE))
        how = Immediate(self.draw.choice([IMMEDIATE, LOAD]))
        self.keep(self.call("vm.builtin.make_prim_value", self.heap, how, slot), "int")

    def make_shape(self, rank: int) -> Register:
        pairs = [
            Immediate(part)
            for _ in range(rank)
            for part in (self.draw.choice([IMMEDIATE, LOAD]), self.draw.randrange(HEAP_SIZE))
        ]
        return self.call("vm.builtin.make_shape", self.heap, Immediate(rank), *pairs)

    def tuples(self) -> None:
        fields = self.draw.choices(self.values, k=self.draw.randint(0, 4))
        made = self.call("vm.builtin.make_tuple", *[register for register, _ in fields])
        self.keep(made, ("tuple", tuple(kind for _, kind in fields)))
        if fields:
            index = self.draw.randrange(len(fields))
            got = self.call("vm.builtin.tuple_getitem", made, Immediate(index))
            self.keep(got, fields[index][1])

    def clear(self) -> None:
        """End a value of this scope early, as the compiler does: its register is None then."""
        own = [register for register, _ in self.values if register.index >= self.scope]
        if own:
            register = self.draw.choice(own)
            self.values = [value for value in self.values if value[0] != register]
            self.call("vm.builtin.null_value", to=register)
            self.keep(register, "none")

    def condition(self) -> Register:
        numbers = [register for register, kind in self.values if kind == "int"]
        if numbers and self.draw.random() < 0.3:
            return self.draw.choice(numbers)
        large = self.call(KERNEL + "is_large", self.pick("tensor"))
        return self.call("vm.builtin.read_if_cond", large)

    def scoped(self, helpers: Helpers) -> Register:
        """A few statements whose values end with them, but for a tensor."""
        outside, scope = self.values.copy(), self.scope
        self.scope = self.registers
        self.statements(self.draw.randint(0, 2), helpers)
        result = self.pick("tensor")
        self.values, self.scope = outside, scope
        return result

    def branch(self, helpers: Helpers) -> None:
        """Either way leaves a tensor in the same register."""
        merged = self.new_register()
        condition = self.condition()
        decision = self.emit(Goto(1))
        self.call("vm.builtin.copy", self.scoped(helpers), to=merged)
        skip = self.emit(Goto(1))
        self.code[decision] = If(condition, len(self.code) - decision)
        self.call("vm.builtin.copy", self.scoped(helpers), to=merged)
        self.code[skip] = Goto(len(self.code) - skip)
        self.keep(merged, "tensor")

    def loop(self, helpers: Helpers) -> None:
        """A few rounds, with a jump back."""
        state = self.call("vm.builtin.copy", self.pick("tensor"))
        left = self.call("vm.builtin.copy", Immediate(self.draw.randint(0, 3)))
        start = self.emit(Goto(1))
        self.values.append((state, "tensor"))
        self.call("vm.builtin.copy", self.scoped(helpers), to=state)
        self.call(KERNEL + "one_less", left, to=left)
        self.emit(Goto(start - len(self.code)))
        self.code[start] = If(left, len(self.code) - start)

    def helper(self, helpers: Helpers) -> None:
        """Call another function; now and then with one argument too many."""
        name, arity = self.draw.choice(helpers)
        operands: list[Operand] = [self.pick("tensor") for _ in range(max(arity, 1))]
        if arity == RECURSIVE:
            operands.append(Immediate(self.draw.randint(0, 6)))
        if self.draw.random() < 0.02:
            operands.append(Immediate(0))
        self.keep(self.call(name, *operands), "tensor")

    def closure(self, helpers: Helpers) -> None:
        """Bind the last arguments of a function, and call what that gives."""
        name, arity = self.draw.choice(helpers)
        reference = self.generator.reference(name)
        operands: list[Operand] = [self.pick("tensor") for _ in range(max(arity, 1))]
        if arity == RECURSIVE:
            operands.append(Immediate(self.draw.randint(0, 4)))
        free = self.draw.randint(0, len(operands))
        made = self.call("vm.builtin.make_closure", reference, *operands[free:])
        if self.draw.random() < 0.3:
            packed = self.call("vm.builtin.make_tuple", made, self.pick("tensor"))
            made = self.call("vm.builtin.tuple_getitem", packed, Immediate(0))
        self.keep(made, "closure")
        result = self.call("vm.builtin.invoke_closure", VM, made, *operands[:free])
        self.keep(result, "tensor")

    def helper_body(self, helpers: Helpers) -> Register:
        self.statements(self.draw.randint(0, 3), helpers)
        return self.pick("tensor")

    def recursion(self, name: str, helpers: Helpers) -> Register:
        """The body of a function (tensor, steps) that calls itself with one step less."""
        steps = self.pick("int")
        result = self.new_register()
        decision = self.emit(Goto(1))
        fewer = self.call(KERNEL + "one_less", steps)
        self.call(name, self.scoped(helpers), fewer, to=result)
        # What was there before the call is there after it.
        self.emit(Ret(self.call(KERNEL + "add", result, self.pick("tensor"))))
        self.code[decision] = If(steps, len(self.code) - decision)
        return self.pick("tensor")

    def output(self, depth: int) -> Register:
        """A tuple, perhaps nested, of anything there is."""
        fields = [register for register, _ in self.draw.choices(self.values, k=3)]
        if depth:
            fields.append(self.output(depth - 1))
        if self.draw.random() < 0.2:
            fields.append(VOID)
        return self.call("vm.builtin.make_tuple", *fields)
