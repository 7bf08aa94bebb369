"""Interrupts, at every moment: nothing is left behind, and nothing that was measured is lost."""

from __future__ import annotations

import _ctypes
import ast
import ctypes
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from support.interrupting import interrupted_everywhere, nothing_is_left

import vmprof
from vmprof.cache_folder import LOCK_SUFFIX, MODELS, kept, remove
from vmprof.cli import results
from vmprof.cli.interrupts import Interrupts
from vmprof.compare.study.folder import Asked, StudyFolder
from vmprof.counters import Machine
from vmprof.counters.names.events import parse_events
from vmprof.counters.passes import Pass
from vmprof.counters.reading.group import Opener
from vmprof.counters.reading.sampler import open_sampler
from vmprof.drivers.processes import _start
from vmprof.native import ffi, lib
from vmprof.native_log import kept_quiet
from vmprof.owned import memory_file, temporary_folder
from vmprof.record.launches import recorded_launches
from vmprof.record.pool import configured_pool
from vmprof.record.recorder import Reading, Recorder
from vmprof.remote.folders import server_folder
from vmprof.whole_file import write_whole

RUNNING = [
    "record/recorder.py",
    "record/launches.py",
    "counters/team.py",
    "counters/source.py",
    "counters/passes.py",
    "counters/reading/group.py",
    "counters/reading/sampler.py",
    "owned.py",
    "native.py",
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


def sampled_run() -> None:
    """Opens a sampler, and closes it."""
    with open_sampler("cpu-clock", 100, MACHINE) as sampler:
        sampler.counted.team.enable()
        sampler.counted.team.disable()


def test_whatever_moment_a_counted_run_is_interrupted_at() -> None:
    counted_run()
    tried = 0
    with nothing_is_left() as check:
        for action in (counted_run, sampled_run):
            for where in interrupted_everywhere(action, RUNNING):
                tried += 1
                check(where)
    assert tried > 200
    counted_run()


def test_libraries_whose_launches_were_recorded_are_let_go(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    source = "void *__TVMBackendParallelLaunch;"
    command = ["cc", "-shared", "-x", "c", "-", "-o", str(path)]
    subprocess.run(command, input=source, text=True, check=True)
    library = ctypes.CDLL(str(path))
    slot = ctypes.c_void_p.in_dll(library, "__TVMBackendParallelLaunch")
    slot.value = int(ffi.cast("intptr_t", lib.vmprof_tvm_launch()))

    def action() -> None:
        with recorded_launches():
            assert slot.value == int(ffi.cast("intptr_t", lib.vmprof_recorded_launch()))

    for where in interrupted_everywhere(action, ["record/launches.py"]):
        assert slot.value == int(ffi.cast("intptr_t", lib.vmprof_tvm_launch())), where
    _ctypes.dlclose(library._handle)
    assert str(path) not in Path("/proc/self/maps").read_text()


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


def a_study_is_held(folder: Path) -> None:
    made = folder / "study"
    study = StudyFolder.opened(made) if made.exists() else StudyFolder.made(made, Asked("", {}))
    with study.held():
        pass


def models_are_removed(folder: Path) -> None:
    models = folder / "vmprof" / MODELS
    models.mkdir(parents=True, exist_ok=True)
    library = "mlp-cpu-0123456789abcdef.so"
    for name in (library, f".{library}{LOCK_SUFFIX}"):
        (models / name).touch()
    for each in kept():
        assert remove(each)


def a_file_is_in_memory(_: Path) -> None:
    with memory_file("vmprof-trial") as file:
        file.write(b"bytecode")


def a_folder_is_temporary(_: Path) -> None:
    with temporary_folder() as folder:
        (folder / "file").touch()


def a_server_has_a_folder(_: Path) -> None:
    with server_folder() as folder:
        (folder / "session").mkdir()


def a_file_is_written(folder: Path) -> None:
    write_whole(folder / "report.json", b"{}")


def a_process_is_started(_: Path) -> None:
    _start(Process())


class Process(BaseProcess):
    """That does not."""

    def __init__(self) -> None:
        pass

    def start(self) -> None:
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])


# What opens something besides counters, and in which modules.
OPENED: dict[Callable[[Path], None], list[str]] = {
    a_study_is_held: ["compare/study/folder.py", "owned.py"],
    models_are_removed: ["cache_folder.py", "owned.py"],
    a_file_is_in_memory: ["owned.py", "test_interrupts.py"],
    a_folder_is_temporary: ["owned.py", "test_interrupts.py"],
    a_server_has_a_folder: ["remote/folders.py", "owned.py"],
    a_file_is_written: ["whole_file.py"],
    a_process_is_started: ["drivers/processes.py"],
}


# That is how Python says that it closed a file which nobody has any more.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("action", [*OPENED], ids=[each.__name__ for each in OPENED])
def test_no_file_is_left_by_an_interrupt(
    action: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    action(tmp_path)  # what it keeps is there
    signals = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with nothing_is_left() as check:
        for where in interrupted_everywhere(lambda: action(tmp_path), OPENED[action]):
            check(where)
            assert not [*tmp_path.glob("vmprof-*"), *tmp_path.glob(".vmprof-*")], where
            assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == signals, where


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_stderr_is_back_after_an_interrupt() -> None:
    before = os.fstat(2)

    def action() -> None:
        with kept_quiet("trying"):
            os.write(2, b"[21:28:13] /project/a.h:1: Warning: nothing")

    with nothing_is_left() as check:
        for where in interrupted_everywhere(action, ["native_log.py", "owned.py"]):
            check(where)
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
    "cache_limit.py",
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
