"""Runs tests with each version of TVM and Python that is wanted: make test-versions.

A Python has an environment of its own, with one wheel of vmprof for all of them; what is tested is
the checkout, with the native half of this environment. A TVM is installed in a folder of its own,
which comes before that environment's on Python's path. What came of it is kept in
docs/data/trust.json. The whole takes about a quarter of an hour for each, and 100 MB of downloads.

    python tests/try_versions.py                        all TVMs of vmprof/tested.py
    python tests/try_versions.py 0.28.0/0.1.16          one that came since: TVM/TVM-FFI
    python tests/try_versions.py --unit                 unit tests alone: minutes
    python tests/try_versions.py --python python3.10 python3.14      with other Pythons
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_BUILT = _ROOT / "build/versions"
sys.path.append(str(_ROOT / "docs/scripts"))

import trust  # noqa: E402

from vmprof.tested import TESTED  # noqa: E402

# What depends on TVM the most: programs that run by every engine, sessions, threads, the compiler.
_TESTS = (
    "tests/unit",
    *(
        f"tests/integration/test_{name}.py"
        for name in (
            "engines",
            "kernel_info",
            "layers",
            "lines",
            "machine",
            "memory",
            "models",
            "profile",
            "program",
            "random_programs",
            "sampling",
            "session",
            "session_memory",
            "threads",
            "virtual_machine",
            "virtual_machine_parts",
        )
        if (_ROOT / f"tests/integration/test_{name}.py").exists()
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    tvms, ffis = TESTED["apache-tvm"], TESTED["apache-tvm-ffi"]
    # Each TVM with the newest calling convention, and the newest TVM with each.
    pairs = [*(f"{tvm}/{ffis[0]}" for tvm in tvms), *(f"{tvms[0]}/{ffi}" for ffi in ffis[1:])]
    parser.add_argument("pair", nargs="*", default=pairs, metavar="TVM/TVM-FFI")
    parser.add_argument("--python", nargs="+", metavar="PYTHON", help="other ones than this")
    parser.add_argument("--unit", action="store_true", help="unit tests alone")
    options = parser.parse_args()
    pythons = [_environment(each) for each in options.python or ()] or [sys.executable]
    tests = _TESTS[:1] if options.unit else _TESTS
    failed = 0
    for python in pythons:
        for pair in options.pair:
            failed += _tried(python, *pair.split("/"), tests)
    return 1 if failed else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _version(python: str) -> str:
    code = "import platform; print(platform.python_version())"
    return subprocess.run(
        [python, "-c", code], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def _short(version: str) -> str:
    return version.rpartition(".")[0]


def _environment(python: str) -> str:
    """The Python of an environment, made by ``python``, with all that tests need now."""
    folder = _BUILT / f"python{_version(python)}"
    mine = str(folder / "bin/python")
    ready, project = folder / ".ready", _ROOT / "pyproject.toml"
    if not ready.exists() or ready.stat().st_mtime < project.stat().st_mtime:
        _say(f"==> an environment of {python}")
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
        pip = [mine, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)
        subprocess.run([*pip, "--group", "dev", _wheel()], cwd=_ROOT, check=True)
        ready.touch()
    return mine


def _wheel() -> Path:
    """Of the checkout, built anew by this Python: for what is read of an installation."""
    folder = _BUILT / "wheel"
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", folder, _ROOT], check=True)
    return max(folder.glob("*.whl"), key=lambda path: path.stat().st_mtime)


def _installed(tvm: str, ffi: str, python: str) -> Path:
    folder = _BUILT / f"{tvm}-{ffi}-python{_short(_version(python))}"
    if not folder.exists():
        packages = [f"apache-tvm=={tvm}", f"apache-tvm-ffi=={ffi}"]
        unfinished = folder.with_suffix(".unfinished")
        pip = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
        subprocess.run([*pip, "--target", unfinished, *packages], check=True)
        unfinished.rename(folder)
    return folder


def _tried(python: str, tvm: str, ffi: str, tests: Sequence[str]) -> int:
    """How many tests failed."""
    _say(f"==> TVM {tvm} with tvm-ffi {ffi}, Python {_version(python)}")
    folder = _installed(tvm, ffi, python)
    path = os.pathsep.join(map(str, (folder, _ROOT)))
    environment = os.environ | {"PYTHONPATH": path, "XDG_CACHE_HOME": str(folder / "cache")}
    command = [python, "-m", "pytest", "-q", "-n", "auto", "-p", "no:cacheprovider"]
    output = subprocess.run(
        [*command, *tests],
        env=environment,
        cwd=_ROOT,
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    _say(output[-3000:])
    last = output.strip().splitlines()[-1]
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", last)}
    failed = counts.get("failed", 0) + counts.get("errors", 0) + counts.get("error", 0)
    if not counts.get("passed"):
        return 1
    kind = "tests" if tests == _TESTS else "unit tests"
    trust.keep(
        trust.Entry(
            part="Versions",
            what=f"{kind} with TVM {tvm}, tvm-ffi {ffi}, Python {_version(python)}",
            number=counts["passed"] + failed,
            outcome=f"{failed} failed" if failed else "all passed",
            command=_command(python, unit=tests != _TESTS),
        )
    )
    # One of the tests that come next compares the page with what is kept.
    subprocess.run([sys.executable, _ROOT / "docs/scripts/make_trust.py"], check=True)
    return failed


def _command(python: str, *, unit: bool) -> str:
    words = ["--unit"] if unit else []
    if python != sys.executable:
        words += ["--python", "python" + _short(_version(python))]
    return f'make test-versions VERSIONS="{" ".join(words)}"' if words else "make test-versions"


if __name__ == "__main__":
    sys.exit(main())
