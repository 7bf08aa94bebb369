"""Sampling of real kernels, with the clock that every machine has.

Loops of known cost: what they share out is a matter of counting, whatever the machine's speed.
Bounds are five standard deviations of that; a verdict by chance is one in two million.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tvm
import tvm_ffi
from support.commands import run
from support.parallel import MILLISECOND, burning, with_pool
from support.sessions import TvmVm
from tvm import relax
from tvm.script import tirx as T

import vmprof
from vmprof import Report, VmprofError
from vmprof.counters import Machine
from vmprof.counters.reading.sampler import Refused, open_sampler
from vmprof.record.sessions.session import Session
from vmprof.recording.reports import reports
from vmprof.report.annotated import annotated
from vmprof.report.render.stacks.stacks import stacks_of, threads_of
from vmprof.sampling.elf import PARALLEL_BODY
from vmprof.sampling.model import IN_NO_CALL, Sampled

CLOCK = "cpu-clock"
RATE = 5000


@pytest.fixture(scope="module", autouse=True)
def _perf() -> None:
    try:
        with open_sampler(CLOCK, RATE, Machine.read()):
            pass
    except Refused as refused:
        pytest.skip(str(refused))


# Two loops of equal turns. A turn's result is the next one's operand, so that it takes the same
# time in both, whatever else the processor does at once.
_SOURCE = """
#include <pthread.h>
#include <stdint.h>
/* Of two numbers: compilers make one function of two that are the same. */
#define LOOP(name, factor)                                 \\
  __attribute__((noinline)) static void name(int64_t n) {  \\
    uint64_t x = (uint64_t)n;                              \\
    for (int64_t i = 0; i < n; ++i) {                      \\
      x = x * factor##u + 1;                               \\
      __asm__ volatile("" : "+r"(x));                      \\
    }                                                      \\
  }
LOOP(three_of_four, 6364136223846793005)
LOOP(one_of_four, 6364136223846793009)

