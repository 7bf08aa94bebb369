"""Models whose kernels are known, for the tests to compile."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import tvm
from tvm import relax

LAYERS = (784, 128, 64, 10)


def mlp(rows: int) -> tvm.IRModule:
    """A multilayer perceptron over ``rows`` inputs at once: the same calls for any number."""
    random = np.random.default_rng(0)
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((rows, LAYERS[0]), "float32"))
    with builder.function("main", [x]):
        with builder.dataflow():
            value = x
            for inputs, outputs in pairwise(LAYERS):
                weight = random.standard_normal((outputs, inputs)).astype("float32")
                value = builder.emit(relax.op.linear(value, relax.const(weight)))
                value = builder.emit(relax.op.nn.relu(value))
            result = builder.emit_output(relax.op.nn.softmax(value))
        builder.emit_func_output(result)
    return builder.get()
