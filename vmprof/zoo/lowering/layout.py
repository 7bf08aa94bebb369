"""The layout NCHWc: tensors of pictures in blocks of channels, as wide as a vector register.

Convolutions with constant weights take and give channel blocks, and the
operators between them pass the blocks on. Where an operator needs another
block, or none, a ``layout_transform`` stands before it. Products with constant
matrices take their weights packed, in the layout NC[b]n.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from vmprof.zoo.layers import in_layer, layer_of
from vmprof.zoo.lowering import kernels
from vmprof.zoo.lowering.graph import (
    Expr,
    Floats,
    Var,
    constant,
    conv2d,
    dataflow_blocks,
    emit_for,
    is_call,
    pair,
    static_shape,
)

# Attribute of a kernel that says what its tensors' layouts are called.
LAYOUTS = "vmprof.layouts"

_UNARY = ("nn.relu", "tanh", "sigmoid", "exp", "nn.silu", "nn.leakyrelu", "clip")
_BINARY = ("add", "subtract", "multiply", "divide", "maximum", "minimum")
_POOLS = ("nn.max_pool2d", "nn.avg_pool2d")


@tvm.transform.module_pass(opt_level=0, name="vmprof.BlockChannels")
class BlockChannels:
    """The pass; ``lanes`` float32 fill a vector register."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes

    def transform_module(self, module: tvm.IRModule, _: Any) -> tvm.IRModule:
        rewriter = _Blocker(module, self.lanes)
        for var, function in module.functions_items():
            if isinstance(function, relax.Function):
                rewriter.builder_.update_func(var, rewriter.rewrite(function))
        return rewriter.builder_.get()


def block_of(channels: int, lanes: int) -> int:
    """The block for a number of channels: a divisor of it, at most ``lanes``.

    A power of two, unless that would leave more than half of a register empty.
    """
    power = gcd(channels, 1 << (lanes.bit_length() - 1))
    if 2 * power >= min(lanes, channels):
        return power
    return max(block for block in range(1, lanes + 1) if channels % block == 0)


@dataclass(frozen=True)
class _Blocked:
    """A tensor in channel blocks."""

    var: Var
    block: int


