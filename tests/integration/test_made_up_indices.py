"""Made-up integers stay inside what they index: derived from kernels, or from their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tvm
from tvm import relax

import vmprof
from vmprof import Program, load_program
from vmprof.inputs import resolve_inputs
from vmprof.program.limits import FREE, Limit, limits_of

op = relax.op
ZERO = Limit(zero_alone=True)


def var(name: str, shape: tuple[Any, ...], dtype: str = "float32") -> relax.Var:
    return relax.Var(name, relax.TensorType(shape, dtype))


def module(build: Callable[..., Any], *parameters: relax.Var) -> tvm.IRModule:
    builder = relax.BlockBuilder()
    with builder.function("main", list(parameters)):
        builder.emit_func_output(builder.emit(build(*parameters)))
    return builder.get()


def limits(program: Program) -> dict[str, Limit]:
    """The limits of the parameters of main, by name."""
    parameters = program.parameters("main")
    found = limits_of(program.bytecode, program.entry("main"), parameters, program.kernels)
    return {p.name: found.get((i,), FREE) for i, p in enumerate(parameters)}


IDS = var("ids", (3,), "int64")
TABLE = var("table", (7, 4))
N = tvm.tirx.Var("n", "int64")


def const(*shape: int) -> relax.Constant:
    return relax.const(np.ones(shape, "float32"))


def take(table: Any, ids: Any, axis: int = 0, **more: Any) -> Any:
    return op.take(table, ids, axis=axis, **more)


# What is computed, what is known of ids with the kernels known, and by their names alone.
CASES = {
    "take": (module(lambda i: take(const(2, 16), i), IDS), Limit((2,)), Limit((2, 16))),
    "take along the other axis": (
        module(lambda t, i: take(t, i, 1), TABLE, IDS),
        Limit((4,)),
        Limit((7, 4)),
    ),
    "take of symbolic size": (
        module(take, var("table", (N, 4)), IDS),
        Limit(("n",)),
        Limit(("n", 4)),
    ),
    "take clipped": (
        module(lambda t, i: take(t, i, mode="clip"), TABLE, IDS),
        Limit((7,)),
        Limit((7, 4)),
    ),
    "converted first": (
        module(lambda t, i: take(t, op.astype(i, "int32")), TABLE, IDS),
        Limit((7,)),
        Limit((7, 4)),
    ),
    "reshaped and taken twice": (
        module(
            lambda t, i: op.add(
                op.sum(take(t, op.reshape(i, (3, 1)))), op.sum(take(const(5, 4), i))
            ),
            TABLE,
            IDS,
        ),
        Limit((7, 5)),
        Limit((7, 4, 5)),
    ),
    "computed before": (
        module(lambda t, i: take(t, op.add(i, relax.const(1, "int64"))), TABLE, IDS),
        ZERO,
        ZERO,
    ),
    "gathered": (
        module(lambda t, i: op.gather_elements(t, i, axis=1), TABLE, var("ids", (7, 2), "int64")),
        Limit((4,)),
        Limit((7, 4)),
    ),
    "gathered in several dimensions": (
        module(op.gather_nd, TABLE, var("ids", (3, 2), "int64")),
        Limit((7, 4)) | Limit((4,)),
        ZERO,
    ),
    "scattered": (
        module(
            lambda t, i: op.scatter_elements(t, i, t), TABLE, var("ids", (7, 4), "int64")
        ),
        ZERO,
        ZERO,
    ),
    "numbers": (module(lambda i: op.multiply(i, i), IDS), FREE, ZERO),
    "compared": (
        module(lambda i: op.where(op.equal(i, relax.const(1, "int64")), i, i), IDS), FREE, ZERO
    ),
    "a table's own row": (  # nobody indexes with what was taken
        module(lambda i: op.sum(take(relax.const(np.ones((9,), "int64")), i)), IDS),
        Limit((9,)),
        Limit((9,)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_limits_of_known_kernels(name: str) -> None:
    compiled, known, _ = CASES[name]
    found = limits(load_program(vmprof.compile(compiled)))["ids"]
    assert largest(found) == largest(known)


def largest(limit: Limit) -> Any:
    """What elements have to stay below: a number, a symbol, or None."""
    if limit.zero_alone:
        return 1
    numbers = [size for size in limit.below if isinstance(size, int)]
    return min(numbers) if numbers else next(iter(limit.below), None)


@pytest.mark.parametrize("name", CASES)
def test_limits_by_name_alone(name: str) -> None:
    compiled, _, by_name = CASES[name]
    found = limits(load_program(tvm.compile(compiled, "llvm")))["ids"]
    assert found.zero_alone == by_name.zero_alone
    if not by_name.zero_alone:
        assert set(found.below) == set(by_name.below)


def test_native_code_says_nothing() -> None:
    compiled, _, _ = CASES["take"]
    assert limits(load_program(vmprof.compile(compiled, exec_mode="compiled")))["ids"] == ZERO


def test_tables_that_are_parameters_in_tuples() -> None:
    fields = relax.TupleType([relax.TensorType((6, 4), "float32"), relax.TensorType((3,), "int32")])
    both = relax.Var("both", fields)
    compiled = module(
        lambda pair: take(relax.TupleGetItem(pair, 0), relax.TupleGetItem(pair, 1)), both
    )
    for executable in (vmprof.compile(compiled), tvm.compile(compiled, "llvm")):
        program = load_program(executable)
        parameters = program.parameters("main")
        found = limits_of(program.bytecode, program.entry("main"), parameters, program.kernels)
        assert min(found[0, 1].below) in (4, 6)
        arguments = resolve_inputs(parameters, limits=found).arguments
        assert arguments[0][1].numpy().max() < 6


def test_one_of_two_branches() -> None:
    """What holds in either branch counts."""
    from support.models import Branching

    program = load_program(tvm.compile(Branching, "llvm"))
    parameters = program.parameters("main")
    assert limits_of(program.bytecode, program.entry("main"), parameters, {}) == {}


@pytest.mark.parametrize("engine", ["vmprof", "tvm"])
def test_the_report_says_what_was_made_up(engine: str) -> None:
    compiled = vmprof.compile(module(take, TABLE, IDS))
    report = vmprof.profile(compiled, engine=engine, counters="none", repeats=1)
    assert report.configuration["Made-up inputs"] == (
        "table: normal; ids: 0 to 6 (places in what it indexes)"
    )
    given = vmprof.profile(
        compiled, table=np.zeros((7, 4), "float32"), ids=[1, 2, 3], counters="none", repeats=1
    )
    assert "Made-up inputs" not in given.configuration


def test_through_functions_of_the_model() -> None:
    """What another function is given, and what it gives back, is followed."""
    builder = relax.BlockBuilder()
    ids = var("ids", (3,), "int64")
    with builder.function("narrow", [ids], private=False):
        narrow = builder.emit(op.astype(ids, "int32"))
        builder.emit_func_output(narrow)
    table, rows = var("table", (7, 4)), var("rows", (3,), "int32")
    with builder.function("look_up", [table, rows]):
        builder.emit_func_output(builder.emit(op.take(table, rows, axis=0)))
    found = {variable.name_hint: variable for variable in builder.get().get_global_vars()}
    outer_table, outer_ids = var("table", (7, 4)), var("ids", (3,), "int64")
    with builder.function("main", [outer_table, outer_ids]):
        narrowed = builder.emit(relax.Call(found["narrow"], [outer_ids]))
        builder.emit_func_output(
            builder.emit(relax.Call(found["look_up"], [outer_table, narrowed]))
        )
    for executable in (vmprof.compile(builder.get()), tvm.compile(builder.get(), "llvm")):
        limit = limits(load_program(executable))["ids"]
        assert largest(limit) in {4, 7}