/* A pool of one thread, as a BLAS has one: whoever has work for it waits until that is done. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int64_t work;
static int begun;

__attribute__((noinline)) static void of_pool(void) { three_of_four(work); }

static void *pool(void *unused) {
  (void)unused;
  pthread_mutex_lock(&lock);
  for (;;) {
    while (work == 0) pthread_cond_wait(&changed, &lock);
    of_pool();
    work = 0;
    pthread_cond_broadcast(&changed);
  }
}

int vmprof_test_pool(int64_t turns) {
  pthread_t thread;
  pthread_mutex_lock(&lock);
  if (!begun) begun = pthread_create(&thread, NULL, pool, NULL) == 0;
  work = turns;
  pthread_cond_broadcast(&changed);
  while (begun && work != 0) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  return !begun;
}

int vmprof_test_loops(int64_t turns) {
  three_of_four(3 * turns);
  one_of_four(turns);
  return 0;
}
"""


@cache
def loops(folder: Path) -> ctypes.CDLL:
    source, library = folder / "loops.c", folder / "loops.so"
    source.write_text(_SOURCE)
    compiler = os.environ.get("CC", "cc")
    command = [compiler, "-O2", "-shared", "-fPIC", "-pthread", str(source), "-o", str(library)]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


@T.prim_func(s_tir=True, check_well_formed=False)
def two_loops(turns: T.Buffer((64,), "int64"), result: T.Buffer((1,), "float32")) -> None:
    for i in T.serial(64):
        assert T.call_extern("int32", "vmprof_test_loops", turns[i]) == 0, "no loops"
    result[0] = T.float32(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sampling")


@pytest.fixture(scope="module")
def two_loops_library(folder: Path) -> Path:
    """``main()`` calls ``two_loops``, whose loops are called with turns of all lengths.

    So that no rhythm of theirs is that of the samples.
    """
    loops(folder)
    draw = random.Random(0)
    turns = np.array([draw.randrange(2_000, 40_000) for _ in range(64)], "int64")
    builder = relax.BlockBuilder()
    with builder.function("main", []):
        result = builder.emit(
            relax.call_tir(
                builder.add_func(two_loops.with_attr("global_symbol", "two_loops"), "two_loops"),
                (relax.const(turns, "int64"),),
                out_ty=relax.TensorType((1,), "float32"),
            )
        )
        builder.emit_func_output(result)
    path = folder / "two_loops.so"
    tvm.compile(builder.get(), tvm.target.Target("llvm")).export_library(str(path))
    return path


def of_functions(sampled: Sampled, hits: Any = None) -> Counter[str]:
    return Counter(
        {function.name: n for function, n in sampled.by_function(hits).items() if function.name}
    )


def check_three_to_one(counts: Counter[str]) -> None:
    three, one = counts["three_of_four"], counts["one_of_four"]
    number = three + one
    assert number > 200, counts
    assert abs(three - 0.75 * number) < 5 * math.sqrt(number * 0.75 * 0.25)


def test_loops_have_samples_as_they_have_work(two_loops_library: Path) -> None:
    report = vmprof.profile(two_loops_library, counters="none", repeats=10, sample=CLOCK)
    sampled = report.samples
    assert sampled is not None
    assert (sampled.event, sampled.unit, sampled.rate) == (CLOCK, "ns", RATE)
    call = next(n for n, row in enumerate(report.calls) if row["Name"] == "two_loops")
    own = of_functions(sampled, sampled.of_call(call))
    check_three_to_one(own)
    # What the kernel calls is its own, and whose it is has been told by time alone.
    assert own["three_of_four"] == of_functions(sampled)["three_of_four"]
    for function in sampled.functions:
        if function.name.endswith("_of_four"):
            library = sampled.libraries[function.library]
            assert Path(library.path).name == "loops.so"
            assert library.kind == "file"
            addresses = {
                hit.address for hit in sampled.hits
                if sampled.functions[hit.function] == function
            }  # fmt: skip
            assert all(0 <= a - function.begin < function.size for a in addresses)
    # A sample of the clock stands for a period of it.
    assert all(hit.weight == hit.samples * 10**9 // RATE for hit in sampled.hits)
    assert Report.from_json(report.json()) == report


def test_a_session_samples_too(two_loops_library: Path, engine: str) -> None:
    module = tvm.runtime.load_module(str(two_loops_library))
    with Session("none", engine=engine, sample=CLOCK) as session:
        vm = session.attach(TvmVm(module, tvm.cpu()))
        for _ in range(60):
            vm["main"]()
    recording = session.recording()
    assert recording.problems == ()
    (report,) = reports(recording).values()
    assert report.samples is not None
    call = next(n for n, row in enumerate(report.calls) if row["Name"] == "two_loops")
    check_three_to_one(of_functions(report.samples, report.samples.of_call(call)))
    assert report.samples.runs == 20


def test_short_buffers_lose_no_samples(two_loops_library: Path) -> None:
    """They are folded again and again, while the program runs."""
    module = tvm.runtime.load_module(str(two_loops_library))
    with Session("none", sample=CLOCK, max_records=64) as session:
        vm = session.attach(TvmVm(module, tvm.cpu()))
        for _ in range(60):
            vm["main"]()
    recording = session.recording()
    sampled = recording.invocations[recording.invocations["turn"] == 1]
    with_samples = set(recording.samples["invocation"].tolist())
    assert len(sampled) == 20
    # Each takes milliseconds of the processor's.
    assert with_samples == set(sampled["id"].tolist())


def test_workers_are_sampled_in_their_tasks(folder: Path) -> None:
    executable = burning([6 * MILLISECOND, 18 * MILLISECOND])
    report = with_pool(
        2, lambda: vmprof.profile(executable, counters="none", repeats=6, sample=CLOCK)
    )
    sampled = report.samples
    assert sampled is not None
    call = next(n for n, row in enumerate(report.calls) if row["Name"] == "burn0")
    own = sampled.of_call(call)
    assert {hit.thread for hit in own} == {0, 1}
    # Six runs of 18 ms or more, a sample for each 0.2 ms; an interrupt may come late.
    assert sum(hit.samples for hit in own if hit.thread == 1) > 0.5 * 6 * 18 * 5


@T.prim_func(s_tir=True, check_well_formed=False)
def in_pool(x: T.Buffer((200_000,), "float32"), y: T.Buffer((200_000,), "float32")) -> None:
    assert T.call_extern("int32", "vmprof_test_pool", T.int64(20_000_000)) == 0, "no pool"
    y[0] = x[0]


def test_threads_of_other_pools_are_sampled_beside(folder: Path) -> None:
    loops(folder)
    module = calling(in_pool, sums)
    path = folder / "pool.so"
    tvm.compile(module, tvm.target.Target("llvm")).export_library(str(path))
    report = vmprof.profile(path, counters="none", repeats=3, sample=CLOCK)
    sampled = report.samples
    assert sampled is not None
    names = {n: str(row["Name"]) for n, row in enumerate(report.calls)}
    found: Counter[str] = Counter()
    for hit in sampled.others:
        if sampled.functions[hit.function].name == "three_of_four":
            assert hit.thread > 0
            found[names.get(hit.call, "")] += hit.samples
    # Nobody waits for the pool but the one that has work for it.
    assert found.keys() == {"in_pool"}
    assert found["in_pool"] > 0.5 * RATE * 3 * 20e6 / 5e9  # a turn takes longer than 0.2 ns
    assert not of_functions(sampled)["three_of_four"]
    assert "Samples of other threads" in report.configuration
    assert Report.from_json(report.json()).samples == sampled
    graphs = dict(threads_of(stacks_of(report)))
    assert any(name.startswith("other thread") for name in graphs)


@T.prim_func(s_tir=True, check_well_formed=False)
def logarithms(x: T.Buffer((200_000,), "float32"), y: T.Buffer((200_000,), "float32")) -> None:
    for i in T.parallel(8):
        for j in T.serial(25_000):
            y[i * 25_000 + j] = T.log(x[i * 25_000 + j] + T.float32(1))


@T.prim_func(s_tir=True, check_well_formed=False)
def powers(x: T.Buffer((200_000,), "float32"), y: T.Buffer((200_000,), "float32")) -> None:
    for i in T.parallel(8):
        for j in T.serial(25_000):
            y[i * 25_000 + j] = T.exp(x[i * 25_000 + j]) + T.float32(1)


@T.prim_func(s_tir=True, check_well_formed=False)
def sums(x: T.Buffer((200_000,), "float32"), y: T.Buffer((200_000,), "float32")) -> None:
    for i in T.serial(20):
        for j in T.serial(200_000):
            y[j] = x[j] + T.cast(i, "float32")


def calling(*kernels: Any) -> tvm.IRModule:
    """``main(x)`` calls them in turn."""
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((200_000,), "float32"))
    with builder.function("main", [x]):
        value = x
        for kernel in kernels:
            name = kernel.attrs["global_symbol"]
            shape = relax.TensorType((200_000,), "float32")
            value = builder.emit(
                relax.call_tir(builder.add_func(kernel, name), (value,), out_ty=shape)
            )
        builder.emit_func_output(value)
    return builder.get()


def test_bodies_of_parallel_loops_have_the_names_of_their_kernels(folder: Path) -> None:
    """TVM gives them no symbol: what they are called is beside what the time says."""
    path = folder / "parallel.so"
    module = calling(logarithms, powers)
    tvm.compile(module, tvm.target.Target("llvm")).export_library(str(path))
    report = vmprof.profile(path, counters="none", repeats=3, sample=CLOCK)
    assert report.samples is not None
    bodies = Counter[str]()
    for hit in report.samples.hits:
        name = report.samples.functions[hit.function].name
        if hit.call != IN_NO_CALL and name.endswith(PARALLEL_BODY):
            kernel = report.calls[hit.call]["Name"]
            assert name in (
                f"__tvm_ffi_{kernel} {PARALLEL_BODY}",
                f"{kernel}_compute_ {PARALLEL_BODY}",
            )
            bodies[name] += hit.samples
    assert len(bodies) == 2, bodies


def check_names_in_memory(report: Report) -> None:
    """The names of functions that no file has are those of the calls that time says."""
    assert report.samples is not None
    found: dict[str, set[str]] = {}
    for hit in report.samples.hits:
        function = report.samples.functions[hit.function]
        library = report.samples.libraries[function.library]
        if library.path.startswith("[in memory") and hit.call != IN_NO_CALL:
            found.setdefault(str(report.calls[hit.call]["Name"]), set()).add(function.name)
            assert 0 <= hit.address - function.begin < function.size
    own = {
        name: {name.removesuffix(PARALLEL_BODY).strip() for name in names}
        for name, names in found.items()
    }
    assert own.keys() == {"logarithms", "sums"}
    for name, names in own.items():
        assert names <= {f"__tvm_ffi_{name}", f"{name}_compute_"}
    assert any(name.endswith(PARALLEL_BODY) for name in found["logarithms"])
    # Their code is kept, as they are gone soon, and can be looked into.
    operators = {operator.name: operator for operator in annotated(report).operators}
    listings = operators["sums"].annotation.listings
    own_code = next(each for each in listings if each.path.startswith("[in memory"))
    assert own_code.loops


@pytest.mark.parametrize("jit", ["orcjit", "mcjit"])
def test_functions_that_were_compiled_in_memory_have_names(jit: str) -> None:
    target = tvm.target.Target({"kind": "llvm", "jit": jit})
    other = tvm.compile(calling(powers), target).jit()
    module = tvm.compile(calling(logarithms, sums), target).jit()
    check_names_in_memory(vmprof.profile(module, counters="none", repeats=3, sample=CLOCK))
    with Session("none", sample=CLOCK) as session:
        vms = [session.attach(TvmVm(each, tvm.cpu())) for each in (other, module)]
        for _ in range(60):  # most samples of a logarithm are in the mathematical library
            for vm in vms:
                vm["main"](tvm.runtime.tensor(np.ones(200_000, "float32")))
        del vms, vm, other, module  # their code goes with them
    recording = session.recording()
    assert recording.problems == ()
    by_kernel = {report.calls[0]["Name"]: report for report in reports(recording).values()}
    sampled = by_kernel.pop("powers").samples
    assert sampled is not None
    assert any("powers" in name for name in of_functions(sampled))
    (of_others,) = by_kernel.values()
    check_names_in_memory(of_others)


@contextmanager
def forking_kernel(children: list[int]) -> Iterator[tvm.IRModule]:
    """``main()`` calls a packed function that forks, and keeps how each child ended.

    A child goes on with the run, to its end and whatever comes then, and stops at the next call.
    """
    parent = os.getpid()

    def forks(x: Any, out: Any) -> None:
        if os.getpid() != parent:
            os._exit(0)
        child = os.fork()
        if child:
            children.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            end = time.process_time() + 0.005
            while time.process_time() < end:
                continue
        out.copyfrom(x)

    name = "test.sampling.forks"
    tvm_ffi.register_global_func(name, forks, override=True)
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((4,), "float32"))
    with builder.function("main", [x]):
        call = relax.call_dps_packed(name, (x,), relax.TensorType((4,), "float32"))
        builder.emit_func_output(builder.emit(call))
    yield builder.get()
    tvm_ffi.registry.remove_global_func(name)


@contextmanager
def ending_in_children() -> Iterator[None]:
    """A child that was forked inside the ``with`` ends behind it; with 1 after an error."""
    parent, code = os.getpid(), 1
    try:
        yield
        code = 0
    finally:
        if os.getpid() != parent:
            os._exit(code)


@pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")
@pytest.mark.parametrize("how", ["rounds", "session"])
def test_a_child_of_a_fork_leaves_the_samples_to_its_parent(how: str) -> None:
    children: list[int] = []
    with forking_kernel(children) as module, ending_in_children():
        executable = tvm.compile(module, tvm.target.Target("llvm"))
        if how == "rounds":
            report = vmprof.profile(executable, counters="none", repeats=2, sample=CLOCK)
        else:
            with Session("none", sample=CLOCK) as session, ending_in_children():
                vm = session.attach(TvmVm(executable, tvm.cpu()))
                for _ in range(6):
                    vm["main"](tvm.runtime.tensor(np.ones(4, "float32")))
            (report,) = reports(session.recording()).values()
    assert set(children) == {0}
    assert report.samples is not None
    call = next(n for n, row in enumerate(report.calls) if row["Name"] == "test.sampling.forks")
    # What the parent burned has samples, and none was switched off by a child.
    burned_ms = 5 * report.samples.runs
    assert sum(hit.samples for hit in report.samples.of_call(call)) > 0.5 * 5 * burned_ms


def test_what_cannot_be_sampled_is_a_reason(two_loops_library: Path) -> None:
    if Machine.read().has_pmu:
        pytest.skip("there is a PMU")
    report = vmprof.profile(two_loops_library, counters="none", repeats=3, sample="cycles")
    assert report.samples is None
    assert "no PMU" in report.missing["Samples"]


def test_single_pass_makes_no_runs_for_it(two_loops_library: Path) -> None:
    report = vmprof.profile(
        two_loops_library, counters="none", repeats=3, single_pass=True, sample=True
    )
    assert report.samples is None
    assert "runs of their own" in report.missing["Samples"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample": "cylces"}, "there is no event 'cylces'"),
        ({"sample": True, "sample_rate": 0}, "at least 1 sample per second"),
        ({"sample": True, "sample_rate": 10**9}, "max_sample_rate is"),
    ],
)
def test_mistakes_are_told(two_loops_library: Path, options: Any, message: str) -> None:
    with pytest.raises(VmprofError, match=message):
        vmprof.profile(two_loops_library, counters="none", repeats=1, **options)
    with pytest.raises(VmprofError, match=message), Session("none", **options):
        pass


def test_the_command_line(two_loops_library: Path, tmp_path: Path) -> None:
    done = run(
        "run", str(two_loops_library), "--counters", "none", "--repeats", "3", "--quiet",
        "--sample-rate", "2000", "--json", "report.json", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Samples" in done.stdout
    assert "Sampling: " in done.stdout
    assert "2,000 times a second" in done.stdout
    document = json.loads((tmp_path / "report.json").read_text())
    assert '"three_of_four"' in document["configuration"]["samples"]["string"]
