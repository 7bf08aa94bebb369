"""A thin layer over Relax's block builder: layers with seeded random weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tvm
from tvm import relax

Var = Any  # relax.Var: TVM has no type stubs


class Network:
    """Builds the function ``main`` of a float32 network with one input.

    Weights are drawn from ``seed``, scaled by the number of inputs (He et al.,
    2015) so that activations keep their size through any depth.
    """

    def __init__(self, input_name: str, input_shape: Sequence[int], seed: int = 0) -> None:
        self._generator = np.random.default_rng(seed)
        self._builder = relax.BlockBuilder()
        self.input: Var = relax.Var(input_name, relax.TensorType(input_shape, "float32"))

    def build(self, layers: Any) -> tvm.IRModule:
        """The module whose ``main`` computes ``layers(input)``."""
        with self._builder.function("main", [self.input]):
            with self._builder.dataflow():
                output = self._builder.emit_output(layers(self.input))
            self._builder.emit_func_output(output)
        return self._builder.get()

    def weight(self, shape: Sequence[int], fan_in: int) -> Var:
        scale = np.sqrt(2.0 / fan_in)
        return relax.const((self._generator.standard_normal(shape) * scale).astype("float32"))

    def emit(self, expression: Any) -> Var:
        return self._builder.emit(expression)

    def dense(self, x: Var, inputs: int, outputs: int) -> Var:
        """``x @ weight.T + bias``."""
        weight = self.emit(relax.op.permute_dims(self.weight((outputs, inputs), inputs)))
        product = self.emit(relax.op.matmul(x, weight))
        return self.emit(relax.op.add(product, self.weight((outputs,), outputs)))

    def conv2d(
        self, x: Var, inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: int = 0
    ) -> Var:
        """A convolution without bias, NCHW."""
        weight = self.weight((outputs, inputs, kernel, kernel), inputs * kernel * kernel)
        return self.emit(relax.op.nn.conv2d(x, weight, strides=stride, padding=padding))

    def batch_norm(self, x: Var, channels: int) -> Var:
        """Batch normalisation with drawn statistics, as inference uses it."""
        draw = self._generator.uniform
        gamma, beta, mean, variance = (
            relax.const(draw(low, high, channels).astype("float32"))
            for low, high in ((0.5, 1.5), (-0.1, 0.1), (-0.1, 0.1), (0.5, 1.5))
        )
        normalised = self.emit(
            relax.op.nn.batch_norm(x, gamma, beta, mean, variance, axis=1, training=False)
        )
        return self.emit(relax.TupleGetItem(normalised, 0))

    def relu(self, x: Var) -> Var:
        return self.emit(relax.op.nn.relu(x))

    def softmax(self, x: Var) -> Var:
        return self.emit(relax.op.nn.softmax(x))
