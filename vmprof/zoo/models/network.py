"""A thin layer over Relax's block builder: layers with seeded random weights."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
import tvm
from tvm import relax

from vmprof.zoo.layers import NamingBuilder

Var = Any  # relax.Var: TVM has no type stubs
Pair = int | tuple[int, int]
Values = np.ndarray[Any, np.dtype[np.float32]]
Draw = Callable[[np.random.Generator, Values], None]  # puts values into what it is given

# So many elements of a tensor are drawn at once.
_PART = 1 << 22

Layer = TypeVar("Layer", bound=Callable[..., Var])


def _part(kind: str) -> Callable[[Layer], Layer]:
    """A method of :class:`Network` builds a part of that kind."""

    def decorate(method: Layer) -> Layer:
        @wraps(method)
        def build(network: Network, *arguments: Any, **options: Any) -> Var:
            with network.part(kind):
                return method(network, *arguments, **options)

        return cast("Layer", build)

    return decorate


class Network:
    """Builds the function ``main`` of a float32 network with one input, in layout NCHW.

    Weights are drawn from ``seed``, scaled by the number of inputs (He et al.,
    2015) so that activations keep their size through any depth; as many threads draw them as
    there are processors, which changes none. With ``draw=False`` they are parameters of the
    function instead, which makes a network of any size at once: for those who ask of shapes
    alone.
    """

    def __init__(
        self, input_name: str, input_shape: Sequence[int], *, seed: int = 0, draw: bool = True
    ) -> None:
        self._seed = seed
        self._draw = draw
        self._drawn = 0  # tensors
        self._drawing: list[Future[None]] = []
        self._parameters: list[Var] = []
        self._builder = NamingBuilder()
        self._parts: Counter[tuple[str | None, str]] = Counter()
        self.input: Var = relax.Var(input_name, relax.TensorType(input_shape, "float32"))

    def build(self, layers: Callable[[Var], Var]) -> tvm.IRModule:
        """The module whose ``main`` computes ``layers(input)``."""
        with self._builder.function("main"):
            with self._builder.dataflow():
                with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as self._pool:
                    result = layers(self.input)
                for drawing in self._drawing:
                    drawing.result()  # or its error
                output = self._builder.emit_output(result)
            self._builder.emit_func_output(output, [self.input, *self._parameters])
        return self._builder.get()

    def emit(self, expression: Any) -> Var:
        return self._builder.emit(expression)

    @contextmanager
    def part(self, kind: str) -> Iterator[None]:
        """What is built in the ``with`` is a part of the network, or of the part around it.

        Reports call the third block of the first stage ``stage1.block3``.
        """
        around = self._builder.layer
        self._parts[around, kind] += 1
        with self._builder.part(f"{kind}{self._parts[around, kind]}"):
            yield

    # ---- layers with weights ------------------------------------------------------

    @_part("dense")
    def dense(self, x: Var, outputs: int, *, bias: bool = True) -> Var:
        """``x @ weight.T + bias`` of x [1, inputs]."""
        inputs = shape_of(x)[1]
        weight = self.emit(relax.op.permute_dims(self._weight((outputs, inputs), inputs)))
        product = self.emit(relax.op.matmul(x, weight))
        if not bias:
            return product
        return self.emit(relax.op.add(product, self._weight((outputs,), outputs)))

    @_part("conv")
    def conv2d(
        self,
        x: Var,
        outputs: int,
        kernel: Pair,
        *,
        stride: int = 1,
        padding: Pair = 0,
        groups: int = 1,
        bias: bool = False,
        gain: float = 1.0,
    ) -> Var:
        """A convolution of x [1, inputs, height, width]; ``gain`` scales its weights."""
        rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        inputs = shape_of(x)[1] // groups
        fan_in = inputs * rows * columns
        weight = self._weight((outputs, inputs, rows, columns), fan_in, gain)
        y = self.emit(relax.op.nn.conv2d(x, weight, strides=stride, padding=padding, groups=groups))
        return self.emit(relax.op.add(y, self._weight((outputs, 1, 1), outputs))) if bias else y

    @_part("deconv")
    def conv2d_transpose(
        self, x: Var, outputs: int, kernel: int, *, stride: int, padding: int
    ) -> Var:
        """A transposed convolution without bias."""
        inputs = shape_of(x)[1]
        taps = (kernel // stride) ** 2  # that meet in each output
        weight = self._weight((inputs, outputs, kernel, kernel), inputs * taps)
        return self.emit(relax.op.nn.conv2d_transpose(x, weight, strides=stride, padding=padding))

    @_part("norm")
    def batch_norm(self, x: Var) -> Var:
        """Batch normalisation with drawn statistics, as inference uses it."""
        channels = shape_of(x)[1]
        # On average as wide behind as before, so that depth does not add up.
        bounds = ((0.4, 1.4), (-0.1, 0.1), (-0.1, 0.1), (0.5, 1.5))
        gamma, beta, mean, variance = (self._uniform((channels,), *bound) for bound in bounds)
        normalised = self.emit(
            relax.op.nn.batch_norm(x, gamma, beta, mean, variance, axis=1, training=False)
        )
        return self.emit(relax.TupleGetItem(normalised, 0))

    # ---- layers without -----------------------------------------------------------

    @_part("add")
    def add(self, x: Var, y: Var) -> Var:
        return self.emit(relax.op.add(x, y))

    @_part("relu")
    def relu(self, x: Var) -> Var:
        return self.emit(relax.op.nn.relu(x))

    @_part("tanh")
    def tanh(self, x: Var) -> Var:
        return self.emit(relax.op.tanh(x))

    @_part("softmax")
    def softmax(self, x: Var) -> Var:
        return self.emit(relax.op.nn.softmax(x))

    @_part("pool")
    def max_pool(self, x: Var, size: int, *, stride: int, padding: int = 0) -> Var:
        return self.emit(relax.op.nn.max_pool2d(x, (size, size), strides=stride, padding=padding))

    @_part("pool")
    def avg_pool(self, x: Var, size: int, *, stride: int, padding: int = 0) -> Var:
        """Zeros of the padding count, as in the reference."""
        return self.emit(
            relax.op.nn.avg_pool2d(
                x, (size, size), strides=stride, padding=padding, count_include_pad=True
            )
        )

    @_part("pool")
    def global_avg_pool(self, x: Var) -> Var:
        return self.emit(relax.op.nn.adaptive_avg_pool2d(x, (1, 1)))

    @_part("concat")
    def concatenate(self, xs: Sequence[Var]) -> Var:
        """Along the channels."""
        return self.emit(relax.op.concat(list(xs), axis=1))

    @_part("flatten")
    def flatten(self, x: Var) -> Var:
        return self.emit(relax.op.nn.batch_flatten(x))

    @_part("reshape")
    def reshape(self, x: Var, shape: Sequence[int]) -> Var:
        return self.emit(relax.op.reshape(x, shape))

    # ---- weights ------------------------------------------------------------------

    def _weight(self, shape: tuple[int, ...], fan_in: int, gain: float = 1.0) -> Var:
        scale = np.float32(gain * np.sqrt(2.0 / fan_in))

        def draw(generator: np.random.Generator, values: Values) -> None:
            generator.standard_normal(dtype="float32", out=values)
            values *= scale

        return self._constant(shape, draw)

    def _uniform(self, shape: tuple[int, ...], low: float, high: float) -> Var:
        def draw(generator: np.random.Generator, values: Values) -> None:
            values[:] = generator.uniform(low, high, values.shape)

        return self._constant(shape, draw)

    def _constant(self, shape: tuple[int, ...], draw: Draw) -> Var:
        if self._draw:
            return relax.const(self._tensor(shape, draw))
        parameter = relax.Var(f"w{len(self._parameters)}", relax.TensorType(shape, "float32"))
        self._parameters.append(parameter)
        return parameter

    def _tensor(self, shape: tuple[int, ...], draw: Draw) -> Any:
        """A tensor that is being drawn, each part of it from a seed of its own."""
        tensor = tvm.runtime.empty(shape, "float32")
        values: Values = np.from_dlpack(tensor).reshape(-1)  # type: ignore[assignment]
        for part, begin in enumerate(range(0, values.size, _PART)):
            generator = np.random.default_rng((self._seed, self._drawn, part))
            drawing = self._pool.submit(draw, generator, values[begin : begin + _PART])
            self._drawing.append(drawing)
        self._drawn += 1
        return tensor


def shape_of(x: Var) -> tuple[int, ...]:
    return tuple(int(size) for size in x.ty.shape)
