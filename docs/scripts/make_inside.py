"""Writes the case in inside.md anew: what commands printed, and what was gained.

    python docs/scripts/make_inside.py --measure    run them, on a machine that does nothing else
    python docs/scripts/make_inside.py              rewrite what has changed
    python docs/scripts/make_inside.py --check      say whether something would change

Such a part stands between two lines ``<!-- NAME -->`` and ``<!-- end -->``; NAME is a
function of this module. What was printed is kept in docs/data/inside.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable

from pages import DOCS, rewrite, with_parts

PAGE = DOCS / "how-to/inside.md"
KEPT = DOCS / "data/inside"
OPERATOR = "fused_matmul_relu"
COLUMNS = "duration,percent,gflop/s,vector width,samples"
STEPS = ("before", "after")
_WIDTH = 110


def found() -> str:
    """The table of the model as TVM lowers it."""
    return _indented("before-table.txt")


def before() -> str:
    return _indented("before.txt")


def after() -> str:
    return _indented("after.txt")


def gained() -> str:
    """The table of the model scheduled anew."""
    return _indented("after-table.txt")


PARTS: dict[str, Callable[[], str]] = {
    part.__name__: part for part in (found, before, after, gained)
}


def renew(page: str) -> str:
    """``page`` with its parts made anew."""
    return with_parts(page, PARTS)


def measure() -> None:
    """Compile, run and look into both, and keep what is printed."""
    with tempfile.TemporaryDirectory() as folder:
        _python(str(KEPT / "product.py"), folder)
        for step in STEPS:
            library, report = f"{folder}/{step}.so", f"{folder}/{step}.json"
            _vmprof("run", library, "--sample", "--metrics", "--quiet", "--json", report)
            table = _vmprof("show", report, "--columns", COLUMNS)
            _keep(f"{step}-table.txt", table[: table.index("Configuration\n")])
            inside = _vmprof("annotate", report, "--op", OPERATOR)
            _keep(f"{step}.txt", inside)


def _vmprof(*arguments: str) -> str:
    return _python("-m", "vmprof", *arguments)


def _python(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


def _keep(name: str, text: str) -> None:
    """Without what is beyond a page's width."""
    shown = (
        line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…" for line in text.splitlines()
    )
    (KEPT / name).write_text("".join(f"{line}\n" for line in shown), encoding="utf-8")


def _indented(name: str) -> str:
    lines = (KEPT / name).read_text(encoding="utf-8").rstrip().splitlines()
    return "\n" + "".join(f"    {line}".rstrip() + "\n" for line in lines) + "\n"


if __name__ == "__main__":
    if "--measure" in sys.argv[1:]:
        measure()
    sys.exit(rewrite([PAGE], renew))
