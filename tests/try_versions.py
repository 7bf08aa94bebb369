"""Runs tests with each version of TVM that vmprof says it was tested with: make test-versions.

Each is installed in a folder of its own, which comes before this environment's on Python's path.
What came of it is kept in docs/data/trust.json. The whole takes about a quarter of an hour, and
100 MB of downloads for each version of TVM.

    python tests/try_versions.py                        all of vmprof/tested.py
    python tests/try_versions.py 0.28.0/0.1.16          one that came since: TVM/TVM-FFI
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[1]
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
    failed = 0
    for pair in parser.parse_args().pair:
        tvm, _, ffi = pair.partition("/")
        folder = _installed(tvm, ffi)
        _say(f"==> TVM {tvm} with tvm-ffi {ffi}")
        failed += _tried(tvm, ffi, folder)
    return 1 if failed else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _installed(tvm: str, ffi: str) -> Path:
    python = ".".join(platform.python_version_tuple()[:2])
    folder = _ROOT / "build" / "versions" / f"{tvm}-{ffi}-python{python}"
    if not folder.exists():
        packages = [f"apache-tvm=={tvm}", f"apache-tvm-ffi=={ffi}"]
        unfinished = folder.with_suffix(".unfinished")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
        subprocess.run([*pip, "--target", unfinished, *packages], check=True)
        unfinished.rename(folder)
    return folder


def _tried(tvm: str, ffi: str, folder: Path) -> int:
    """How many tests failed."""
    path = os.pathsep.join(map(str, (folder, _ROOT)))
    environment = os.environ | {"PYTHONPATH": path, "XDG_CACHE_HOME": str(folder / "cache")}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "-p", "no:cacheprovider"]
    output = subprocess.run(
        [*command, *_TESTS],
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
    trust.keep(
        trust.Entry(
            part="Versions",
            what=f"tests with TVM {tvm}, tvm-ffi {ffi}, Python {platform.python_version()}",
            number=counts["passed"] + failed,
            outcome=f"{failed} failed" if failed else "all passed",
            command="make test-versions",
        )
    )
    return failed


if __name__ == "__main__":
    sys.exit(main())
