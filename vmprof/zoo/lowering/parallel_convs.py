"""Convolutions of one input with kernels of one size, done as one.

From three on, as TVM's Relay did: their weights are concatenated, with the
additions and ReLUs that follow each of them, and each branch takes its slice of
the channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from vmprof.report.layers import cell_of
from vmprof.zoo.layers import in_layer, layer_of
from vmprof.zoo.lowering.graph import (
    Dataflow,
    Expr,
    Floats,
    Var,
    constant,
    conv2d,
    dataflow_blocks,
    emit_for,
    rewrite_functions,
)

_FROM = 3


@tvm.transform.module_pass(opt_level=0, name="vmprof.CombineParallelConvs")
class CombineParallelConvs:
    """Merges the convolutions of one input."""

    def transform_module(self, module: tvm.IRModule, _: Any) -> tvm.IRModule:
        return rewrite_functions(module, _combine)


@dataclass
class _Branch:
    """A convolution, and what follows it where nothing else uses its result.

    ``layers`` are those of the convolution, the addition and the ReLU.
    """

    convolution: Var
    weight: Floats
    added: tuple[Var, Floats] | None
    relu: Var | None
    layers: Sequence[str | None]


@dataclass
class _Group:
    """Branches that become one; ``result`` is what the merged convolution gave."""

    branches: Sequence[_Branch]
    with_add: bool
    with_relu: bool
    result: Var | None = field(default=None)

    def last(self, branch: _Branch) -> Var:
        if self.with_relu:
            return branch.relu
        return branch.added[0] if self.with_add and branch.added else branch.convolution

    def layer(self, number: int) -> str | None:
        """The layers of the branches' operators of that number, as one."""
        layers = (branch.layers[number] for branch in self.branches)
        return cell_of(layer for layer in layers if layer is not None) or None


def _combine(function: Any) -> Any:
    groups = []
    for flow in dataflow_blocks(function):
        candidates: dict[Any, list[_Branch]] = {}
        for var in flow.definitions:
            branch = _branch(flow, var)
            if branch is not None:
                candidates.setdefault(_key(flow.definitions[var], branch.weight), []).append(branch)
        groups += [_group(branches) for branches in candidates.values() if len(branches) >= _FROM]
    return _Combiner(groups).visit_expr(function) if groups else function


def _key(call: Expr, weight: Floats) -> Any:
    attributes = call.attrs
    return (
        call.args[0],
        *(tuple(map(int, getattr(attributes, a))) for a in ("strides", "padding", "dilation")),
        weight.shape[2:],
    )


def _branch(flow: Dataflow, var: Var) -> _Branch | None:
    call = flow.call(var, "nn.conv2d")
    weight = None if call is None else constant(call.args[1])
    if call is None or weight is None or int(call.attrs.groups) != 1:
        return None
    if (call.attrs.data_layout, call.attrs.kernel_layout) != ("NCHW", "OIHW"):
        return None
    added = flow.only_user(var)
    addition = flow.call(added, "add")
    bias = None if addition is None else constant(addition.args[1])
    if added is None or bias is None or bias.shape != (len(weight), 1, 1):
        return _Branch(var, weight, None, None, [layer_of(call)])
    relu = flow.only_user(added)
    active = flow.call(relu, "nn.relu")
    layers = [*map(layer_of, (call, addition, active))]
    return _Branch(var, weight, (added, bias), None if active is None else relu, layers)


def _group(branches: Sequence[_Branch]) -> _Group:
    return _Group(
        branches,
        with_add=all(branch.added is not None for branch in branches),
        with_relu=all(branch.relu is not None for branch in branches),
    )


@mutator
class _Combiner(PyExprMutator):  # type: ignore[misc]
    def __init__(self, groups: Sequence[_Group]) -> None:
        super().__init__()
        self._first = {group.branches[0].convolution: group for group in groups}
        self._last: dict[Var, tuple[_Group, int]] = {}
        self._inner: set[Var] = set()
        for group in groups:
            for number, branch in enumerate(group.branches):
                self._last[group.last(branch)] = (group, number)
                self._inner.add(branch.convolution)
                if group.with_relu and branch.added is not None:
                    self._inner.add(branch.added[0])

    def visit_var_binding_(self, binding: Any) -> None:
        var = binding.var
        if var in self._first:
            self._merge(self._first[var], binding.value)
        if var in self._last:
            group, number = self._last[var]
            widths = [len(branch.weight) for branch in group.branches]
            begin = sum(widths[:number])
            end = begin + widths[number]
            emit_for(self, var, relax.op.strided_slice(group.result, [1], [begin], [end]))
        elif var not in self._inner:
            super().visit_var_binding_(binding)

    def _merge(self, group: _Group, call: Expr) -> None:
        weight = np.concatenate([branch.weight for branch in group.branches])
        emit = self.builder_.emit
        merged = conv2d(call, self.visit_expr(call.args[0]), relax.const(weight))
        result = emit(in_layer(merged, group.layer(0)))
        if group.with_add:
            biases = [branch.added[1] for branch in group.branches if branch.added]
            merged = relax.op.add(result, relax.const(np.concatenate(biases)))
            result = emit(in_layer(merged, group.layer(1)))
        if group.with_relu:
            result = emit(in_layer(relax.op.nn.relu(result), group.layer(2)))
        group.result = result
