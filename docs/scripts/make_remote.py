"""Writes what was measured and printed into remote.md anew.

    python docs/scripts/make_remote.py             rewrite what has changed
    python docs/scripts/make_remote.py --check     say whether something would change
    python docs/scripts/make_remote.py --measure   run it all again first: some minutes

Such a part stands between two lines ``<!-- NAME -->`` and ``<!-- end -->``. The example runs on
the emulated Arm machine of tests/pmu_guest, whose counts are exact, and whose time is that of its
instructions; sizes are those of what is installed where this runs.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from pages import DOCS, rewrite, with_parts

ROOT = DOCS.parent
MEASURED = DOCS / "data/recordings/remote.json"

sys.path.append(str(ROOT / "tests"))

ADDRESS = "localhost:9090"
SYSROOT = "SYSROOT"
# What a server needs, and what else vmprof needs; in which TVM's compiler is one file.
COMPILER = "libtvm_compiler.so"


def example() -> str:
    """The commands, each with what it printed."""
    shown = [
        f"    $ {each['command']}\n{_indented(each['printed'])}" for each in _measured()["example"]
    ]
    return "\n" + "\n".join(shown) + "\n"


def installed() -> str:
    """A table of what is installed on a host."""
    sizes = _measured()["installed"]
    lines = ["| what is installed | MB |", "|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {size / 1e6:,.0f} |" for what, size in sizes)]) + "\n"


PARTS: dict[str, Callable[[], str]] = {"example": example, "installed": installed}


def measure() -> None:
    MEASURED.write_text(
        json.dumps({"example": _run_example(), "installed": _sizes()}, indent=1) + "\n",
        encoding="utf-8",
    )


def _run_example() -> list[dict[str, str]]:
    from pmu_guest.guest import boot
    from pmu_guest.payload import make_vmprof
    from pmu_guest.system import cached_system

    system = cached_system(print)
    with tempfile.TemporaryDirectory() as folder:
        share = Path(folder, "share")
        (share / "payload").mkdir(parents=True)
        make_vmprof(share / "payload", system)
        saved = Path(folder, "report.json")
        kept = "--json report.json"
        counted = "--counters cycles,instructions,cache-misses --repeats 10"
        shown = "--columns duration,percent,cycles,instructions,weight_layout"
        commands: list[tuple[str, Callable[[str], str]]] = [
            (f"vmprof doctor --rpc {ADDRESS}", str),
            (
                f"vmprof run mlp --rpc {ADDRESS} --sysroot {SYSROOT} {counted} {shown} {kept}",
                _without_configuration,
            ),
            ("vmprof show report.json --provenance", _whence),
        ]
        with boot(system, share) as guest, guest.serving() as address:
            real = {ADDRESS: address, SYSROOT: str(system.root), "report.json": str(saved)}
            return [
                {"command": command, "printed": shortened(_printed(command, real))}
                for command, shortened in commands
            ]


def _printed(command: str, real: dict[str, str]) -> str:
    arguments = [real.get(word, word) for word in shlex.split(command)[1:]]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "vmprof", *arguments], capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr  # doctor's exit code says whether the host can count
    return done.stdout.replace(str(real[SYSROOT]), SYSROOT)


def _without_configuration(printed: str) -> str:
    before, _, after = printed.partition("Configuration\n")
    return before + after[after.index("Not counted\n") :]


def _whence(printed: str) -> str:
    wanted = ("Host:", "Processor:", "CPUs:", "Kernel:")
    return "".join(line for line in printed.splitlines(keepends=True) if line.startswith(wanted))


def _sizes() -> list[tuple[str, int]]:
    from vmprof.remote.deploy import needed

    of_all = sum(map(_size, _with_dependencies(["tvm-vmprof"])))
    of_server = sum(map(_size, _with_dependencies(needed())))
    compiler = _size("apache-tvm", COMPILER)
    return [
        ("all that vmprof needs", of_all),
        ("what a server needs", of_server),
        (f"`--no-compiler`: without {COMPILER}", of_server - compiler),
    ]


def _with_dependencies(requirements: Sequence[str]) -> set[str]:
    """The packages that are installed for ``requirements``, which have no extras."""
    found: set[str] = set()
    waiting = list(requirements)
    while waiting:
        name = re.split(r"[^\w.-]", waiting.pop(), maxsplit=1)[0].lower().replace("_", "-")
        with suppress(PackageNotFoundError):  # for another Python
            required = distribution(name).requires or []
            if name not in found:
                found.add(name)
                waiting += [line for line in required if "extra ==" not in line]
    return found


def _size(name: str, ends: str = "") -> int:
    files = distribution(name).files or []
    paths = [Path(str(file.locate())) for file in files if str(file).endswith(ends)]
    return sum(path.stat().st_size for path in paths if path.is_file())


def _measured() -> Any:
    return json.loads(MEASURED.read_text(encoding="utf-8"))


def _indented(text: str) -> str:
    return "".join(f"    {line}".rstrip() + "\n" for line in text.splitlines())


if __name__ == "__main__":
    if "--measure" in sys.argv[1:]:
        measure()
    raise SystemExit(rewrite([DOCS / "how-to/remote.md"], lambda page: with_parts(page, PARTS)))
