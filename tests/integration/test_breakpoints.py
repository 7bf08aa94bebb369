"""Breakpoints count exactly, on any processor: the whole way of a hardware event, without a PMU."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import tvm
from support.events import events
from support.parallel import burner_address, burning, with_pool

import vmprof
from vmprof import Report, VmprofError
from vmprof.counters import Machine
from vmprof.counters.reading.group import Opener, Refused
from vmprof.program import Program
from vmprof.record.symbols import find_symbol
from vmprof.subject.load import load_program
from vmprof.values import Count, Row, Samples

# burn0 has two tasks, burn1 none, burn2 three; each task calls vmprof_test_burn, as burn1 does.
KERNELS = ([0, 0], [0], [0, 0, 0])
WRAPPERS = [f"mem:__tvm_ffi_burn{number}:x" for number in range(3)]


@pytest.fixture(scope="module", autouse=True)
def _breakpoints() -> None:
    try:
        Opener(Machine.read()).open(events(f"mem:{burner_address():#x}:x")).close()
    except Refused as refused:
        pytest.skip(str(refused))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("breakpoints") / "burn.so"
    burning(*KERNELS).export_library(str(path))
    return path


def row(report: Report, name: str) -> Row:
    (found,) = (call for call in report.calls if call["Name"] == name)
    return found


def counts(report: Report, column: str) -> list[int]:
    """Of the three kernels, and in total."""
    cells = [row(report, f"burn{number}")[column] for number in range(3)]
    cells.append(report.device_metrics["cpu0"][column])
    assert all(isinstance(cell, Count) for cell in cells)
    return [cell.value for cell in cells]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("engine", ["vmprof", "tvm"])
def test_executions_are_counted_exactly(library: Path, engine: str, threads: int) -> None:
    """Of caller and workers, in two passes: there are four breakpoints at a time."""
    body = f"mem:{burner_address():#x}:x"
    asked = [*WRAPPERS, body, f"mem:{burner_address() + 1:#x}/1:w"]

    def profile() -> Report:
        return vmprof.profile(library, counters=",".join(asked), repeats=3, engine=engine)

    report = with_pool(threads, profile)
    assert report.missing == {}
    assert [counts(report, column) for column in WRAPPERS] == [
        [1, 0, 0, 1],
        [0, 1, 0, 1],
        [0, 0, 1, 1],
    ]
    assert counts(report, body) == [2, 1, 3, 6]
    assert counts(report, asked[-1]) == [0, 0, 0, 0]
    # Of the calls that builtins make there is nothing in them.
    assert sum(call[body].value for call in report.calls) == 6
    per_thread = f"{body} per thread"
    # A pool of one does all tasks; of a pool of three, one thread has no task but the launch.
    expected = {1: [2.0], 2: [1.0, 1.0], 3: [0.0, 1.0, 1.0]}[threads]
    found = row(report, "burn0")[per_thread]
    assert isinstance(found, Samples)
    assert sorted(found.values) == expected
    assert per_thread not in row(report, "burn1")
    assert str(report.configuration["Counters, pass 2"]).startswith(f"{asked[-1]}; read by")
    assert "four on x86" in str(report.configuration["Why several passes"])
    assert ("Breakpoints" in report.configuration) == Machine.read().is_virtual


def test_each_call_of_one_kernel_has_its_own_count(library: Path) -> None:
    column = f"mem:{burner_address():#x}:x"
    report = vmprof.profile(library, counters=column, repeats=5, single_pass=True)
    cell = row(report, "burn2")[f"{column} samples"]
    assert isinstance(cell, Samples)
    assert cell.values == (3,) * 5


@pytest.mark.parametrize("count", ["process", "caller"])
def test_whose_executions_are_counted(library: Path, count: str) -> None:
    column = f"mem:{burner_address():#x}:x"

    def profile() -> Report:
        return vmprof.profile(library, counters=column, repeats=3, count=count)

    report = with_pool(2, profile)
    # Of two tasks the caller does one, of three two.
    expected = [2, 1, 3, 6] if count == "process" else [1, 1, 2, 4]
    assert counts(report, column) == expected


def test_more_than_there_are_in_one_group(library: Path) -> None:
    group = ",".join([*WRAPPERS, *(f"mem:{burner_address() + n:#x}:x" for n in range(1, 3))])
    report = vmprof.profile(library, counters=f"{{{group}}}", repeats=1)
    assert len(report.missing) == 5
    assert all(
        "breakpoints (four on x86) are taken" in reason for reason in report.missing.values()
    )


# ---- accesses ------------------------------------------------------------------------------

CELL = """
volatile long vmprof_test_cell;
long vmprof_test_touch(long reads, long writes) {
  long sum = 0;
  for (long i = 0; i < reads; ++i) sum += vmprof_test_cell;
  for (long i = 0; i < writes; ++i) vmprof_test_cell = i;
  return sum;
}
"""


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("cell")
    source, path = folder / "cell.c", folder / "cell.so"
    source.write_text(CELL)
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", str(source), "-o", str(path)], check=True)
    return ctypes.CDLL(str(path))


def counted(text: str, work: Callable[[], object]) -> int:
    """What one event counts over ``work``, at most in several tries.

    Nothing is counted twice. A virtual processor may lose an access, and mostly says so:
    then there is no count. In very few runs it loses many, and says nothing.
    """
    with Opener(Machine.read()).open(events(text)) as group:
        spent = [samples for _ in range(10) if (samples := group.count(work)) is not None]
        assert all(group.lost_ns(samples) == 0 for samples in spent)
    return max(samples[0].values[0] for samples in spent)


@pytest.mark.parametrize(("access", "count"), [("w", 7), ("rw", 12)])
def test_accesses_are_counted_exactly(cell: ctypes.CDLL, access: str, count: int) -> None:
    address = ctypes.addressof(ctypes.c_long.in_dll(cell, "vmprof_test_cell"))
    text = f"mem:{address:#x}/8:{access}:u"
    assert counted(text, lambda: cell.vmprof_test_touch(5, 7)) == count


def test_thousands_of_executions(cell: ctypes.CDLL) -> None:
    """Under some hypervisors a trap in ten thousand would be the process's end."""
    address = ctypes.cast(cell.vmprof_test_touch, ctypes.c_void_p).value
    work = lambda: [cell.vmprof_test_touch(0, 0) for _ in range(12_345)]  # noqa: E731
    assert counted(f"mem:{address:#x}:x", work) == 12_345


