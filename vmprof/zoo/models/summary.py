"""How large a model is: read off its graph, which takes no weights."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from vmprof.zoo.lowering.graph import is_call
from vmprof.zoo.models import ENTRY, MODELS
from vmprof.zoo.models.network import shape_of


@dataclass(frozen=True)
class Summary:
    """``flops`` are those of convolutions and dense layers, two for each product added up."""

    name: str
    parameters: int
    flops: int
    input: str


def summarize(model: str) -> Summary:
    """The size of one of :data:`vmprof.zoo.models.MODELS`."""
    function = MODELS[model](draw=False)[ENTRY]
    data, *weights = function.params
    return Summary(
        name=model,
        parameters=sum(prod(shape_of(weight)) for weight in weights),
        flops=sum(
            _flops(binding.value) for block in function.body.blocks for binding in block.bindings
        ),
        input=f"{data.name}: {data.ty.dtype}[{', '.join(map(str, shape_of(data)))}]",
    )


def _flops(value: Any) -> int:
    if is_call(value, "nn.conv2d"):
        return 2 * prod(shape_of(value)) * prod(shape_of(value.args[1])[1:])
    if is_call(value, "nn.conv2d_transpose"):
        return 2 * prod(shape_of(value.args[0])) * prod(shape_of(value.args[1])[1:])
    if is_call(value, "matmul"):
        return 2 * prod(shape_of(value)) * shape_of(value.args[0])[-1]
    return 0
