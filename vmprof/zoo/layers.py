"""Names of layers in a Relax graph: the spans of its calls.

TVM's importers leave spans empty, its script notes lines in them. Who makes a graph with a
:class:`NamingBuilder` says there which layer of the model each call belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

import tvm
from tvm import relax

Expr = Any  # TVM has no type stubs


class NamingBuilder(relax.BlockBuilder):  # type: ignore[misc] # TVM has no types
    """A block builder; calls that it binds are of its ``layer``, unless they are of one."""

    def __init__(self) -> None:
        super().__init__()
        self.layer: str | None = None
        # One object is one call, however often it is an argument.
        self._named: dict[Expr, Expr] = {}

    def emit(self, expr: Expr, name_hint: str = "") -> Expr:
        return super().emit(self._in_layer(expr), name_hint)

    def normalize(self, expr: Expr) -> Expr:
        return super().normalize(self._in_layer(expr))

    def match_cast(self, value: Expr, ty: Any, name_hint: str = "") -> Expr:
        return super().match_cast(self._in_layer(value), ty, name_hint)

    def emit_output(self, output: Expr, name_hint: str = "") -> Expr:
        return super().emit_output(self._in_layer(output), name_hint)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Inside the ``with`` the layer is the part ``name`` of what it was."""
        around = self.layer
        self.layer = name if around is None else f"{around}.{name}"
        try:
            yield
        finally:
            self.layer = around

    def _in_layer(self, expr: Expr) -> Expr:
        match expr:
            case tuple() | list():
                return type(expr)(map(self._in_layer, expr))
            case relax.Tuple():
                fields = [*map(self._in_layer, expr.fields)]
                return expr if _same(fields, expr.fields) else relax.Tuple(fields)
            case relax.TupleGetItem():
                value = self._in_layer(expr.tuple_value)
                return expr if _same([value], [expr.tuple_value]) else value[expr.index]
            case relax.Call() if self.layer is not None and layer_of(expr) is None:
                if expr not in self._named:
                    self._named[expr] = self._named_call(expr, self.layer)
                return self._named[expr]
        return expr

    def _named_call(self, call: Expr, layer: str) -> Expr:
        arguments = [*map(self._in_layer, call.args)]
        if not _same(arguments, call.args):
            call = relax.Call(call.op, arguments, call.attrs, list(call.ty_args))
        # What TVM has to bind arguments of loses its span.
        return in_layer(super().normalize(call), layer)


def in_layer(call: Expr, layer: str | None) -> Expr:
    """``call``, which is of no layer, in ``layer``; what is no call as it is."""
    if layer is None or not isinstance(call, relax.Call):
        return call
    span = tvm.ir.Span(tvm.ir.SourceName(layer), 0, 0, 0, 0)
    return relax.Call(call.op, list(call.args), call.attrs, list(call.ty_args), span)


def layer_of(expr: Expr) -> str | None:
    """What the span of ``expr`` says: a name, or the line of a file, as TVMScript has it.

    Of what does the work of several it is as :mod:`vmprof.report.layers` writes them.
    """
    span = getattr(expr, "span", None)
    if span is None or not span.source_name.name:
        return None
    name = str(span.source_name.name)
    return f"{PurePath(name).name}:{span.line}" if span.line else name


def _same(made: list[Expr], expressions: Any) -> bool:
    return all(a.same_as(b) for a, b in zip(made, expressions, strict=True))
