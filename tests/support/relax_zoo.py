"""One Relax module with a function for each thing that a VM has to do."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import tvm
import tvm_ffi
from tvm import relax
from tvm.script import ir as I
from tvm.script import relax as R
from tvm.script import tirx as T

Vector = R.Tensor(("n",), "float32")


@tvm_ffi.register_global_func("vmprof.test.describe", override=True)
def describe(*values: Any) -> str:
    """What arrives at a Python function, to the letter."""
    return "; ".join(f"{type(value).__name__} {value}" for value in values)


@tvm_ffi.register_global_func("vmprof.test.call_back", override=True)
def call_back(context: Any, function: Any, x: Any) -> Any:
    """A packed function that calls what it was given, in the VM that called it."""
    invoke = tvm_ffi.get_global_func("vm.builtin.invoke_closure")
    return invoke(context, function, x)


@tvm_ffi.register_global_func("vmprof.test.increment", override=True)
def increment(x: Any) -> Any:
    """In place."""
    x.copyfrom(x.numpy() + 1)
    return x


@I.ir_module(check_well_formed=False)
class Zoo:
    @T.prim_func(s_tir=True)
    def scale(a: T.handle, factor: T.int64, b: T.handle):
        n = T.int64()
        A = T.match_buffer(a, (n,), "float32")
        B = T.match_buffer(b, (n,), "float32")
        for i in range(n):
            with T.sblock("scale"):
                v = T.axis.spatial(n, i)
                B[v] = A[v] * T.cast(factor, "float32")

    @R.function
    def subtract(x: R.Tensor(("n",), "float32"), y: R.Tensor(("n",), "float32")) -> R.Tensor(
        ("n",), "float32"
    ):
        return R.subtract(x, y)

    @R.function
    def nested_tuple(
        x: R.Tensor(("n",), "float32"), t: R.Tuple(R.Tensor((2,), "float32"), R.Shape(["m"]))
    ):
        return ((x, (t[0],)), t, R.tuple())

    @R.function
    def values(s: R.Shape(["n", 2]), k: R.Prim("int64")):
        n = T.int64()
        return (R.shape([n, n * 2]), k, R.prim_value(n + 1), R.dtype("float16"), R.str("text"))

    @R.function(pure=False)
    def described(s: R.Shape(["n"]), k: R.Prim("int64"), o: R.Object):
        return R.call_packed(
            "vmprof.test.describe",
            s,
            k,
            o,
            R.dtype("int8"),
            R.str("label"),
            R.prim_value(True),
            R.tuple(R.shape([1])),
            ty_args=R.Object,
        )

    @R.function(pure=False)
    def nothing(x: R.Tensor(("n",), "float32")) -> R.Tuple:
        _ = R.call_packed("vmprof.test.increment", x, ty_args=R.Object)
        return R.tuple()

    @R.function(pure=False)
    def even(
        k: R.Prim("int64"), c: R.Tensor((), "bool"), x: R.Tensor(("n",), "float32")
    ) -> R.Object:
        if c:
            r = Zoo.odd(x)
        else:
            r = R.call_packed("vmprof.test.describe", k, ty_args=R.Object)
        return r

    @R.function(pure=False)
    def odd(x: R.Tensor(("n",), "float32")) -> R.Object:
        return Zoo.even(R.prim_value(7), R.const(False), x)

    @R.function(pure=False)
    def bind_last(x: R.Tensor(("n",), "float32"), y: R.Tensor(("n",), "float32")) -> R.Object:
        n = T.int64()
        closure = R.make_closure(Zoo.subtract, (y,))
        return R.invoke_closure(closure, (x,), ty_args=R.Tensor((n,), "float32"))

    @R.function
    def escape(y: R.Tensor(("n",), "float32")) -> R.Object:
        return R.make_closure(Zoo.subtract, (y,))

    @R.function(pure=False)
    def apply(f: R.Object, x: R.Tensor(("n",), "float32")) -> R.Object:
        n = T.int64()
        return R.invoke_closure(f, (x,), ty_args=R.Tensor((n,), "float32"))

    @R.function(pure=False)
    def through_python(x: R.Tensor(("n",), "float32"), y: R.Tensor(("n",), "float32")) -> R.Object:
        closure = R.make_closure(Zoo.subtract, (y,))
        return R.call_builtin_with_ctx("vmprof.test.call_back", (closure, x), ty_args=R.Object)

    @R.function
    def dynamic(x: R.Tensor(("n",), "float32"), s: R.Shape(["m"])):
        n = T.int64()
        m = T.int64()
        y = R.call_tir(Zoo.scale, (x, m), R.Tensor((n,), "float32"))
        return R.concat((y, R.zeros(R.shape([m]), "float32")))

    @R.function
    def constants(x: R.Tensor((2,), "float32")):
        return (R.add(x, R.const([1.0, 2.0], "float32")), R.const([3, 4], "int64"))

    @R.function(pure=False)
    def printed(x: R.Tensor((2,), "float32")) -> R.Object:
        R.print(x, format="x is {}")
        return R.call_packed(
            "vm.builtin.invoke_debug_func",
            R.null_value(),
            R.str("vmprof.test.describe"),
            R.str("line 1"),
            x,
            ty_args=R.Object,
        )


def zoo(exec_mode: str) -> tvm.runtime.Executable:
    if exec_mode == "compiled" and tvm.__version__.startswith("0.26."):
        pytest.skip("TVM 0.26 cannot compile this program so: an error of its own")
    return _zoo(exec_mode)


@cache
def _zoo(exec_mode: str) -> tvm.runtime.Executable:
    return relax.build(Zoo, "llvm", exec_mode=exec_mode)
