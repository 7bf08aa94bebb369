"""What a function takes, read off the checks that it begins with.

A function that TVM compiled tests its arguments before it does anything else
(``vm.builtin.check_tensor_info``, ``match_shape``, ...). Their operands tell
ranks, dtypes and sizes; the error context that they carry repeats the
parameter's annotation as TVMScript, which has the names of symbolic dimensions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vmprof.program.annotations import (
    Annotation,
    annotation_of_context,
    dimensions_of,
    field_of,
    parameter_of_context,
    parse_annotation,
    type_of,
)
from vmprof.program.bytecode import (
    Bytecode,
    Call,
    ConstantReference,
    DataTypeConstant,
    Function,
    Immediate,
    Operand,
    Register,
)
from vmprof.program.dimensions import (
    Dimension,
    numbered,
    renamed,
    symbols_of,
)
from vmprof.program.info import Signature
from vmprof.program.types import (
    Parameter,
    ParameterType,
    ScalarType,
    ShapeType,
    TensorType,
    TupleType,
    UnknownType,
)


def parameters_of(
    bytecode: Bytecode, function: Function, signature: Signature | None = None
) -> tuple[Parameter, ...]:
    """The parameters of ``function``, in order.

    ``signature`` is what the compiler knew of them: which are weights, and the types of
    those that the function does not check.
    """
    checks = _Checks(bytecode, function)
    annotations = _contexts(bytecode, function)
    if signature is not None:
        annotations = {**annotations, **dict(enumerate(signature.annotations))}
    inputs = function.num_args if signature is None else signature.inputs
    names = function.parameter_names or tuple(f"p{i}" for i in range(function.num_args))
    parameters = []
    for i, name in enumerate(names):
        kind = checks.type_at((i,))
        unchecked = isinstance(kind, UnknownType)
        if unchecked and i in annotations:
            kind = type_of(parse_annotation(annotations[i]))
        parameters.append(Parameter(name, kind, is_weight=i >= inputs, by_name=unchecked))
    return tuple(parameters)


def _contexts(bytecode: Bytecode, function: Function) -> dict[int, str]:
    """The annotations of the parameters of ``function`` in the executable's error contexts.

    Native code has no other trace of its checks.
    """
    contexts = filter(None, map(parameter_of_context, bytecode.constants))
    return {number: text for name, number, text in contexts if name == function.name}


# Where a checked value comes from: parameter number, then fields of tuples.
_Path = tuple[int, ...]

# MatchShapeCode of tvm/runtime/vm/builtin.h.
_EQUAL_TO_IMMEDIATE, _STORE_TO_HEAP, _NO_CHECK, _EQUAL_TO_HEAP = 0, 1, 2, 3


class _Checks:
    """Collects what the straight-line beginning of a function says of its parameters."""

    def __init__(self, bytecode: Bytecode, function: Function) -> None:
        self._constants = bytecode.constants
        self._paths: dict[int, _Path] = {i: (i,) for i in range(function.num_args)}
        self._tensors: dict[_Path, tuple[tuple[int, int, int] | None, int]] = {}
        self._shapes: dict[_Path, int] = {}
        self._scalars: dict[_Path, tuple[int, int, int]] = {}
        self._tuples: dict[_Path, int] = {}
        self._dimensions: dict[_Path, list[Dimension]] = {}
        # Symbols by their places in the shape heap, which tell those of one name apart.
        self._symbols: dict[int, str] = {}
        self._written: Counter[str] = Counter()  # how many are written so
        for _, instruction in bytecode.body(function):
            if not isinstance(instruction, Call):
                break
            self._read(instruction)

    def type_at(self, path: _Path) -> ParameterType:
        if path in self._tuples:
            return TupleType(tuple(self.type_at((*path, i)) for i in range(self._tuples[path])))
        if path in self._scalars:
            return ScalarType(self._scalars[path])
        if path in self._shapes:
            return ShapeType(self._dimensions_at(path, self._shapes[path]))
        if path in self._tensors:
            dtype, rank = self._tensors[path]
            return TensorType(dtype, self._dimensions_at(path, rank))
        return UnknownType()

    def _dimensions_at(self, path: _Path, rank: int) -> tuple[Dimension, ...] | None:
        if path in self._dimensions:
            return tuple(self._dimensions[path])
        return None if rank < 0 else (None,) * rank

    def _read(self, call: Call) -> None:
        path = None
        if call.operands and isinstance(call.operands[0], Register):
            path = self._paths.get(call.operands[0].index)
        if path is not None:
            match call.callee.name.removeprefix("vm.builtin."), call.operands:
                case "check_tensor_info", [_, Immediate(rank), dtype, _]:
                    self._tensors[path] = (self._dtype(dtype), rank)
                case "check_tensor_info", [_, Immediate(rank), _]:
                    self._tensors[path] = (None, rank)
                case "check_shape_info", [_, Immediate(rank), _]:
                    self._shapes[path] = rank
                case "check_prim_value_info", [_, dtype, _]:
                    known = self._dtype(dtype)
                    if known is not None:
                        self._scalars[path] = known
                case "check_tuple_info", [_, Immediate(size), _]:
                    self._tuples[path] = size
                case "tuple_getitem", [_, Immediate(index)]:
                    self._paths[call.destination.index] = (*path, index)
                    return
                case "match_shape", [_, _, Immediate(rank), *rest] if len(rest) == 2 * rank + 1:
                    self._match_shape(path, rest[:-1], self._annotation(rest[-1]))
        # Whatever else writes to a register ends what was known of it.
        self._paths.pop(call.destination.index, None)

    def _match_shape(self, path: _Path, codes: Sequence[Operand], annotation: Annotation) -> None:
        rank = len(codes) // 2
        written = dimensions_of(field_of(annotation, path[1:])) or ()
        written = (*written, *[None] * (rank - len(written)))
        pairs = [(codes[2 * axis], codes[2 * axis + 1]) for axis in range(rank)]
        names: dict[str, str] = {}
        for pair, text in zip(pairs, written, strict=False):
            match pair:
                case Immediate(code), Immediate(place) if code in (_STORE_TO_HEAP, _EQUAL_TO_HEAP):
                    self._name(place, text, names)
        dimensions = self._dimensions.setdefault(path, [None] * rank)
        for axis, (pair, text) in enumerate(zip(pairs, written, strict=False)):
            match pair:
                case Immediate(code), Immediate(value):
                    if code == _EQUAL_TO_IMMEDIATE:
                        dimensions[axis] = value
                    elif code != _NO_CHECK and value in self._symbols:
                        dimensions[axis] = self._symbols[value]
                    else:
                        dimensions[axis] = self._expression(text, names)

    def _name(self, place: int, text: Dimension, names: dict[str, str]) -> None:
        """Name what is at ``place`` in the heap, if it is new and no expression.

        ``names`` are the symbols of this annotation, by what they are called in it.
        """
        is_symbol = isinstance(text, str) and symbols_of(text) == [text]
        if place not in self._symbols:
            if not is_symbol and text is not None:
                return
            wanted = str(text) if is_symbol else f"d{place}"
            self._written[wanted] += 1
            self._symbols[place] = numbered(wanted, self._written[wanted])
        if is_symbol:
            names[str(text)] = self._symbols[place]

    def _expression(self, text: Dimension, names: dict[str, str]) -> Dimension:
        """``text`` over the symbols of the function.

        Which of two of one name it means is written nowhere: TVM calls the first that it
        comes across in an annotation ``n``, the next ``n_1``.
        """
        found = dict(names)
        for name in symbols_of(text):
            stem, _, number = name.rpartition("_")
            if name not in found and name not in self._written and number.isdecimal():
                found[name] = numbered(stem, int(number) + 1)
        return renamed(text, found) if any(k != v for k, v in found.items()) else text

    def _dtype(self, operand: Operand) -> tuple[int, int, int] | None:
        match operand:
            case ConstantReference(index):
                constant = self._constants[index]
                return constant.dtype if isinstance(constant, DataTypeConstant) else None
        return None

    def _annotation(self, context: Operand) -> Annotation:
        if isinstance(context, ConstantReference):
            return annotation_of_context(self._constants[context.index])
        return None
