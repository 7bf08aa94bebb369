"""Layers, from the calls of a graph to the calls of kernels that the compiler makes of them.

TVM drops spans where it legalizes operators. Variables it keeps, but for what a fused function
gives; what that is, is known by the kernels and arguments that it is computed of.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import tvm
from tvm import relax

from vmprof.program.layers import KernelCall
from vmprof.report.layers import cell_of, layers_of
from vmprof.zoo.layers import layer_of
from vmprof.zoo.lowering.graph import is_call

Module = Any  # TVM has no type stubs
Var = Any
Expr = Any
_Layers = tuple[str, ...]


class Trail:
    """Is shown a module between passes; :meth:`calls` says at the end what was followed."""

    def __init__(self) -> None:
        self._layers: dict[Var, _Layers] = {}
        self._before: dict[Var, Expr] = {}
        self._computed: dict[str, _Computed] = {}

    def graph(self, module: Module) -> None:
        """Calls may say themselves of what layer they are."""
        for _, function in _functions(module):
            for var, value in _bindings(function.body):
                if layers := layers_of(layer_of(value)):
                    self._layers.setdefault(var, tuple(layers))

    def before_rewriting(self, module: Module) -> None:
        """A pass follows that puts other calls in the place of some."""
        self.graph(module)
        self._before = {v: value for _, f in _functions(module) for v, value in _bindings(f.body)}

    def rewritten(self, module: Module) -> None:
        """What calls became stands before the variable that has their result, as before."""
        for _, function in _functions(module):
            bindings = [*_bindings(function.body)]
            there = {var for var, _ in bindings}
            new: list[Var] = []
            for var, _ in bindings:
                if var not in self._before:
                    new.append(var)
                    continue
                if layers := tuple(dict.fromkeys(self._layers_behind(var, there))):
                    self._layers.update(dict.fromkeys(new, layers))
                    self._layers.setdefault(var, layers)
                new = []

    def _layers_behind(self, var: Var, there: set[Var]) -> list[str]:
        """Of ``var``, and before it of what it was computed of that is no longer ``there``."""
        behind = {var: None}
        waiting = [var]
        while waiting:
            for used in relax.analysis.free_vars(self._before[waiting.pop()]):
                if used in self._before and used not in there and used not in behind:
                    behind[used] = None
                    waiting.append(used)
        return [layer for each in reversed(behind) for layer in self._layers.get(each, ())]

    def before_fusing(self, module: Module) -> None:
        self.graph(module)
        self._computed = {name: _Computed(function) for name, function in _functions(module)}

    def fused(self, module: Module) -> None:
        for name, function in _functions(module):
            computed = self._computed.get(name)
            if computed is None:
                continue
            for var, value in _bindings(function.body):
                origins = computed.follow(var, value, module)
                layers = (each for origin in origins for each in self._layers.get(origin, ()))
                if value in self._layers:  # a variable by another name
                    self._layers.setdefault(var, self._layers[value])
                if found := tuple(dict.fromkeys(layers)):
                    self._layers[var] = found

    def calls(self, module: Module) -> dict[str, tuple[KernelCall, ...]]:
        """By function, the calls of kernels in the order in which they stand there."""
        return {
            name: tuple(
                KernelCall(value.args[0].name_hint, cell_of(self._layers.get(var, ())))
                for var, value in _bindings(function.body)
                if is_call(value, "call_tir")
            )
            for name, function in _functions(module)
        }


class _Computed:
    """The variables of a function, by what they are computed of, before operators are fused."""

    def __init__(self, function: Any) -> None:
        self._known: dict[Hashable, list[Var]] = {}
        # Of a variable that is no call's, or a new one: what it is, in terms of the others.
        self._same: dict[Var, Hashable] = {}
        for var, value in _bindings(function.body):
            if isinstance(value, relax.Call):
                self._known.setdefault(self._key(value, self._same), []).append(var)
            else:
                self._same[var] = self._key(value, self._same)

    def follow(self, var: Var, value: Expr, module: Module) -> list[Var]:
        """The variables that the binding of ``value`` to the new ``var`` computes."""
        origins: list[Var] = []
        self._same[var] = self._follow(value, self._same, module, origins)
        return origins

    def _follow(
        self, value: Expr, same: dict[Var, Hashable], module: Module, origins: list[Var]
    ) -> Any:
        callee = _primitive(value, module)
        if callee is not None:
            arguments = [self._key(argument, same) for argument in value.args]
            inside: dict[Var, Hashable] = dict(zip(callee.params, arguments, strict=True))
            for var, each in _bindings(callee.body):
                inside[var] = self._follow(each, inside, module, origins)
            return self._key(callee.body.body, inside)
        key = self._key(value, same)
        if not isinstance(value, relax.Call):
            return key
        known = self._known.get(key)
        if not known:
            return key
        # Calls of the same on the same are one as good as the other: they keep their order.
        origin = known.pop(0) if len(known) > 1 else known[0]
        origins.append(origin)
        return origin

    def _key(self, value: Expr, same: Mapping[Var, Hashable]) -> Any:
        match value:
            case relax.Call():
                return (value.op, *(self._key(each, same) for each in value.args))
            case relax.Tuple():
                return ("tuple", *(self._key(each, same) for each in value.fields))
            case relax.TupleGetItem():
                whole = self._key(value.tuple_value, same)
                if isinstance(whole, tuple) and whole[0] == "tuple":
                    return whole[1 + value.index]
                return ("item", whole, value.index)
            case relax.ShapeExpr():
                return str(value)
        return same.get(value, value)


def _primitive(value: Expr, module: Module) -> Any | None:
    """The function of fused operators that ``value`` calls, if it does."""
    if not isinstance(value, relax.Call) or not isinstance(value.op, tvm.ir.GlobalVar):
        return None
    callee = module[value.op]
    return callee if _is_primitive(callee) else None


def _is_primitive(function: Any) -> bool:
    return isinstance(function, relax.Function) and "Primitive" in (function.attrs or {})


def _functions(module: Module) -> Iterator[tuple[str, Any]]:
    """The Relax functions that a VM runs, by the names that they have there."""
    for var, function in module.functions_items():
        if isinstance(function, relax.Function) and not _is_primitive(function):
            yield var.name_hint, function


def _bindings(body: Expr) -> Iterator[tuple[Var, Expr]]:
    """In the order in which bytecode has them."""
    if not isinstance(body, relax.SeqExpr):
        return
    for block in body.blocks:
        for binding in block.bindings:
            value = getattr(binding, "value", None)
            if isinstance(value, relax.If):
                yield from _bindings(value.true_branch)
                yield from _bindings(value.false_branch)
            if value is not None:
                yield binding.var, value
