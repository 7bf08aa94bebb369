"""Batch normalisation, folded into what stands before or behind it.

At inference it is ``x * scale + shift`` per channel. The shift remains as an
addition; the scale goes, where it can, into the weights of

- the convolution that makes x, if nothing else uses that; or
- the convolutions that use the result, through a ReLU if scale is positive.

Else it remains as a multiplication. It is what the simplifying and
scale-folding passes of TVM's Relay did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

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
    is_call,
    rewrite_functions,
)


@tvm.transform.module_pass(opt_level=0, name="vmprof.FoldBatchNorm")
class FoldBatchNorm:
    """Replaces each batch normalisation with constant statistics."""

    def transform_module(self, module: tvm.IRModule, _: Any) -> tvm.IRModule:
        return rewrite_functions(module, _fold)


@dataclass
class _Plan:
    """What becomes of the variables of a function.

    ``affine`` maps the result of a normalisation to (its input, scale or None,
    shift, its layer); ``outputs`` and ``inputs`` say by what a convolution's weights are
    multiplied, per output and per input channel.
    """

    affine: dict[Var, tuple[Var, Floats | None, Floats, str | None]] = field(default_factory=dict)
    dropped: set[Var] = field(default_factory=set)
    outputs: dict[Var, Floats] = field(default_factory=dict)
    inputs: dict[Var, Floats] = field(default_factory=dict)


def _fold(function: Any) -> Any:
    plan = _Plan()
    for flow in dataflow_blocks(function):
        for var, value in flow.definitions.items():
            if is_call(value, "nn.batch_norm"):
                _plan_one(flow, var, value, plan)
    return _Folder(plan).visit_expr(function) if plan.affine else function


def _plan_one(flow: Dataflow, var: Var, call: Expr, plan: _Plan) -> None:
    data, *rest = call.args
    arrays = [array for array in map(constant, rest) if array is not None]
    result = flow.only_user(var)
    value = flow.definitions.get(result)
    rank = len(data.ty.shape) if data.ty.shape is not None else 0
    if (
        len(arrays) != 4
        or int(call.attrs.axis) != 1
        or rank != 4
        or not isinstance(value, relax.TupleGetItem)
        or value.index != 0
    ):
        return
    gamma, beta, mean, variance = arrays
    layer = layer_of(call)
    scale = 1 / np.sqrt(variance + np.float32(call.attrs.epsilon))
    if call.attrs.scale:
        scale = scale * gamma
    shift = (beta if call.attrs.center else 0) - mean * scale
    plan.dropped.add(var)
    if var.same_as(flow.only_user(data)) and _weights_may_change(flow, data):
        plan.outputs[data] = scale
        plan.affine[result] = (data, None, shift, layer)
        return
    users = flow.users(result)
    relu = flow.only_user(result)
    if flow.call(relu, "nn.relu") is not None:
        users = flow.users(relu) if (scale > 0).all() else []
    if users and scale.all() and all(_weights_may_change(flow, u, inputs=True) for u in users):
        plan.inputs.update(dict.fromkeys(users, scale))
        plan.affine[result] = (data, None, shift / scale, layer)
    else:
        plan.affine[result] = (data, scale, shift, layer)


def _weights_may_change(flow: Dataflow, var: Var, *, inputs: bool = False) -> bool:
    """Whether ``var`` is a convolution with constant weights, in the usual layout.

    By input channel the weights of grouped convolutions are not multiplied.
    """
    call = flow.call(var, "nn.conv2d")
    return (
        call is not None
        and constant(call.args[1]) is not None
        and not (inputs and int(call.attrs.groups) > 1)
        and call.attrs.data_layout == call.attrs.out_layout == "NCHW"
        and call.attrs.kernel_layout == "OIHW"
    )


@mutator
class _Folder(PyExprMutator):  # type: ignore[misc]
    def __init__(self, plan: _Plan) -> None:
        super().__init__()
        self._plan = plan

    def visit_var_binding_(self, binding: Any) -> None:
        var = binding.var
        if var in self._plan.dropped:
            return
        if var in self._plan.affine:
            emit_for(self, binding.var, self._affine(*self._plan.affine[var]))
        elif var in self._plan.outputs or var in self._plan.inputs:
            emit_for(self, binding.var, self._convolution(var, binding.value))
        else:
            super().visit_var_binding_(binding)

    def _affine(self, data: Var, scale: Floats | None, shift: Floats, layer: str | None) -> Expr:
        data = self.visit_expr(data)
        if scale is not None:
            product = relax.op.multiply(data, _per_channel(scale))
            data = self.builder_.emit(in_layer(product, layer))
        return in_layer(relax.op.add(data, _per_channel(shift)), layer)

    def _convolution(self, var: Var, call: Expr) -> Expr:
        weight = constant(call.args[1])
        assert weight is not None
        if var in self._plan.outputs:
            weight = weight * self._plan.outputs[var][:, None, None, None]
        if var in self._plan.inputs:
            weight = weight * self._plan.inputs[var][:, None, None]
        return conv2d(call, self.visit_expr(call.args[0]), relax.const(weight))


def _per_channel(values: Floats) -> Expr:
    return relax.const(values.astype("float32").reshape(-1, 1, 1))
