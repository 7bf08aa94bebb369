"""Operators on channel blocks, as tensor expressions.

In the layout NCHW16c a tensor [N, C, H, W] is stored as [N, C/16, H, W, 16], so
that a vector register holds 16 channels of one pixel. A weight in the layout
OIHW16i32o is stored as [O/32, I/16, H, W, 16, 32].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tvm import relax, te, topi

from vmprof.zoo.lowering.graph import Expr, pair

Tensor = Any  # te.Tensor: TVM has no type stubs

_BLOCKED_WEIGHT_RANK = 6


def conv2d(data: Tensor, weight: Tensor, call: Expr) -> Tensor:
    """``call``'s convolution of data NCHW[i]c with weight OIHW[i]i[o]o: NCHW[o]c."""
    padded, height, width, steps = _windows(data, weight, call)
    out_chunks, in_chunks, rows, columns, in_block, out_block = _sizes(weight)
    ic = te.reduce_axis((0, in_chunks), "ic")
    kh = te.reduce_axis((0, rows), "kh")
    kw = te.reduce_axis((0, columns), "kw")
    ib = te.reduce_axis((0, in_block), "ib")
    return te.compute(
        (_sizes(data)[0], out_chunks, height, width, out_block),
        lambda n, oc, oh, ow, ob: te.sum(
            padded[(n, ic, *steps(oh, ow, kh, kw), ib)] * weight[oc, ic, kh, kw, ib, ob],
            axis=[ic, kh, kw, ib],
        ),
        name="conv2d_NCHWc",
    )


def depthwise_conv2d(data: Tensor, weight: Tensor, call: Expr) -> Tensor:
    """``call``'s convolution, each channel by itself: NCHW[c]c with OIHW1i[c]o."""
    padded, height, width, steps = _windows(data, weight, call)
    chunks, _, rows, columns, _, block = _sizes(weight)
    kh = te.reduce_axis((0, rows), "kh")
    kw = te.reduce_axis((0, columns), "kw")
    return te.compute(
        (_sizes(data)[0], chunks, height, width, block),
        lambda n, c, oh, ow, cb: te.sum(
            padded[(n, c, *steps(oh, ow, kh, kw), cb)] * weight[c, 0, kh, kw, 0, cb],
            axis=[kh, kw],
        ),
        name="depthwise_conv2d_NCHWc",
    )