# ---- symbols ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def program(library: Path) -> Program:
    return load_program(library)


def test_symbols_lie_where_the_process_has_them(program: Program) -> None:
    loaded = ctypes.CDLL(str(program.library), mode=os.RTLD_NOLOAD)
    address, is_code = find_symbol(program, "__tvm_ffi_burn0")
    assert address == ctypes.cast(loaded.__tvm_ffi_burn0, ctypes.c_void_p).value
    assert is_code
    assert not find_symbol(program, "__TVMBackendParallelLaunch").is_code


def test_local_symbols_too(program: Program) -> None:
    """`nm` knows them, the dynamic linker does not."""
    listed = subprocess.run(
        ["nm", str(program.library)], capture_output=True, text=True, check=True
    )
    (value,) = (
        int(line.split()[0], 16) for line in listed.stdout.splitlines() if line.endswith(" t _init")
    )
    wrapper = find_symbol(program, "__tvm_ffi_burn0").address
    offset = next(
        int(line.split()[0], 16)
        for line in listed.stdout.splitlines()
        if line.endswith(" T __tvm_ffi_burn0")
    )
    assert find_symbol(program, "_init") == (wrapper - offset + value, True)


def test_a_symbol_that_is_not_there(program: Program, library: Path) -> None:
    with pytest.raises(VmprofError) as caught:
        find_symbol(program, "__tvm_ffi_burn9")
    assert str(caught.value).startswith(
        f"there is no symbol '__tvm_ffi_burn9' in {library}; did you mean: __tvm_ffi_burn"
    )
    with pytest.raises(VmprofError, match="its kernels are __tvm_ffi_burn0, __tvm_ffi_burn1"):
        find_symbol(program, "quite_another")


def test_a_function_is_executed(library: Path) -> None:
    with pytest.raises(VmprofError, match=r"is a function; .* write mem:__tvm_ffi_burn0:x"):
        vmprof.profile(library, counters="mem:__tvm_ffi_burn0", repeats=1)


def test_code_in_memory_has_no_symbols() -> None:
    with pytest.raises(VmprofError, match="is compiled in memory, where functions have no symbols"):
        vmprof.profile(burning([0]), counters="mem:__tvm_ffi_burn0:x", repeats=1)


def test_a_module_does_not_tell_its_file(library: Path, tmp_path: Path) -> None:
    """Of several libraries the path says which one is meant; one alone is found."""
    other = tmp_path / "other.so"
    burning(*KERNELS, [0]).export_library(str(other))
    module = tvm.runtime.load_module(str(other))
    program = load_program(module)
    assert find_symbol(program, "__tvm_ffi_burn3").is_code
    first = load_program(library)
    with pytest.raises(VmprofError, match=r"__tvm_ffi_burn0 is in .* and in .*; write its address"):
        find_symbol(program, "__tvm_ffi_burn0")
    assert find_symbol(first, "__tvm_ffi_burn0").is_code


def test_a_library_that_was_replaced(tmp_path: Path) -> None:
    path = tmp_path / "model.so"
    burning([0]).export_library(str(path))
    program = load_program(path)
    path.unlink()
    burning([0], [0]).export_library(str(path))
    with pytest.raises(VmprofError, match=r"library of model\.so is gone, or was replaced"):
        find_symbol(program, "__tvm_ffi_burn0")
