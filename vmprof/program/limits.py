"""How large the integers may be that a function is given: many are places in a table.

Read off the bytecode, with what is known of the kernels that it calls. A kernel that
nobody knows is judged by its name, where TVM gives that: ``take`` indexes, ``cast`` hands
on. Of whatever else is done with an integer, only zero is safe.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from vmprof.program.bytecode import (
    Bytecode,
    Call,
    ConstantReference,
    Function,
    FunctionKind,
    FunctionReference,
    Goto,
    If,
    Immediate,
    Operand,
    Register,
    Ret,
    ShapeConstant,
    TensorConstant,
)
from vmprof.program.dimensions import Dimension
from vmprof.program.kernels import Kernel, Kernels
from vmprof.program.types import Parameter, ParameterType, ScalarType, TensorType, TupleType

# A parameter by its number, then fields of tuples.
Path = tuple[int, ...]

_SIGNED, _UNSIGNED = 0, 1  # DLPack's type codes


@dataclass(frozen=True)
class Limit:
    """Elements have to stay below each of ``below``, of which there may be none.

    With ``zero_alone`` something is done with them of which that is not known.
    """

    below: tuple[Dimension, ...] = ()
    zero_alone: bool = False

    def __or__(self, other: Limit) -> Limit:
        both = dict.fromkeys((*self.below, *other.below))
        return Limit(tuple(both), self.zero_alone or other.zero_alone)


FREE = Limit()
_ZERO_ALONE = Limit(zero_alone=True)

Limits = Mapping[Path, Limit]


def limits_of(
    bytecode: Bytecode, function: Function, parameters: Sequence[Parameter], kernels: Kernels
) -> Limits:
    """The limits of the integers among what ``function`` takes; those not named have none."""
    integers = {
        path: None
        for number, parameter in enumerate(parameters)
        for path in _integers((number,), parameter.type)
    }
    if function.kind is FunctionKind.VMTIR:  # what native code does is written nowhere
        return dict.fromkeys(integers, _ZERO_ALONE)
    walk = _Walk(bytecode, function, kernels, frozenset(integers), {}, [_MAX_CALLS])
    for number, parameter in enumerate(parameters):
        walk.receive(number, (number,), parameter.type)
    walk.run()
    return walk.limits


def _integers(path: Path, kind: ParameterType) -> list[Path]:
    match kind:
        case TensorType(dtype=(code, _, _)) | ScalarType(dtype=(code, _, _)):
            return [path] if code in (_SIGNED, _UNSIGNED) else []
        case TupleType(fields):
            return [each for i, field in enumerate(fields) for each in _integers((*path, i), field)]
    return []


# What is in a register, of the integers that the function was given: from where, and whether
# as they came.
_Content = dict[Path, bool]

_SHAPES_ALONE = re.compile(
    r"vm\.builtin\.(check_\w+|match_shape|match_prim_value|alloc_\w+|null_value|shape_of|make_shape|"
    r"kill_object)"
)
_HANDS_ON = re.compile(r"vm\.builtin\.(reshape|copy|tuple_getitem|make_tuple)")

_COPY = (
    r"(?:cast|reshape|expand_dims|squeeze|flatten|transpose|broadcast_to|strided_slice|concatenate|"
    r"tile|repeat|split|copy)_?\d*"
)
_COPIES = re.compile(rf"(?:fused_)?{_COPY}(?:_{_COPY})*")
_TAKES = re.compile(rf"(?:fused_)?(?:{_COPY}_)*(?:take|gather|gather_nd|embedding)_?\d*(?:_.*)?")


# Calls of functions of the executable that are gone into.
_MAX_CALLS = 1000


@dataclass
class _Walk:
    """Through one function; those that it calls are gone into with what they are given."""

    bytecode: Bytecode
    function: Function
    kernels: Kernels
    integers: frozenset[Path]
    limits: dict[Path, Limit]
    calls_left: list[int]  # one number, for all of them
    around: frozenset[str] = frozenset()
    _contents: dict[int, _Content] = field(default_factory=dict)
    _shapes: dict[int, tuple[Dimension, ...]] = field(default_factory=dict)
    _tuples: dict[int, tuple[Path, TupleType]] = field(default_factory=dict)

    def run(self) -> _Content:
        """Fill in ``limits``, and give what the function's result is made of."""
        result: _Content = {}
        instructions = [instruction for _, instruction in self.bytecode.body(self.function)]
        # With branches a register may hold what it got in either.
        branches = any(isinstance(each, If | Goto) for each in instructions)
        for instruction in instructions:
            match instruction:
                case Ret(register):
                    result = _joined(result, self._content(register))
                case Call():
                    self._step(instruction, branches=branches)
        return result

    def _step(self, call: Call, *, branches: bool) -> None:
        register = call.destination.index
        before = self._content(call.destination) if branches else {}
        received = self._field(call)
        given = {} if received else self._call(call)
        self._shapes.pop(register, None)
        self._tuples.pop(register, None)
        if received:
            self.receive(register, *received)
            given = self._contents[register]
        self._contents[register] = _joined(before, given)
        if branches:
            self._shapes.pop(register, None)
            self._tuples.pop(register, None)
        else:
            self._allocate(call)

    def receive(self, register: int, path: Path, kind: ParameterType) -> None:
        self._contents[register] = {each: True for each in self.integers if _is_in(each, path)}
        match kind:
            case TensorType(dimensions=dimensions) if dimensions is not None:
                self._shapes[register] = dimensions
            case TupleType():
                self._tuples[register] = path, kind

    def _field(self, call: Call) -> tuple[Path, ParameterType] | None:
        """The field of a parameter that the call gets, if that is what it does."""
        match call.callee.name, call.operands:
            case "vm.builtin.tuple_getitem", (Register(source), Immediate(index)):
                path, kind = self._tuples.get(source, ((), TupleType(())))
                if 0 <= index < len(kind.fields):
                    return (*path, index), kind.fields[index]
        return None

    def _call(self, call: Call) -> _Content:
        """Note what the call needs, and give what its result is made of."""
        name, operands = call.callee.name, call.operands
        if _SHAPES_ALONE.fullmatch(name):
            return {}
        if _HANDS_ON.fullmatch(name):
            return self._handed_on(call)
        if name == "vm.builtin.call_tir_dyn" and isinstance(operands[0], FunctionReference):
            self._kernel(operands[0].name, operands[1:])
            return {}
        if name.startswith("vm.builtin."):
            return self._anything(operands)
        function = self.bytecode.functions[call.callee.index]
        if function.kind is not FunctionKind.PACKED:
            return self._inside(function, operands)
        return self._kernel(name, operands)

    def _inside(self, function: Function, operands: Sequence[Operand]) -> _Content:
        """Go into another function of the executable."""
        self.calls_left[0] -= 1
        if (
            function.kind is not FunctionKind.VM
            or function.name in self.around
            or self.calls_left[0] < 0
        ):
            return self._anything(operands)
        inner = replace(
            self,
            function=function,
            around=self.around | {self.function.name, function.name},
            _contents={i: dict(self._content(each)) for i, each in enumerate(operands)},
            _shapes={
                i: shape
                for i, each in enumerate(operands)
                if (shape := self._shape(each)) is not None
            },
            _tuples={
                i: self._tuples[each.index]
                for i, each in enumerate(operands)
                if isinstance(each, Register) and each.index in self._tuples
            },
        )
        return inner.run()

    def _allocate(self, call: Call) -> None:
        match call.callee.name, call.operands:
            case "vm.builtin.alloc_tensor", (_, _, ConstantReference(index), *_):
                constant = self.bytecode.constants[index]
                if isinstance(constant, ShapeConstant):
                    self._shapes[call.destination.index] = constant.shape

    def _handed_on(self, call: Call) -> _Content:
        given: _Content = {}
        for operand in call.operands:
            given = _joined(given, self._content(operand))
        return given

    def _anything(self, operands: Sequence[Operand]) -> _Content:
        """Of what is called nothing is known."""
        made_of: _Content = {}
        for operand in operands:
            for path in self._content(operand):
                self._limit(path, _ZERO_ALONE)
                made_of[path] = False
        return made_of

    def _kernel(self, name: str, operands: Sequence[Operand]) -> _Content:
        kernel = self.kernels.get(name)
        if kernel is not None and kernel.limits is not None:
            return self._known_kernel(kernel, kernel.limits, operands)
        if _COPIES.fullmatch(name):
            for operand in operands[:-1]:
                self._flow(self._content(operand), operands[-1], exact=True)
            return {}
        if _TAKES.fullmatch(name):
            below = self._dimensions(operands[:-1])
            for operand in operands[:-1]:
                for path, exact in self._content(operand).items():
                    self._limit(path, Limit(below) if exact and below else _ZERO_ALONE)
            return {}
        return self._anything(operands)

    def _dimensions(self, operands: Sequence[Operand]) -> tuple[Dimension, ...]:
        """All sizes of the tensors that are no indices; none where one of them is not known.

        Whatever is indexed is among them.
        """
        found: list[Dimension] = []
        for operand in operands:
            if not self._content(operand):
                shape = self._shape(operand)
                if shape is None:
                    return ()
                found += shape
        return tuple(dict.fromkeys(found))

    def _known_kernel(
        self, kernel: Kernel, limits: Sequence[Dimension], operands: Sequence[Operand]
    ) -> _Content:
        tensors = operands[: len(limits)]
        for operand, limit in zip(tensors, limits, strict=False):
            for path, exact in self._content(operand).items():
                if limit is not None:
                    below = self._resolved(limit, kernel, tensors)
                    usable = below is not None and exact
                    self._limit(path, Limit((below,)) if usable else _ZERO_ALONE)
        for flow in kernel.flows:
            if max(flow.source, flow.target) < len(tensors):
                content = self._content(tensors[flow.source])
                self._flow(content, tensors[flow.target], exact=flow.exact)
        return self._anything(operands[len(limits) :])

    def _resolved(self, limit: Dimension, kernel: Kernel, tensors: Sequence[Operand]) -> Dimension:
        """A limit of a kernel's in terms of this function."""
        if not isinstance(limit, str):
            return limit
        for shape, operand in zip(kernel.shapes, tensors, strict=False):
            known = self._shape(operand)
            if limit in shape and known is not None and len(known) == len(shape):
                return known[shape.index(limit)]
        return None

    def _flow(self, content: _Content, target: Operand, *, exact: bool) -> None:
        if isinstance(target, Register):
            flowing = {path: exact and was for path, was in content.items()}
            self._contents[target.index] = _joined(self._content(target), flowing)

    def _content(self, operand: Operand) -> _Content:
        return self._contents.get(operand.index, {}) if isinstance(operand, Register) else {}

    def _shape(self, operand: Operand) -> tuple[Dimension, ...] | None:
        match operand:
            case Register(index):
                return self._shapes.get(index)
            case ConstantReference(index):
                constant = self.bytecode.constants[index]
                return constant.shape if isinstance(constant, TensorConstant) else None
        return None

    def _limit(self, path: Path, limit: Limit) -> None:
        self.limits[path] = self.limits.get(path, FREE) | limit


def _joined(one: _Content, other: _Content) -> _Content:
    return {path: one.get(path, True) and other.get(path, True) for path in {**one, **other}}


def _is_in(path: Path, whole: Path) -> bool:
    return path[: len(whole)] == whole