def conv2d_transpose(data: Tensor, weight: Tensor, call: Expr) -> Tensor:
    """``call``'s transposed convolution: NCHW[i]c with IOHW[i]i[o]o gives NCHW[o]c.

    Of a kernel of k taps, k a multiple of the stride s, only k/s meet in each
    output; the others would meet the zeros between the inputs. Those alone are
    computed.
    """
    (s_h, s_w), (top, left) = pair(call.attrs.strides), pair(call.attrs.padding[:2])
    batch, _, in_height, in_width, _ = _sizes(data)
    in_chunks, out_chunks, rows, columns, in_block, out_block = _sizes(weight)
    height = (in_height - 1) * s_h - top - int(call.attrs.padding[2]) + rows
    width = (in_width - 1) * s_w - left - int(call.attrs.padding[3]) + columns
    above, before = rows // s_h - 1 - top // s_h, columns // s_w - 1 - left // s_w
    below, behind = (height - 1 + top) // s_h + 1, (width - 1 + left) // s_w + 1
    below, behind = below - in_height, behind - in_width
    padded = topi.nn.pad(data, (0, 0, above, before, 0), (0, 0, below, behind, 0), name="data_pad")
    ic = te.reduce_axis((0, in_chunks), "ic")
    jh = te.reduce_axis((0, rows // s_h), "jh")
    jw = te.reduce_axis((0, columns // s_w), "jw")
    ib = te.reduce_axis((0, in_block), "ib")
    return te.compute(
        (batch, out_chunks, height, width, out_block),
        lambda n, oc, oh, ow, ob: te.sum(
            padded[n, ic, (oh + top) // s_h - jh + above, (ow + left) // s_w - jw + before, ib]
            * weight[ic, oc, (oh + top) % s_h + s_h * jh, (ow + left) % s_w + s_w * jw, ib, ob],
            axis=[ic, jh, jw, ib],
        ),
        name="conv2d_transpose_NCHWc",
    )


def dense_pack(data: Tensor, weight: Tensor) -> Tensor:
    """A product: data [M, K] by weight NC[b]n, stored as [N/b, K, b], gives [M, N]."""
    rows, depth = _sizes(data)
    chunks, _, block = _sizes(weight)
    k = te.reduce_axis((0, depth), "k")
    return te.compute(
        (rows, chunks * block),
        lambda m, n: te.sum(data[m, k] * weight[n // block, k, n % block], axis=k),
        name="dense_pack",
    )


def layout_transform(data: Tensor, source: int, destination: int) -> Tensor:
    """From channel blocks of one size to another; 0 stands for NCHW."""
    batch, chunks, height, width = _sizes(data)[:4]
    channels = chunks * max(source, 1)

    def element(n: Any, c: Any, h: Any, w: Any) -> Any:
        return data[n, c // source, h, w, c % source] if source else data[n, c, h, w]

    if destination:
        return te.compute(
            (batch, channels // destination, height, width, destination),
            lambda n, c, h, w, b: element(n, c * destination + b, h, w),
            name="layout_transform",
        )
    return te.compute((batch, channels, height, width), element, name="layout_transform")


def legalize_conv2d(builder: relax.BlockBuilder, call: Expr) -> Expr:
    """A Relax convolution on channel blocks as a kernel; others are TVM's to legalize."""
    if len(call.args[1].ty.shape) != _BLOCKED_WEIGHT_RANK:
        return _by_tvm(builder, call)
    grouped = int(call.attrs.groups) > 1
    kernel = depthwise_conv2d if grouped else conv2d
    return builder.call_te(
        lambda data, weight: kernel(data, weight, call),
        *call.args,
        primfunc_name_hint=f"nn_contrib_{kernel.__name__}_NCHWc",
    )


def legalize_conv2d_transpose(builder: relax.BlockBuilder, call: Expr) -> Expr:
    """As :func:`legalize_conv2d`."""
    if len(call.args[1].ty.shape) != _BLOCKED_WEIGHT_RANK:
        return _by_tvm(builder, call)
    return builder.call_te(
        lambda data, weight: conv2d_transpose(data, weight, call),
        *call.args,
        primfunc_name_hint="nn_conv2d_transpose",
    )


def legalize_adaptive_pool(builder: relax.BlockBuilder, call: Expr) -> Expr:
    """A mean over all pixels, without the windows that TVM would work out for each output."""
    if [int(size) for size in call.attrs.output_size or ()] != [1, 1]:
        return _by_tvm(builder, call)
    return builder.call_te(
        topi.nn.global_pool,
        call.args[0],
        "avg",
        call.attrs.layout,
        primfunc_name_hint="nn_global_avg_pool2d",
    )


def legalize_batch_flatten(builder: relax.BlockBuilder, call: Expr) -> Expr:
    """As TVM does, under a name of its own."""
    return builder.call_te(
        topi.reshape, call.args[0], call.ty.shape, primfunc_name_hint="nn_batch_flatten"
    )


LEGALIZATIONS = {
    "relax.nn.conv2d": legalize_conv2d,
    "relax.nn.conv2d_transpose": legalize_conv2d_transpose,
    "relax.nn.adaptive_avg_pool2d": legalize_adaptive_pool,
    "relax.nn.batch_flatten": legalize_batch_flatten,
}


def _by_tvm(builder: relax.BlockBuilder, call: Expr) -> Expr:
    return call.op.get_attr("FLegalize")(builder, call)


def _windows(
    data: Tensor, weight: Tensor, call: Expr
) -> tuple[Tensor, int, int, Callable[..., tuple[Any, Any]]]:
    """Padded data, output height and width, and the pixel that a kernel's tap reads."""
    (s_h, s_w), (d_h, d_w) = pair(call.attrs.strides), pair(call.attrs.dilation)
    top, left, below, behind = (int(p) for p in call.attrs.padding)
    padded = data
    if top or left or below or behind:
        padded = topi.nn.pad(data, (0, 0, top, left, 0), (0, 0, below, behind, 0), name="data_pad")
    rows, columns = _sizes(weight)[2:4]
    height, width = _sizes(data)[2:4]
    return (
        padded,
        (height + top + below - (rows - 1) * d_h - 1) // s_h + 1,
        (width + left + behind - (columns - 1) * d_w - 1) // s_w + 1,
        lambda oh, ow, kh, kw: (oh * s_h + kh * d_h, ow * s_w + kw * d_w),
    )


def _sizes(tensor: Tensor) -> list[int]:
    return [int(size) for size in tensor.shape]
