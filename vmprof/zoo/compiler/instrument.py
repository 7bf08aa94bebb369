"""Looks on as TVM compiles, and notes what each kernel is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tvm
import tvm_ffi
from tvm import relax, tirx
from tvm.ir.instrument import pass_instrument

from vmprof.program.info import ModelInfo, Signature, write_info
from vmprof.program.kernels import LAYOUT_COLUMNS, Kernel
from vmprof.program.layers import KernelCall
from vmprof.zoo.compiler.cost import operations, tensor_shapes
from vmprof.zoo.compiler.indices import limits_and_flows
from vmprof.zoo.compiler.lines import ATTACH_LINES
from vmprof.zoo.compiler.traffic import tensor_bytes
from vmprof.zoo.compiler.trail import Trail
from vmprof.zoo.lowering.graph import is_call
from vmprof.zoo.lowering.layout import LAYOUTS
from vmprof.zoo.lowering.names import unnumbered

Module = Any  # TVM has no type stubs


@dataclass(frozen=True)
class _Operator:
    """A call of the graph: ``nn.conv2d``, and the layouts among its attributes."""

    name: str
    layouts: dict[str, str]


@pass_instrument
class KernelInfo:
    """A pass instrument: after compilation, ``kernels`` says what each kernel is.

    ``signatures`` says what functions take, ``calls`` which layers of the model the calls in
    them are of, where spans of the module say so; ``info`` is all of it.

    For any compilation of a Relax module by passes::

        info = vmprof.KernelInfo()
        with tvm.transform.PassContext(instruments=[info]):
            executable = tvm.compile(module, target)
        executable.export_library("model.so")
        info.save("model.so")

    It changes nothing. One instrument goes with one compilation.
    """

    def __init__(self) -> None:
        self.kernels: dict[str, Kernel] = {}
        self.signatures: dict[str, Signature] = {}
        self.calls: dict[str, tuple[KernelCall, ...]] = {}
        self.last_pass = ""
        self._trail = Trail()
        # Operators by the variable that they define, before they are legalized;
        # then by what their kernel computes, since passes may rename that.
        self._graph: dict[Any, _Operator] = {}
        self._operators: dict[int, _Operator] = {}
        self._groups: dict[str, list[_Operator]] = {}

    @property
    def info(self) -> ModelInfo:
        """All that was noted."""
        return ModelInfo(self.kernels, self.signatures, self.calls)

    def save(self, library: str | Path) -> None:
        """Write it beside the library that was exported to ``library``."""
        write_info(self.info, library)

    def run_before_pass(self, module: Module, info: Any) -> None:
        """TVM's: called with the module as it is before a pass."""
        if info.name != ATTACH_LINES:  # which is none of TVM's
            if not self.last_pass:
                self._trail.graph(module)
            self.last_pass = str(info.name)
        match info.name:
            case "LegalizeOps":
                self._graph = dict(_graph(module))
                self._trail.before_rewriting(module)
            case "FoldBatchnormToConv2D":
                self._trail.before_rewriting(module)
            case "FuseOps":
                self._trail.before_fusing(module)
            case "ToNonDataflow":
                self.calls = self._trail.calls(module)
            case "FuseTIR":
                self._groups = dict(self._groups_of(module))
            case "CallTIRRewrite":
                self.kernels = dict(self._kernels_of(module))
            case "VMShapeLower":
                self.signatures = dict(_signatures(module))

    def run_after_pass(self, module: Module, info: Any) -> None:
        """TVM's: called with the module as it is after a pass."""
        match info.name:
            case "LegalizeOps":
                self._operators.update(self._legalized(module))
                self._trail.rewritten(module)
            case "FoldBatchnormToConv2D":
                self._trail.rewritten(module)
            case "FuseOps":
                self._trail.fused(module)

    def _legalized(self, module: Module) -> Iterable[tuple[int, _Operator]]:
        for function in _relax_functions(module):
            for var, kernel in _kernel_calls(function):
                operator = self._graph.get(var) or _unlegalized(module, kernel)
                yield _hash(module[kernel]), operator

    def _groups_of(self, module: Module) -> Iterable[tuple[str, list[_Operator]]]:
        for var, function in module.functions_items():
            if isinstance(function, relax.Function) and "Primitive" in (function.attrs or {}):
                calls = _kernel_calls(function)
                yield var.name_hint, [self._operator(module, kernel) for _, kernel in calls]

    def _kernels_of(self, module: Module) -> Iterable[tuple[str, Kernel]]:
        for var, function in module.functions_items():
            if isinstance(function, tirx.PrimFunc):
                name = var.name_hint
                group = self._groups.get(name) or [self._operator(module, var)]
                read, written = tensor_bytes(function)
                limits, flows = limits_and_flows(function)
                yield (
                    name,
                    Kernel(
                        hash=f"{_hash(function) & (1 << 64) - 1:016x}",
                        operators=tuple(operator.name for operator in group),
                        layouts=_merged(operator.layouts for operator in group),
                        shapes=tensor_shapes(function),
                        flops=operations(function),
                        bytes_read=read,
                        bytes_written=written,
                        limits=limits,
                        flows=flows,
                    ),
                )

    def _operator(self, module: Module, kernel: Any) -> _Operator:
        known = self._operators.get(_hash(module[kernel]))
        return known or _unlegalized(module, kernel)


