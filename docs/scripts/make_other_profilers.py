"""Runs examples/llm under vmprof, pyinstrument and memray, and keeps what each says of it.

    python -m venv /tmp/others && /tmp/others/bin/pip install apache-tvm pyinstrument memray
    python docs/scripts/make_other_profilers.py --python /tmp/others/bin/python
    python docs/scripts/make_sessions.py

The first line is for profilers that are not installed beside vmprof: one that PYTHON does not
have is left out, as the output says. Results go to docs/data/recordings/other-profilers.json, of
which docs/scripts/make_sessions.py makes a table in sessions.md. Times are ratios to runs without
a profiler, in turn with these, by the same Python.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
EXAMPLE = DOCS.parent / "examples" / "llm"
RESULTS = DOCS / "data/recordings/other-profilers.json"
PROGRAM = ("chat.py", "--tokens", "64")

# Bytes at the peak: of the process, and of what has this function of the program on its stack.
_READ_MEMRAY = """
import json, sys, memray
peak, of = 0, {"step": 0, "new_cache": 0}
for record in memray.FileReader(sys.argv[1]).get_high_watermark_allocation_records():
    peak += record.size
    names = {name for name, _, _ in record.stack_trace()}
    for each in names & of.keys():
        of[each] += record.size
print(json.dumps({"peak": peak, **of}))
"""


@dataclass(frozen=True)
class Result:
    """What one profiler did: elapsed time over that without it, and what it ``says``.

    ``after_sigterm`` is whether there is something to read of a program that it ended.
    """

    tool: str
    version: str
    ratio: float
    same_output: bool
    after_sigterm: bool
    says: dict[str, float]


@dataclass(frozen=True)
class Tool:
    """``options`` stand between ``python -m`` with the module and the program, {out} a file."""

    name: str
    python: str
    module: str
    options: Sequence[str]
    read: Callable[[str, Path], dict[str, float]]  # (python, file) -> what it says

    def command(self, out: Path) -> list[str]:
        """What stands before a program."""
        options = [each.format(out=out) for each in self.options]
        return [self.python, "-m", self.module, *options]

    def version(self) -> str | None:
        """None if it is not installed."""
        asked = f"import importlib.metadata as m; print(m.version({self.name.split()[0]!r}))"
        asked = asked.replace("'vmprof'", "'tvm-vmprof'")
        done = subprocess.run(  # noqa: S603
            [self.python, "-c", asked], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() or None


def of_vmprof(_: str, out: Path) -> dict[str, float]:
    from vmprof.recording.groups import groups_of
    from vmprof.recording.reports import build
    from vmprof.recording.saved import load

    said: dict[str, float] = {}
    for group in groups_of(load(out)):
        report = build(group)
        assert report is not None
        said |= {
            f"{group.title} calls": group.total("invocations"),
            f"{group.title} seconds": group.total("sum_ns") / 1e9,
            f"{group.title} operators": len(report.calls),
            f"{group.title} peak": group.memory.peak if group.memory else 0,
        }
    return said


def of_pyinstrument(_: str, out: Path) -> dict[str, float]:
    seconds, inside = 0.0, 0

    def look(frame: dict[str, Any], *, within: bool) -> None:
        nonlocal seconds, inside
        inside += within
        is_step = frame["function"] == "step"
        seconds += frame["time"] if is_step else 0
        for each in frame["children"]:
            look(each, within=within or is_step)

    look(json.loads(out.read_text())["root_frame"], within=False)
    return {"step seconds": seconds, "frames inside": inside}


def of_memray(python: str, out: Path) -> dict[str, float]:
    said: dict[str, float] = json.loads(_output([python, "-c", _READ_MEMRAY, str(out)]))
    return said


def tools(python: str) -> list[Tool]:
    json_of = ("-r", "json", "-o", "{out}")
    return [
        Tool("vmprof", sys.executable, "vmprof", ("record", "--save", "{out}", "--"), of_vmprof),
        Tool("pyinstrument", python, "pyinstrument", json_of, of_pyinstrument),
        Tool("memray", python, "memray", ("run", "-q", "-o", "{out}"), of_memray),
        Tool(
            "memray --native", python, "memray", ("run", "-q", "--native", "-o", "{out}"), of_memray
        ),
    ]


def result_of(tool: Tool, version: str, repeats: int) -> Result:
    _output([tool.python, *PROGRAM])  # whose files are then in memory
    ratios, same, said = [], True, {}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out"
            alone, without = _timed([tool.python, *PROGRAM])
            recorded, with_it = _timed([*tool.command(out), *PROGRAM])
            ratios.append(with_it / without)
            same = same and recorded == alone
            said = tool.read(tool.python, out)
    ratio = statistics.median(ratios)
    return Result(tool.name, version, ratio, same, _kept_after_sigterm(tool), said)


def _kept_after_sigterm(tool: Tool) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        program, out = Path(folder) / "program.py", Path(folder) / "out"
        program.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n")
        command = [*tool.command(out), str(program)]
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
        assert done.returncode == -signal.SIGTERM
        return out.exists() and out.stat().st_size > 0


def _timed(command: Sequence[str]) -> tuple[str, float]:
    begin = time.perf_counter()
    output = _output(command)
    return output, time.perf_counter() - begin


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(  # noqa: S603
        command,
        cwd=EXAMPLE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--python", default=sys.executable, help="that has the other profilers")
    parser.add_argument("--repeats", type=int, default=5, help="pairs of runs (default: 5)")
    options = parser.parse_args()
    results = []
    for tool in tools(options.python):
        version = tool.version()
        if version is None:
            print(f"{tool.name} is left out: {tool.python} does not have it")
            continue
        results.append(result_of(tool, version, options.repeats))
        print(results[-1])
    RESULTS.write_text(json.dumps([asdict(each) for each in results], indent=1) + "\n")


if __name__ == "__main__":
    main()
