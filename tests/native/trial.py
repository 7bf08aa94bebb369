"""The native half under sanitizers and valgrind: make test-asan, test-tsan, test-leaks.

    python tests/native/trial.py address    its tests, and the harness, under address and
                                            undefined-behaviour sanitizers
    python tests/native/trial.py thread     the harness under the thread sanitizer
    python tests/native/trial.py leaks      the harness under valgrind, 100,000 calls

The harness is the native half with a program in C around it (harness.c). Everything is built in
build/, apart from what is installed. What came of it is kept for docs/explanation/trust.md.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "docs/scripts"))

import trust  # noqa: E402 # needs the line above

# Seconds that the tests may take, on a machine that does much else.
_LONGEST = 1800
SANITIZERS = {"address": "address,undefined", "thread": "thread", "leaks": ""}
# Those that use the native half: all that is quick of it, sessions and their memory, threads, both
# engines, breakpoints, collectors and samples. Some 550 tests: a few minutes.
TESTS = (
    *(
        f"tests/unit/test_{name}.py"
        for name in (
            "recorder",
            "counters",
            "cpu_time",
            "sampler",
            "code",
            "breakpoints",
            "pool",
            "probe",
            "record_store",
        )
    ),
    *(
        f"tests/integration/test_{name}.py"
        for name in (
            "session",
            "session_memory",
            "threads",
            "engines",
            "nested_calls",
            "virtual_machine_parts",
            "breakpoints",
            "collectors",
            "sampling",
            "doubtful",
        )
    ),
)


def build(trial: str, folder: Path, *targets: str) -> Path:
    """``targets``, all if there are none, built in ``folder``; the path of the harness."""
    cmake = shutil.which("cmake", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert cmake, "cmake is not installed; run: make .venv/.ready"
    options = [
        f"-DPython_EXECUTABLE={sys.executable}",
        f"-DVMPROF_SANITIZE={SANITIZERS[trial]}",
        "-DVMPROF_HARNESS=ON",
        "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
        "--log-level=WARNING",
    ]
    chosen = [word for target in targets for word in ("--target", target)]
    for command in (
        [cmake, "-S", ROOT, "-B", folder, *options],
        [cmake, "--build", folder, *chosen],
    ):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "tests/native/vmprof_harness"


def exercise(command: list[str | Path], runs: int, invocations: int) -> int:
    """How many calls the harness checked; :class:`CalledProcessError` if something is not so."""
    environment = os.environ | {"TSAN_OPTIONS": "halt_on_error=1"}
    done = subprocess.run(
        [*command, str(runs), str(invocations)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    print(done.stdout, end="")
    found = re.match(r"(\d+) calls", done.stdout)
    assert found, done.stdout
    return int(found[1])


# What Python runs first there. Capstone asks for its library so; under a sanitizer no library may
# have functions such as malloc() of its own.
SITE = """
import os

del os.RTLD_DEEPBIND
"""


def package(folder: Path) -> Path:
    """A folder for PYTHONPATH in which vmprof is as it is here, but its native half is built."""
    place = folder / "package"
    shutil.rmtree(place, ignore_errors=True)
    for path in (ROOT / "vmprof").rglob("*"):
        if path.is_dir() or path.suffix in {".so", ".pyc"}:
            continue
        link = place / path.relative_to(ROOT)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    (module,) = folder.glob("_native.*.so")
    shutil.copy(module, place / "vmprof")
    (place / "sitecustomize.py").write_text(SITE)
    return place


def run_tests(folder: Path) -> int:
    """How many of `TESTS` pass with the native half of ``folder``."""
    place = package(folder)
    compiler = os.environ.get("CC", "cc")
    # The C++ library too: the sanitizer looks for what throws when it starts.
    libraries = [
        subprocess.check_output([compiler, f"-print-file-name={name}"], text=True).strip()
        for name in ("libasan.so", "libstdc++.so")
    ]
    # A report that pytest would keep with the output of a test, and lose with the process.
    reports = folder / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir()
    to_reports = f"log_path={reports}/report"
    environment = os.environ | {
        "LD_PRELOAD": " ".join(libraries),
        # Python leaves much behind; valgrind looks for leaks.
        "ASAN_OPTIONS": f"detect_leaks=0:{to_reports}",
        "UBSAN_OPTIONS": f"print_stacktrace=1:{to_reports}",
        "PYTHONMALLOC": "malloc",  # so that objects of Python's lie apart, too
        "PYTHONPATH": str(place),
    }
    where = "import tvm_ffi, vmprof._native as native; print(native.__file__)"
    command = [sys.executable, "-c", where]  # which looks in its own folder first
    loaded = subprocess.check_output(command, env=environment, text=True, cwd=folder)
    assert Path(loaded.strip()).parent == place / "vmprof", loaded
    pytest = Path(sys.executable).with_name("pytest")
    done = subprocess.run(
        [pytest, "-n0", "-q", *TESTS],
        check=False,
        timeout=_LONGEST,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    print(done.stdout, end="")
    said = [each.read_text(errors="replace") for each in sorted(reports.iterdir())]
    print(*said, sep="\n")
    done.check_returncode()
    assert not said, "the sanitizers reported something"
    found = re.search(r"(\d+) passed", done.stdout)
    assert found, done.stdout
    return int(found[1])


def entry(what: str, number: int, outcome: str, command: str) -> trust.Entry:
    return trust.Entry(
        part="Native code", what=what, number=number, outcome=outcome, command=command
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("trial", choices=SANITIZERS)
    trial = parser.parse_args().trial
    folder = ROOT / "build" / trial
    harness = build(trial, folder)
    exact = "every count is exact"
    if trial == "address":
        command = "make test-asan"
        calls = exercise([harness], 1000, 20_000)
        clean = f"no report of the address and undefined-behaviour sanitizers, no leak; {exact}"
        trust.keep(entry("calls on 8 threads, in C, under sanitizers", calls, clean, command))
        tests = run_tests(folder)
        clean = "no report of the address and undefined-behaviour sanitizers"
        trust.keep(entry("tests under sanitizers", tests, clean, command))
    elif trial == "thread":
        calls = exercise([harness], 1000, 20_000)
        clean = f"no report of the thread sanitizer; {exact}"
        what = "calls on 8 threads, in C, under the thread sanitizer"
        trust.keep(entry(what, calls, clean, "make test-tsan"))
    else:
        # One thread of several runs at a time: fairly, as others wait for what it does.
        valgrind = ["valgrind", "--quiet", "--fair-sched=yes", "--leak-check=full"]
        calls = exercise([*valgrind, "--error-exitcode=3", harness], 500, 5000)
        clean = f"no leak, no error; {exact}"
        what = "calls on 8 threads, in C, under valgrind"
        trust.keep(entry(what, calls, clean, "make test-leaks"))


if __name__ == "__main__":
    main()
