"""Small Relax modules, each with something that the machine has to get right."""

from __future__ import annotations

from functools import cache

import numpy as np
import tvm
from tvm import relax
from tvm.script import ir as I
from tvm.script import relax as R
from tvm.script import tirx as T

from vmprof.program import Program


def compile_relax(module: tvm.IRModule) -> tvm.runtime.Module:
    return tvm.compile(module, tvm.target.Target("llvm")).jit()


@I.ir_module
class Branching:
    @R.function
    def main(c: R.Tensor((), "bool"), x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        if c:
            r = R.add(x, x)
        else:
            r = R.multiply(x, x)
        return r


@I.ir_module
class Nested:
    @R.function
    def double(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        return R.add(x, x)

    @R.function
    def main(x: R.Tensor((4,), "float32")) -> R.Tensor((4,), "float32"):
        cls = Nested
        y: R.Tensor((4,), "float32") = cls.double(x)
        z: R.Tensor((4,), "float32") = cls.double(y)
        return R.multiply(z, y)


@I.ir_module
class Recursive:
    """Doubles ``x`` until its first element is at least 100."""

    @R.function
    def main(x: R.Tensor((1,), "float32")) -> R.Tensor((1,), "float32"):
        cls = Recursive
        limit: R.Tensor((1,), "float32") = R.full(R.shape([1]), R.const(100.0, "float32"))
        enough: R.Tensor((1,), "bool") = R.greater_equal(x, limit)
        done: R.Tensor((), "bool") = R.reshape(enough, R.shape([]))
        if done:
            r = x
        else:
            y: R.Tensor((1,), "float32") = R.add(x, x)
            r: R.Tensor((1,), "float32") = cls.main(y)
        return r


@I.ir_module(check_well_formed=False)
class FunctionAsValue:
    """Multiplies ``x`` by the number in ``s``, through a kernel that is an operand."""

    @T.prim_func(s_tir=True)
    def scale(a: T.handle, b: T.handle, factor: T.int64):
        T.func_attr({"tirx.noalias": True})
        A = T.match_buffer(a, (4,), "float32")
        B = T.match_buffer(b, (4,), "float32")
        for i in range(4):
            with T.sblock("scale"):
                v = T.axis.spatial(4, i)
                B[v] = A[v] * T.cast(factor, "float32")

    @R.function(pure=False)
    def main(x: R.Tensor((4,), "float32"), s: R.Shape(["n"])) -> R.Tensor((4,), "float32"):
        n = T.int64()
        cls = FunctionAsValue
        y = R.builtin.alloc_tensor(R.shape([4]), R.dtype("float32"), R.prim_value(0))
        _ = R.vm.call_tir_dyn(cls.scale, (x, y, R.shape([n])))
        return y


@I.ir_module
class EveryParameter:
    @R.function
    def main(
        x: R.Tensor(("n", 784), "float32"),
        y: R.Tensor(("n*2", "m"), "int32"),
        s: R.Shape(["k", "n"]),
        p: R.Prim("float32"),
        t: R.Tuple(R.Tensor((2, "n"), "float16"), R.Tensor((3,), "int8")),
        u: R.Tensor(ndim=2, dtype="float32"),
        v: R.Tensor(dtype="float32"),
        o: R.Object,
        b: R.Tensor((), "bool"),
        i: R.Prim("int64"),
    ):
        return x


@I.ir_module
class Closures:
    @R.function
    def inner(x: R.Tensor((4,), "float32"), y: R.Tensor((4,), "float32")) -> R.Tensor(
        (4,), "float32"
    ):
        return R.add(x, y)

    @R.function(pure=False)
    def main(x: R.Tensor((4,), "float32")) -> R.Object:
        cls = Closures
        closure = R.make_closure(cls.inner, (x,))
        return R.invoke_closure(closure, (x,), ty_args=R.Tensor((4,), "float32"))


def dynamic() -> tvm.IRModule:
    """relu(x @ w) for any number of rows ``n`` of ``x`` [n, 16]."""
    n = tvm.tirx.Var("n", "int64")
    x = relax.Var("x", relax.TensorType((n, 16), "float32"))
    builder = relax.BlockBuilder()
    weight = np.random.default_rng(0).standard_normal((16, 8)).astype("float32")
    with builder.function("main", [x]):
        with builder.dataflow():
            product = builder.emit(relax.op.matmul(x, relax.const(weight)))
            output = builder.emit_output(relax.op.nn.relu(product))
        builder.emit_func_output(output)
    return builder.get()


def calls_packed(name: str) -> tvm.IRModule:
    """``main`` calls the registered packed function ``name`` on x [4], destination-passing."""
    x = relax.Var("x", relax.TensorType((4,), "float32"))
    builder = relax.BlockBuilder()
    with builder.function("main", [x]):
        y = builder.emit(relax.op.nn.relu(x))
        z = builder.emit(
            relax.op.call_dps_packed(name, relax.Tuple([y]), relax.TensorType((4,), "float32"))
        )
        builder.emit_func_output(z)
    return builder.get()


@cache
def program(name: str) -> Program:
    """One of the modules above, compiled once per process."""
    modules = {
        "branching": Branching,
        "nested": Nested,
        "recursive": Recursive,
        "function-as-value": FunctionAsValue,
        "every-parameter": EveryParameter,
    }
    module = dynamic() if name == "dynamic" else modules[name]
    return Program.of_module(compile_relax(module), name)