@mutator
class _Blocker(PyExprMutator):  # type: ignore[misc]
    def __init__(self, module: tvm.IRModule, lanes: int) -> None:
        super().__init__(module)
        self._lanes = lanes
        self._definitions: dict[Var, Expr] = {}
        # What there is of a variable of the old function: in blocks (of several
        # sizes, the first being what its operator gave), and as it was.
        self._blocked: dict[Var, list[_Blocked]] = {}
        self._plain: set[Var] = set()

    def rewrite(self, function: Any) -> Any:
        """``function`` in blocks; as it is if it branches, since blocks are kept by scope."""
        if _branches(function):
            return function
        for flow in dataflow_blocks(function):
            self._definitions.update(flow.definitions)
        return self.visit_expr(function)

    def visit_var_binding_(self, binding: Any) -> None:
        var, value = binding.var, binding.value
        layer = layer_of(value)
        made = self._in_blocks(value) if isinstance(value, relax.Call) else None
        if made is None:
            packed = self._packed_product(value)
            if packed is not None:
                emit_for(self, var, in_layer(packed, layer))
                return
            for used in relax.analysis.free_vars(value):
                self._as_plain(used)
            super().visit_var_binding_(binding)
            return
        expression, block = made
        expression = in_layer(expression, layer)
        blocked = _Blocked(self.builder_.emit(expression, name_hint=var.name), block)
        if isinstance(var, relax.DataflowVar):
            self._blocked[var] = [blocked]
        else:
            emit_for(self, var, self._transform(blocked.var, block, 0))

    # ---- operators ----------------------------------------------------------------

    def _in_blocks(self, call: Expr) -> tuple[Expr, int] | None:
        """``call`` on channel blocks and the block of its result; None to leave it as it is."""
        name = call.op.name.removeprefix("relax.") if isinstance(call.op, tvm.ir.Op) else ""
        if name == "nn.conv2d":
            return self._conv2d(call)
        if name == "nn.conv2d_transpose":
            return self._conv2d_transpose(call)
        if not any(used in self._blocked for used in relax.analysis.free_vars(call)):
            return None
        if name in _UNARY or name in _POOLS or name == "nn.adaptive_avg_pool2d":
            return self._one_operand(name, call)
        if name in _BINARY:
            return self._binary(call)
        if name == "concat":
            return self._concatenate(call)
        if name == "strided_slice":
            return self._slice(call)
        return None

    def _conv2d(self, call: Expr) -> tuple[Expr, int] | None:
        weight = constant(call.args[1])
        shape = static_shape(call.args[0])
        attributes = call.attrs
        if weight is None or shape is None or str(attributes.out_dtype or "float32") != "float32":
            return None
        if (attributes.data_layout, attributes.kernel_layout) != ("NCHW", "OIHW"):
            return None
        outputs = weight.shape[0]
        out_block = block_of(outputs, self._lanes)
        if int(attributes.groups) == 1:
            data = self._as_blocked(call.args[0])
            in_block = data.block
            inner = f"{in_block}i"
        elif int(attributes.groups) == shape[1] == outputs:
            data = self._as_blocked(call.args[0], out_block)
            in_block, inner = 1, "1i"
        else:
            return None
        result = conv2d(
            call,
            data.var,
            relax.const(_packed(weight, out_block, in_block)),
            data_layout=f"NCHW{data.block}c",
            kernel_layout=f"OIHW{inner}{out_block}o",
            out_layout=f"NCHW{out_block}c",
        )
        return result, out_block

    def _conv2d_transpose(self, call: Expr) -> tuple[Expr, int] | None:
        weight = constant(call.args[1])
        attributes = call.attrs
        strides = pair(attributes.strides)
        if (
            weight is None
            or static_shape(call.args[0]) is None
            or (attributes.data_layout, attributes.kernel_layout) != ("NCHW", "IOHW")
            or int(attributes.groups) != 1
            or pair(attributes.dilation) != (1, 1)
            or pair(attributes.output_padding) != (0, 0)
            or any(taps % stride for taps, stride in zip(weight.shape[2:], strides, strict=True))
        ):
            return None
        data = self._as_blocked(call.args[0])
        out_block = block_of(weight.shape[1], self._lanes)
        packed = _packed(weight, data.block, out_block).transpose(0, 1, 2, 3, 5, 4)
        result = relax.op.nn.conv2d_transpose(
            data.var,
            relax.const(np.ascontiguousarray(packed)),
            strides=strides,
            padding=tuple(int(p) for p in attributes.padding),
            data_layout=f"NCHW{data.block}c",
            kernel_layout=f"IOHW{data.block}i{out_block}o",
            out_layout=f"NCHW{out_block}c",
        )
        return result, out_block

    def _one_operand(self, name: str, call: Expr) -> tuple[Expr, int]:
        data = self._as_blocked(call.args[0])
        layout = f"NCHW{data.block}c"
        if name in _POOLS:
            attributes = call.attrs
            result = getattr(relax.op.nn, name.removeprefix("nn."))(
                data.var,
                pair(attributes.pool_size),
                strides=pair(attributes.strides),
                padding=tuple(int(p) for p in attributes.padding),
                dilation=pair(attributes.dilation),
                ceil_mode=bool(attributes.ceil_mode),
                count_include_pad=bool(attributes.count_include_pad),
                layout=layout,
            )
        elif name == "nn.adaptive_avg_pool2d":
            result = relax.op.nn.adaptive_avg_pool2d(
                data.var, pair(call.attrs.output_size), layout=layout
            )
        else:
            result = relax.Call(call.op, [data.var, *call.args[1:]], call.attrs)
        return result, data.block

    def _binary(self, call: Expr) -> tuple[Expr, int] | None:
        shapes = [static_shape(operand) for operand in call.args]
        whole = next(s for s, a in zip(shapes, call.args, strict=True) if a in self._blocked)
        leader = next(a for a in call.args if a in self._blocked)
        data = self._as_blocked(leader)
        operands = []
        for operand, shape in zip(call.args, shapes, strict=True):
            array = constant(operand)
            if shape is None or whole is None:
                return None
            if array is not None and array.size == 1:
                operands.append(relax.const(array.reshape(())))
            elif array is not None and shape in ((whole[1], 1, 1), (1, whole[1], 1, 1)):
                operands.append(relax.const(array.reshape(1, -1, 1, 1, data.block)))
            elif shape == whole and array is None:
                operands.append(self._as_blocked(operand, data.block).var)
            else:
                return None
        return relax.Call(call.op, operands, call.attrs), data.block

    def _concatenate(self, call: Expr) -> tuple[Expr, int] | None:
        fields = list(call.args[0].fields) if isinstance(call.args[0], relax.Tuple) else []
        shapes = [static_shape(field) for field in fields]
        known = [shape for shape in shapes if shape is not None and len(shape) == 4]
        if not fields or len(known) < len(fields) or int(call.attrs.axis) != 1:
            return None
        block = block_of(gcd(*(shape[1] for shape in known)), self._lanes)
        parts = [self._as_blocked(field, block).var for field in fields]
        return relax.op.concat(parts, axis=1), block

    def _slice(self, call: Expr) -> tuple[Expr, int] | None:
        """Of whole blocks of channels."""
        data = self._as_blocked(call.args[0])
        axes, begin, end, *steps = (
            [int(value) for value in argument.fields] for argument in call.args[1:]
        )
        if axes != [1] or any(step != [1] for step in steps):
            return None
        if begin[0] < 0 or end[0] < 0 or begin[0] % data.block or end[0] % data.block:
            return None
        first, last = begin[0] // data.block, end[0] // data.block
        return relax.op.strided_slice(data.var, [1], [first], [last]), data.block

    def _packed_product(self, call: Expr) -> Expr | None:
        """``x @ w`` of a constant matrix w, perhaps transposed, with w packed."""
        if not is_call(call, "matmul"):
            return None
        weight = self._matrix(call.args[1])
        shape = static_shape(call.args[0])
        if weight is None or shape is None or len(shape) != 2:
            return None
        self._as_plain(call.args[0])
        block = block_of(weight.shape[1], self._lanes)
        packed = weight.reshape(len(weight), -1, block).transpose(1, 0, 2)
        return self.builder_.call_te(
            kernels.dense_pack,
            self.visit_expr(call.args[0]),
            relax.const(np.ascontiguousarray(packed)),
            primfunc_name_hint="nn_contrib_dense_pack",
            primfunc_attrs={LAYOUTS: {"weight_layout": f"NC{block}n"}},
        )

    def _matrix(self, value: Expr) -> Floats | None:
        """The constant matrix that ``value`` is, or the transposed of one."""
        definition = self._definitions.get(value) if isinstance(value, relax.Var) else value
        if definition is not None and is_call(definition, "permute_dims"):
            array = constant(definition.args[0])
            return None if array is None or array.ndim != 2 else array.T
        array = None if definition is None else constant(definition)
        return array if array is not None and array.ndim == 2 else None

    # ---- one layout from another --------------------------------------------------

    def _as_blocked(self, value: Expr, block: int = 0) -> _Blocked:
        """``value`` in channel blocks: of size ``block``, or of any that it comes in."""
        there = self._blocked.get(value, [])
        for candidate in there:
            if block in (0, candidate.block):
                return candidate
        if there:
            source, given = there[0].var, there[0].block
        else:
            source, given = self.visit_expr(value), 0
        shape = static_shape(value)
        assert shape is not None
        block = block or block_of(shape[1], self._lanes)
        made = _Blocked(self.builder_.emit(self._transform(source, given, block)), block)
        if isinstance(value, relax.Var):
            self._plain.update([] if there else [value])
            self._blocked.setdefault(value, []).append(made)
        return made

    def _as_plain(self, var: Var) -> None:
        """See to it that ``var`` is there as it was."""
        if var in self._blocked and var not in self._plain:
            blocked = self._blocked[var][0]
            emit_for(self, var, self._transform(blocked.var, blocked.block, 0))
            self._plain.add(var)

    def _transform(self, data: Var, source: int, destination: int) -> Expr:
        return self.builder_.call_te(
            lambda tensor: kernels.layout_transform(tensor, source, destination),
            data,
            primfunc_name_hint="layout_transform",
            primfunc_attrs={
                LAYOUTS: {"src_layout": _layout(source), "dst_layout": _layout(destination)}
            },
        )


def _branches(function: Any) -> bool:
    found: list[Any] = []

    def visit(expression: Any) -> None:
        if isinstance(expression, relax.If):
            found.append(expression)

    relax.analysis.post_order_visit(function.body, visit)
    return bool(found)


def _layout(block: int) -> str:
    return f"NCHW{block}c" if block else "NCHW"


def _packed(weight: Floats, out_block: int, in_block: int) -> Floats:
    """OIHW as OIHW[i]i[o]o."""
    outputs, inputs, rows, columns = weight.shape
    split = weight.reshape(
        outputs // out_block, out_block, inputs // in_block, in_block, rows, columns
    )
    return np.ascontiguousarray(split.transpose(0, 2, 4, 5, 3, 1))