def _signatures(module: Module) -> Iterable[tuple[str, Signature]]:
    for var, function in module.functions_items():
        if isinstance(function, relax.Function):
            inputs = (function.attrs or {}).get("num_input", len(function.params))
            annotations = tuple(str(parameter.ty) for parameter in function.params)
            yield var.name_hint, Signature(int(inputs), annotations)


def _graph(module: Module) -> Iterable[tuple[Any, _Operator]]:
    for function in _relax_functions(module):
        for var, value in _bindings(function):
            if isinstance(value, relax.Call) and isinstance(value.op, tvm.ir.Op):
                name = str(value.op.name).removeprefix("relax.")
                if not name.startswith("call_"):
                    yield var, _Operator(name, _layouts(value.attrs))


def _layouts(attributes: Any) -> dict[str, str]:
    """The attributes of a call that are layouts, as the table names them."""
    found = {column: getattr(attributes, column, None) for column in LAYOUT_COLUMNS}
    layouts = {column: str(layout) for column, layout in found.items() if layout}
    if layouts.get("out_layout") == layouts.get("layout"):
        layouts.pop("out_layout", None)  # of a pool, which has but one
    return layouts


def _unlegalized(module: Module, kernel: Any) -> _Operator:
    """A kernel that was there before operators were legalized."""
    attributes = module[kernel].attrs
    layouts = attributes[LAYOUTS] if attributes and LAYOUTS in attributes else {}
    name = unnumbered(kernel.name_hint, {var.name_hint for var in module.get_global_vars()})
    return _Operator(name, {str(column): str(layout) for column, layout in layouts.items()})


def _merged(layouts: Iterable[dict[str, str]]) -> dict[str, str]:
    """Of operators in one kernel, the first that has a layout names it."""
    merged: dict[str, str] = {}
    for each in layouts:
        merged = {**each, **merged}
    return merged


def _relax_functions(module: Module) -> list[Any]:
    return [f for f in module.functions.values() if isinstance(f, relax.Function)]


def _kernel_calls(function: Any) -> list[tuple[Any, Any]]:
    """The variables that calls of kernels define, each with the kernel."""
    return [
        (var, value.args[0]) for var, value in _bindings(function) if is_call(value, "call_tir")
    ]


def _bindings(function: Any) -> list[tuple[Any, Any]]:
    bindings: list[tuple[Any, Any]] = []

    def visit(expression: Any) -> None:
        if isinstance(expression, relax.SeqExpr):
            for block in expression.blocks:
                bindings.extend((b.var, b.value) for b in block.bindings if hasattr(b, "value"))

    relax.analysis.post_order_visit(function.body, visit)
    return bindings


def _hash(function: Any) -> int:
    """Of what a kernel computes, without what passes note about it."""
    return int(tvm_ffi.structural_hash(tirx.PrimFunc(function.params, function.body)))
