"""Interrupts, at every moment: nothing is left behind, and nothing that was measured is lost."""

from __future__ import annotations

import ast
import os
import tempfile
from pathlib import Path

import pytest
from support.interrupting import interrupted_everywhere, nothing_is_left

import vmprof
from vmprof.cli import results
from vmprof.cli.interrupts import Interrupts
from vmprof.counters import Machine
from vmprof.counters.names.events import parse_events
from vmprof.counters.passes import Pass
from vmprof.counters.reading.group import Opener
from vmprof.native import ffi, lib
from vmprof.native_log import kept_quiet
from vmprof.record.launches import recorded_launches
from vmprof.record.pool import configured_pool
from vmprof.record.recorder import Reading, Recorder

RUNNING = [
    "record/recorder.py",
    "record/launches.py",
    "counters/team.py",
    "counters/source.py",
    "counters/passes.py",
    "counters/reading/group.py",
    "record/pool.py",
]


BOTH = Reading.TIME | Reading.COUNTERS


MACHINE = Machine.read()
EVENTS = parse_events("{task-clock,page-faults}", MACHINE)[0]


def counted_run() -> None:
    """Opens counters, counts a run with them, and closes them."""
    recorder = Recorder(100, 10)
    with recorded_launches(), Opener(MACHINE).open(EVENTS) as group:
        counted = Pass(group.layout, group.sources, "")
        try:
            recorder.run(lambda: None, BOTH, counted)
            assert recorder.recording(BOTH, counted).total_ns is not None
        finally:
            counted.team.close()


def test_whatever_moment_a_counted_run_is_interrupted_at() -> None:
    counted_run()
    tried = 0
    with nothing_is_left() as check:
        for where in interrupted_everywhere(counted_run, RUNNING):
            tried += 1
            check(where)
    assert tried > 100
    counted_run()


def test_a_run_that_was_left_open_ends_with_what_it_reads() -> None:
    group = Opener(MACHINE).open(EVENTS)
    counted = Pass(group.layout, group.sources, "")
    outer, inner = Recorder(100, 10), Recorder(100, 10)
    for recorder, team in ((outer, ffi.NULL), (inner, counted.team.pointer)):
        sources = [s.pointer for s in counted.sources] if team else []
        mode = int(Reading.COUNTERS)
        assert (
            lib.vmprof_recorder_ready(recorder.pointer, mode, sources, len(sources), team, 1) == 0
        )
        assert lib.vmprof_run_begin(recorder.pointer) == 0
    # Whoever goes first: the one outside, to which the thread would return.
    del recorder
    del outer
    assert lib.vmprof_run_is_open()
    counted.team.close()
    assert not lib.vmprof_run_is_open()
    group.close()
    assert lib.vmprof_run_end(inner.pointer, 0) == 0


def test_stderr_is_back_after_an_interrupt() -> None:
    before = os.fstat(2)

    def action() -> None:
        with kept_quiet("trying"):
            os.write(2, b"[21:28:13] /project/a.h:1: Warning: nothing")

    for where in interrupted_everywhere(action, ["native_log.py"]):
        assert os.path.samestat(os.fstat(2), before), where


def test_the_pool_is_as_before_after_an_interrupt() -> None:
    before = dict(os.environ), os.sched_getaffinity(0)

    def action() -> None:
        with configured_pool(1, [min(before[1])]):
            pass

    for where in interrupted_everywhere(action, ["record/pool.py"]):
        assert (dict(os.environ), os.sched_getaffinity(0)) == before, where


def test_what_was_measured_is_kept_and_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    interrupts = Interrupts()
    monkeypatch.setattr(results, "interrupts", interrupts)
    with (
        pytest.raises(KeyboardInterrupt) as caught,
        results.kept_if_lost([lambda: "{}", lambda: "[]"]),
    ):
        raise KeyboardInterrupt
    interrupts.came_as(caught.value)
    kept = [*tmp_path.iterdir()]
    assert {path.read_text() for path in kept} == {"{}", "[]"}
    assert interrupts.line.startswith("vmprof: interrupted; what was measured is kept in /")
    assert all(str(path) in interrupts.line for path in kept)
    assert interrupts.exit_code == 130


# ---- the clock that steps -----------------------------------------------------------------

# Of the day, not of what is measured: when a file was used last, when a report was made.
OF_THE_DAY = {
    "zoo/compiler/cache.py",
    "zoo/peaks/measure.py",
    "record/provenance.py",
    "drivers/peaks.py",
    "record/perf_map.py",
}
THAT_STEP = ("time.time", "time.time_ns", "datetime.now", "time.CLOCK_REALTIME")


def test_nothing_measured_uses_a_clock_that_may_step() -> None:
    root = Path(vmprof.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        text = path.read_text()
        if not any(name in text for name in THAT_STEP):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in THAT_STEP:
                found.add(str(path.relative_to(root)))
    assert found == OF_THE_DAY
    native = root.parent / "native"
    assert not [each for each in native.glob("*.c") if "CLOCK_REALTIME" in each.read_text()]
