"""What the passes over Relax functions share: constants, shapes, who uses what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import tvm
from tvm import relax

from vmprof.zoo.layers import in_layer, layer_of
from vmprof.zoo.tvm_names import Constant, array_of

Floats = npt.NDArray[np.float32]
Expr = Any  # TVM has no type stubs
Var = Any


class Dataflow:
    """One dataflow block: what defines a variable, and what uses it."""

    def __init__(self, block: Any) -> None:
        self.definitions: dict[Var, Expr] = {}
        self._users: dict[Var, list[Var]] = {}
        for binding in block.bindings:
            if not isinstance(binding, relax.VarBinding):
                continue
            self.definitions[binding.var] = binding.value
            for used in relax.analysis.free_vars(binding.value):
                self._users.setdefault(used, []).append(binding.var)

    def users(self, var: Var) -> list[Var]:
        """The variables whose definitions use ``var``; itself among them if it leaves the block."""
        users = self._users.get(var, [])
        return users if isinstance(var, relax.DataflowVar) else [*users, var]

    def only_user(self, var: Var) -> Var | None:
        users = self.users(var)
        return users[0] if len(users) == 1 else None

    def call(self, var: Var | None, operator: str) -> Expr | None:
        """The call of ``operator`` that defines ``var``, if one does."""
        value = None if var is None else self.definitions.get(var)
        return value if is_call(value, operator) else None


def dataflow_blocks(function: Any) -> Iterator[Dataflow]:
    """The dataflow blocks of a Relax function's body, outermost level."""
    if isinstance(function.body, relax.SeqExpr):
        for block in function.body.blocks:
            if isinstance(block, relax.DataflowBlock):
                yield Dataflow(block)


def is_call(value: Expr, operator: str) -> bool:
    return isinstance(value, relax.Call) and value.op == tvm.ir.Op.get(f"relax.{operator}")


def constant(value: Expr) -> Floats | None:
    """The array of a float32 constant, which is not to be written to."""
    if isinstance(value, Constant) and str(value.ty.dtype) == "float32":
        array: Floats = np.from_dlpack(array_of(value))  # type: ignore[assignment]
        return array
    return None


def static_shape(value: Expr) -> tuple[int, ...] | None:
    """The shape of a float32 tensor, if all of it is known."""
    kind = value.ty
    if not isinstance(kind, relax.TensorType) or str(kind.dtype) != "float32":
        return None
    shape = kind.shape
    if shape is None or not all(isinstance(size, tvm.tirx.IntImm) for size in shape):
        return None
    return tuple(int(size) for size in shape)


def pair(values: Any) -> tuple[int, int]:
    rows, columns = (int(value) for value in values)
    return rows, columns


def conv2d(call: Expr, data: Expr, weight: Expr, **changed: Any) -> Expr:
    """A convolution with layer and attributes of ``call``, but for those that are ``changed``."""
    attributes = call.attrs
    made = relax.op.nn.conv2d(
        data,
        weight,
        **{
            "strides": pair(attributes.strides),
            "padding": tuple(int(p) for p in attributes.padding),
            "dilation": pair(attributes.dilation),
            "groups": int(attributes.groups),
            **changed,
        },
    )
    return in_layer(made, layer_of(call))


def emit_for(mutator: Any, var: Var, value: Expr) -> None:
    """In a mutator of Relax functions: bind ``value`` in place of what defined ``var``."""
    builder = mutator.builder_
    if builder.current_block_is_dataflow() and not isinstance(var, relax.DataflowVar):
        emitted = builder.emit_output(value, name_hint=var.name)
    else:
        emitted = builder.emit(value, name_hint=var.name)
    mutator.set_var_remap(var, emitted)


def rewrite_functions(module: tvm.IRModule, rewrite: Callable[[Any], Any]) -> tvm.IRModule:
    """``module`` with each Relax function replaced by what ``rewrite(function)`` gives."""
    changed = module.clone()
    for var, function in module.functions_items():
        if isinstance(function, relax.Function):
            changed.update_func(var, rewrite(function))
    return changed
