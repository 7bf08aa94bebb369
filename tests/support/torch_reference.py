"""A Relax graph of vmprof's models, computed by PyTorch: TVM takes no part in the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import tvm
from tvm import relax

from vmprof.zoo.tvm_names import Constant, array_of


def run(module: tvm.IRModule, data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What ``main`` gives for ``data``."""
    function = module["main"]
    (parameter,) = function.params
    values: dict[Any, Any] = {parameter: torch.from_numpy(data)}

    def value(expression: Any) -> Any:
        if isinstance(expression, Constant):
            return torch.from_numpy(array_of(expression).numpy())
        if isinstance(expression, relax.Tuple):
            return [value(field) for field in expression.fields]
        if isinstance(expression, relax.TupleGetItem):
            return value(expression.tuple_value)[expression.index]
        if isinstance(expression, relax.Call):
            name = str(expression.op.name).removeprefix("relax.")
            return OPERATORS[name](expression.attrs, *map(value, expression.args))
        if isinstance(expression, relax.ShapeExpr):
            return [int(size) for size in expression.values]
        return values[expression]

    with torch.no_grad():
        for block in function.body.blocks:
            for binding in block.bindings:
                values[binding.var] = value(binding.value)
        result: np.ndarray[Any, Any] = value(function.body.body).numpy()
    return result


def _pair(values: Any) -> tuple[int, int]:
    first, second, *_ = (int(value) for value in values)
    return first, second


def _conv2d(attrs: Any, x: Any, w: Any) -> Any:
    return F.conv2d(x, w, None, _pair(attrs.strides), _pair(attrs.padding), 1, int(attrs.groups))


def _conv2d_transpose(attrs: Any, x: Any, w: Any) -> Any:
    return F.conv_transpose2d(x, w, None, _pair(attrs.strides), _pair(attrs.padding))


def _batch_norm(attrs: Any, x: Any, gamma: Any, beta: Any, mean: Any, variance: Any) -> Any:
    return [F.batch_norm(x, mean, variance, gamma, beta, False, 0.0, float(attrs.epsilon))]


def _max_pool2d(attrs: Any, x: Any) -> Any:
    return F.max_pool2d(x, _pair(attrs.pool_size), _pair(attrs.strides), _pair(attrs.padding))


def _avg_pool2d(attrs: Any, x: Any) -> Any:
    return F.avg_pool2d(
        x,
        _pair(attrs.pool_size),
        _pair(attrs.strides),
        _pair(attrs.padding),
        count_include_pad=bool(attrs.count_include_pad),
    )


OPERATORS = {
    "add": lambda _, x, y: x + y,
    "matmul": lambda _, x, y: x @ y,
    "permute_dims": lambda _, x: x.T,
    "concat": lambda attrs, xs: torch.cat(xs, int(attrs.axis)),
    "reshape": lambda _, x, shape: x.reshape(shape),
    "tanh": lambda _, x: torch.tanh(x),
    "nn.relu": lambda _, x: F.relu(x),
    "nn.softmax": lambda attrs, x: torch.softmax(x, int(attrs.axis)),
    "nn.batch_flatten": lambda _, x: x.flatten(1),
    "nn.adaptive_avg_pool2d": lambda _, x: F.adaptive_avg_pool2d(x, 1),
    "nn.conv2d": _conv2d,
    "nn.conv2d_transpose": _conv2d_transpose,
    "nn.batch_norm": _batch_norm,
    "nn.max_pool2d": _max_pool2d,
    "nn.avg_pool2d": _avg_pool2d,
}
