"""How warm runs are measured, by counting runs: a kernel that keeps a list of its calls."""

from __future__ import annotations

import mmap
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tvm
import tvm_ffi
from support.models import calls_packed, compile_relax

import vmprof
from vmprof import VmprofError, load_program
from vmprof.cli.main import main
from vmprof.native import ffi, lib
from vmprof.record.recorder import Recorder
from vmprof.record.rounds.engines import DispatchLoop, Engine
from vmprof.record.rounds.measurement import Measurement
from vmprof.record.rounds.options import Rounds
from vmprof.record.rounds.warmth import AsItComes, Cold, Warm, warmth_of
from vmprof.values import Count
from vmprof.vm.executable import Executable

FOUR = np.array([1, -2, 3.5, 0], "float32")


def calling(name: str, kernel: Callable[[], object]) -> Any:
    """A model of one call of ``kernel``."""

    def call(_x: Any, _out: Any) -> None:
        kernel()

    tvm_ffi.register_global_func(name, call, override=True)
    return compile_relax(calls_packed(name))


def engine(model: Any) -> Engine:
    of = load_program(model)
    arguments = [tvm.runtime.tensor(FOUR)]
    return DispatchLoop(Executable(of, tvm.cpu()), "main", arguments, Recorder(0))


@pytest.mark.parametrize(
    ("run_us", "before", "batch"),
    [(4000.0, 2, 2), (1000.0, 5, 5), (100.0, 20, 50), (1.0, 20, 5000)],
)
def test_warm_runs_come_after_others(run_us: float, before: int, batch: int) -> None:
    calls: list[None] = []
    running = engine(calling("vmprof.test.warm", lambda: calls.append(None)))
    warm = Warm(run_us)
    warm.prepare(lambda: calls.append(None))
    assert len(calls) == before
    calls.clear()
    assert warm.time_unprofiled(running) > 0
    # TVM's evaluator calls once by itself, then a batch that is dropped and one that is not.
    assert len(calls) == 1 + 2 * batch
    assert f"each after {before} unmeasured of its kind" in warm.described
    assert f"in batches of {batch:,} by" in warm.described


def test_what_takes_long_by_itself_is_run_once() -> None:
    running = engine(calling("vmprof.test.slow", lambda: time.sleep(0.021)))
    found = warmth_of(Rounds(), running)
    assert isinstance(found, AsItComes)
    assert found.described.endswith("a run takes 20 ms or more")


def test_what_is_short_is_warmed(monkeypatch: pytest.MonkeyPatch) -> None:
    running = engine(calling("vmprof.test.short", lambda: None))
    monkeypatch.setattr(running, "time_unprofiled", lambda: 19_999.0)
    assert isinstance(warmth_of(Rounds(), running), Warm)
    for rounds in (Rounds(warmup=0), Rounds(single_pass=True)):
        assert isinstance(warmth_of(rounds, running), AsItComes)


def test_without_warm_up_each_run_is_measured() -> None:
    calls: list[None] = []
    model = calling("vmprof.test.counted", lambda: calls.append(None))
    report = vmprof.profile(model, [FOUR], repeats=4, warmup=0, counters="none")
    # For time, and by TVM's VM; CPU time in three rounds.
    assert len(calls) == 4 * 2 + 3
    assert "no run is made that is not measured" in str(report.configuration["Measured runs"])


@pytest.mark.parametrize("name", ["vmprof", "tvm"])
def test_cold_runs_find_evicted_caches(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each run, unprofiled ones too, and none between them."""
    events: list[str] = []
    monkeypatch.setattr("vmprof.record.rounds.warmth.largest_cache", lambda: 1 << 16)
    evict = Cold.prepare
    monkeypatch.setattr(
        Cold, "prepare", lambda self, run: (events.append("evict"), evict(self, run))
    )
    model = calling("vmprof.test.cold", lambda: events.append("run"))
    report = vmprof.profile(
        model, [FOUR], repeats=2, warmup=1, cold=True, counters="page-faults", engine=name
    )
    # One warm-up round of time, counters, CPU time and TVM's VM, then two like it.
    assert events == ["run"] * 4 + ["evict", "run"] * 8
    assert report.configuration["Measured runs"] == (
        "cold, each after the calling thread and TVM's workers read 0.125 MiB of something else"
    )


def test_warm_up_goes_on_until_nothing_gets_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the times of rounds, which are made up here; every round is run all the same."""
    times = iter([90.0, 50.0, 30.0, 29.9, 29.8, 1.0])
    monkeypatch.setattr(Measurement, "last_round_us", property(lambda _: next(times)))
    monkeypatch.setattr("vmprof.record.rounds.settling.MOST_SECONDS", 1e9)
    calls: list[None] = []
    model = calling("vmprof.test.settles", lambda: calls.append(None))
    report = vmprof.profile(model, [FOUR], repeats=1, counters="none", cold=True)
    assert report.configuration["Warm-up"] == Count(5)
    assert report.configuration["Warm-up settled"] == "yes"
    # For time, CPU time, and by TVM's VM.
    assert len(calls) == (5 + 1) * 3


def test_eviction_reads_all_of_the_memory() -> None:
    """Each page of it, which nobody has touched before: so many page faults."""
    pages, page = 300, mmap.PAGESIZE
    with mmap.mmap(-1, pages * page, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        view = ffi.from_buffer("char[]", memory)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        lib.vmprof_evict(view, pages * page)
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        ffi.release(view)
    assert faults >= pages


def test_caches_of_an_unknown_size_cannot_be_evicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vmprof.record.rounds.warmth.largest_cache", lambda: 0)
    with pytest.raises(VmprofError, match="how large this machine's caches are"):
        Cold()


@pytest.mark.parametrize("command", ["run mlp", "validate mlp", "diff mlp mlp"])
@pytest.mark.parametrize("cold", [True, False])
def test_the_option(command: str, cold: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Rounds] = []

    def measure(_engines: object, rounds: Rounds, *_arguments: object, **_more: object) -> None:
        given.append(rounds)
        raise VmprofError("enough")

    monkeypatch.setattr("vmprof.drivers.engines.measure", measure)
    assert main([*command.split(), *(["--cold"] if cold else [])]) == 1
    assert [rounds.cold for rounds in given] == [cold]
