"""Names of kernels that tell what they fuse, as TVM's Relay gave them.

Relax numbers each operator's kernels and strings those names together
(``fused_conv2d10_add9_relu4``). Here the operators alone make the name, and
what would be called alike is numbered (``fused_nn_conv2d_add_nn_relu_1``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import tvm
from tvm import relax, tirx
from tvm.relax.expr_functor import PyExprMutator, mutator

from vmprof.zoo.lowering.graph import is_call

_NUMBERED = re.compile(r"(.*\D)\d+")


@tvm.transform.module_pass(opt_level=0, name="vmprof.NameKernels")
class NameKernels:
    """Renames what is going to be a kernel of its own; stands after ``FuseOps``."""

    def transform_module(self, module: tvm.IRModule, _: Any) -> tvm.IRModule:
        known = {var.name_hint for var in module.get_global_vars()}
        names: dict[str, str] = {}
        used: dict[str, int] = {}
        for function in list(module.functions.values()):
            if not isinstance(function, relax.Function) or _is_group(function):
                continue
            for callee in _called(function):
                if callee.name_hint in names:
                    continue
                operators = _operators(module, callee)
                if operators:
                    base = "fused_" + "_".join(_relay_name(name, known) for name in operators)
                    number = used[base] = used.get(base, -1) + 1
                    names[callee.name_hint] = f"{base}_{number}" if number else base
        return _renamed(module, names)


def _renamed(module: tvm.IRModule, names: Mapping[str, str]) -> tvm.IRModule:
    """``module`` with the functions ``names`` called by their new names."""
    scratch = relax.BlockBuilder()  # a variable from a builder has the type of its function
    variables = {
        old: scratch.add_func(module[old].with_attr("vmprof.name", new), new)
        for old, new in names.items()
    }
    renamer = _Renamer(variables)
    functions = {
        variables.get(var.name_hint, var): renamer.visit_expr(function)
        if isinstance(function, relax.Function)
        else function
        for var, function in module.functions_items()
    }
    return tvm.IRModule(functions, attrs=module.attrs, global_infos=module.global_infos)


@mutator
class _Renamer(PyExprMutator):  # type: ignore[misc]
    def __init__(self, variables: Mapping[str, Any]) -> None:
        super().__init__()
        self._variables = variables

    def visit_global_var_(self, op: Any) -> Any:
        return self._variables.get(op.name_hint, op)


def _is_group(function: Any) -> bool:
    return bool(function.attrs and "Primitive" in function.attrs)


def _called(function: Any) -> list[Any]:
    """The functions of the module that ``function`` calls, in order."""
    called: list[Any] = []

    def visit(expression: Any) -> None:
        if is_call(expression, "call_tir"):
            called.append(expression.args[0])
        elif isinstance(expression, relax.Call) and isinstance(expression.op, relax.GlobalVar):
            called.append(expression.op)

    relax.analysis.post_order_visit(function.body, visit)
    return called


def _operators(module: tvm.IRModule, callee: Any) -> list[str]:
    """The names of the operators that ``callee`` holds, if it becomes a kernel."""
    function = module[callee]
    if isinstance(function, tirx.PrimFunc):
        return [callee.name_hint]
    return [inner.name_hint for inner in _called(function)] if _is_group(function) else []


def _relay_name(name: str, known: Collection[str]) -> str:
    """What Relay called the operator whose kernel is ``name``."""
    name = unnumbered(name, known)
    is_nn = f"relax.nn.{name.removeprefix('fast_')}" in _OPERATORS
    return f"nn_{name}" if is_nn else name


def unnumbered(name: str, known: Collection[str]) -> str:
    """The kernel's name without what makes it unique among the ``known`` ones."""
    numbered = _NUMBERED.fullmatch(name)
    return numbered[1] if numbered and numbered[1] in known else name


_OPERATORS = frozenset(map(str, tvm.ir.Op.list_op_names()))
