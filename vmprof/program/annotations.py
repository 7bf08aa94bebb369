"""Parameters' annotations as TVMScript writes them: ``R.Tensor((n, 784), dtype="float32")``."""

from __future__ import annotations

import ast
import re

import tvm_ffi

from vmprof.program.dimensions import Dimension, dimension_of
from vmprof.program.types import (
    ParameterType,
    ScalarType,
    ShapeType,
    TensorType,
    TupleType,
    UnknownType,
)

# What TVM puts into an error context, as in
# ErrorContext(fn=main, loc=param[0], param=x, annotation=R.Tensor((n, 16), dtype="float32")).
_CONTEXT = re.compile(
    r"ErrorContext\(fn=(?P<function>.*), loc=param\[(?P<number>\d+)\], param=.*, "
    r"annotation=(?P<annotation>.*)\)\s*$",
    re.DOTALL,
)
_ANNOTATION = re.compile(r"annotation=(.*)\)\s*$", re.DOTALL)
# Of a symbol called "2*n" TVM makes 2_n, which is no name.
_BEGINS_WITH_DIGIT = re.compile(r"\b(?=\d+_[A-Za-z_])")
_MAX_LENGTH = 100_000

Annotation = ast.expr | None


def parse_annotation(text: str) -> Annotation:
    """The annotation as an expression; None if it is none that Python can read."""
    if len(text) > _MAX_LENGTH:
        return None
    try:
        return ast.parse(_BEGINS_WITH_DIGIT.sub("_", text), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def annotation_of_context(context: object) -> Annotation:
    """The annotation in an error context."""
    found = _ANNOTATION.search(context) if isinstance(context, str) else None
    return parse_annotation(found[1]) if found else None


def parameter_of_context(context: object) -> tuple[str, int, str] | None:
    """The function, the number and the annotation of the parameter that a context is about."""
    found = _CONTEXT.match(context) if isinstance(context, str) else None
    if found is None:
        return None
    return found["function"], int(found["number"]), found["annotation"]


def field_of(annotation: Annotation, fields: tuple[int, ...]) -> Annotation:
    """The annotation of a field of a field ... of a tuple."""
    for field in fields:
        match annotation:
            case ast.Call(func=ast.Attribute(attr="Tuple"), args=args) if 0 <= field < len(args):
                annotation = args[field]
            case _:
                return None
    return annotation


def dimensions_of(annotation: Annotation) -> tuple[Dimension, ...] | None:
    """The dimensions in ``R.Tensor((n, 784), ...)`` or ``R.Shape([n])``; None where none are."""
    match annotation:
        case ast.Call(
            func=ast.Attribute(attr="Tensor" | "Shape"),
            args=[ast.Tuple(elts=elements) | ast.List(elts=elements), *_],
        ):
            return tuple(dimension_of(element) for element in elements)
    return None


def type_of(annotation: Annotation) -> ParameterType:
    """The whole type, as far as the annotation has it."""
    match annotation:
        case ast.Call(func=ast.Attribute(attr="Tensor"), keywords=keywords):
            named = {keyword.arg: keyword.value for keyword in keywords}
            dimensions = dimensions_of(annotation)
            match named.get("ndim"):
                case ast.Constant(value=int(rank)) if dimensions is None and 0 <= rank < 64:
                    dimensions = (None,) * rank
            return TensorType(_dtype(named.get("dtype")), dimensions)
        case ast.Call(func=ast.Attribute(attr="Shape")):
            return ShapeType(dimensions_of(annotation))
        case ast.Call(func=ast.Attribute(attr="Tuple"), args=args):
            return TupleType(tuple(type_of(field) for field in args))
        case ast.Attribute(value=ast.Name(id="T"), attr=name):
            dtype = _dtype(ast.Constant(name))
            return UnknownType() if dtype is None else ScalarType(dtype)
    return UnknownType()


def _dtype(node: ast.expr | None) -> tuple[int, int, int] | None:
    match node:
        case ast.Constant(value=str(name)):
            try:
                dtype = tvm_ffi.dtype(name)
            except (ValueError, TypeError):
                return None
            return dtype.type_code, dtype.bits, dtype.lanes
    return None
