"""Random small Relax programs, for the compiler to make bytecode or native code of.

Fewer than of :mod:`support.random_bytecode`, since compiling takes its time:
what these add is the compiler's own code, in either form.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import tvm
import tvm_ffi
from tvm import relax, tirx

from support.random_bytecode import KERNEL, RandomProgram

# As TVM 0.26 calls it, and as later ones do.
Text = getattr(relax, "StringImm", None) or tvm.ir.StringImm

UNARY = (relax.op.abs, relax.op.negative, relax.op.nn.relu)
BINARY = (relax.op.add, relax.op.multiply, relax.op.maximum, relax.op.subtract)


@tvm_ffi.register_global_func(KERNEL + "fewer", override=True)
def fewer(steps: Any) -> Any:
    return tvm.runtime.tensor(steps.numpy() - 1)


@tvm_ffi.register_global_func(KERNEL + "some_left", override=True)
def some_left(steps: Any) -> Any:
    return tvm.runtime.tensor(steps.numpy() > 0)


class Generator:
    """Draws ``count`` programs from ``seed``; ``module`` holds them all."""

    def __init__(self, seed: int, count: int) -> None:
        self._draw = random.Random(seed)
        self._builder = relax.BlockBuilder()
        self.programs = [self._program(f"main{number}") for number in range(count)]
        self.module = self._builder.get()

    def _program(self, name: str) -> RandomProgram:
        draw, builder = self._draw, self._builder
        n, m, k = (tirx.Var(symbol, "int64") for symbol in "nmk")
        helpers = [self._helper(f"{name}_helper{i}") for i in range(draw.randint(1, 2))]
        loop = self._loop(f"{name}_loop")
        x, y, flag, steps = (
            relax.Var("x", vector(n)),
            relax.Var("y", vector(n)),
            relax.Var("flag", relax.TensorType((), "bool")),
            relax.Var("steps", relax.TensorType((), "int64")),
        )
        shape = relax.Var("shape", relax.ShapeType([m, n]))
        with builder.function(name, [x, y, flag, steps, shape, k], pure=False):
            vectors, others = [x, y], [flag, shape, k]
            for _ in range(draw.randint(2, 6)):
                match draw.choice(["value", "loop", "closure", "tuple", "shape", "packed"]):
                    case "value":
                        vectors.append(builder.emit(self._value(vectors, helpers, flag, 2)))
                    case "loop":
                        vectors.append(
                            builder.emit(relax.Call(loop, [draw.choice(vectors), steps]))
                        )
                    case "closure":
                        bound = relax.Tuple([draw.choice(vectors)])
                        closure = builder.emit(relax.op.make_closure(draw.choice(helpers), bound))
                        free = relax.Tuple([draw.choice(vectors)])
                        call = relax.op.invoke_closure(closure, free, ty_args=[relax.AnyType()])
                        vectors.append(builder.match_cast(builder.emit(call), vector(n)))
                    case "tuple":
                        fields = [draw.choice(vectors), draw.choice(others), relax.Tuple([])]
                        pair = builder.emit(relax.Tuple([*fields, relax.Tuple(fields[:2])]))
                        others.append(pair)
                        vectors.append(builder.emit(relax.TupleGetItem(pair, 0)))
                    case "shape":
                        sizes = [draw.choice([n, m + 1, n * m, k, tirx.IntImm("int64", 3)])]
                        others.append(builder.emit(relax.ShapeExpr([*sizes, n])))
                        others.append(builder.emit(relax.op.shape_of(draw.choice(vectors))))
                    case "packed":
                        label = relax.ExternFunc(KERNEL + "label")
                        text = Text(draw.choice(["", "some text"]))
                        arguments = [text, draw.choice(vectors)]
                        vectors.append(
                            builder.emit(relax.Call(label, arguments, ty_args=[vector(n)]))
                        )
            builder.emit_func_output(relax.Tuple([vectors[-1], *others, *vectors[2:]]))
        size = draw.randint(0, 4)
        # Now and then what both machines have to refuse.
        sizes = (size, size + (draw.random() < 0.1))
        values = np.random.default_rng(draw.randrange(1 << 30))
        tensors = [values.standard_normal(each).astype("float32") for each in sizes]
        scalars = [np.array(draw.random() < 0.5), np.array(draw.randint(0, 4), "int64")]
        arguments = [tvm.runtime.tensor(each) for each in (*tensors, *scalars)]
        shape_value = tvm_ffi.Shape([draw.randint(0, 3), size])
        return RandomProgram(name, (*arguments, shape_value, draw.randint(-2, 5)))

    def _value(self, vectors: list[Any], helpers: list[Any], flag: Any, depth: int) -> Any:
        """An expression of the vectors' type, perhaps with branches and calls inside."""
        draw = self._draw
        if depth == 0:
            return draw.choice(vectors)
        first, second = (self._value(vectors, helpers, flag, depth - 1) for _ in range(2))
        match draw.choice(["unary", "binary", "branch", "call"]):
            case "branch" if flag is not None:
                return relax.If(flag, first, second)
            case "call" if helpers:
                return relax.Call(draw.choice(helpers), [first, second])
            case "unary":
                return draw.choice(UNARY)(first)
        return draw.choice(BINARY)(first, second)

    def _helper(self, name: str) -> relax.GlobalVar:
        """(a, b) -> something of their shape."""
        n = tirx.Var("n", "int64")
        parameters = [relax.Var("a", vector(n)), relax.Var("b", vector(n))]
        with self._builder.function(name, parameters):
            result = self._builder.emit(self._value(parameters, [], None, 2))
            return self._builder.emit_func_output(result)

    def _loop(self, name: str) -> relax.GlobalVar:
        """(x, steps) -> x after so many rounds, by recursion, with work after each call."""
        n = tirx.Var("n", "int64")
        x = relax.Var("x", vector(n))
        steps = relax.Var("steps", relax.TensorType((), "int64"))
        stub = relax.Function([x, steps], x, vector(n), is_pure=True)
        loop = self._builder.add_func(stub, name)
        left = packed("some_left", steps, relax.TensorType((), "bool"))
        again = relax.Call(loop, [self._value([x], [], None, 1), packed("fewer", steps, steps.ty)])
        body = relax.If(left, self._draw.choice(BINARY)(again, x), x)
        function = self._builder.normalize(
            relax.Function([x, steps], relax.SeqExpr([], body), vector(n))
        )
        self._builder.update_func(loop, function.with_attr("global_symbol", name))
        return loop


def vector(size: Any) -> relax.TensorType:
    return relax.TensorType((size,), "float32")


def packed(name: str, argument: Any, result: Any) -> relax.Call:
    return relax.Call(relax.ExternFunc(KERNEL + name), [argument], ty_args=[result])
