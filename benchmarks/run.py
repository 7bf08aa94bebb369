"""All benchmarks, one after the other: a JSON with their figures and the state of the machine.

    python benchmarks/run.py [--only NAME ...] [--quick] [--json FILE] [--markdown FILE]
    python benchmarks/run.py --renew NAME ... --json FILE

Each runs in a process of its own. One that fails is said to have failed, and the others
still run; the exit code is then 1. A goal that is missed fails nothing. With ``--renew``
the others stay as FILE has them, and it says what was measured later than the rest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import host
from figures import read, save
from performance import everything, missed

HERE = Path(__file__).parent
LOAD = "Load at the start"
BENCHMARKS = (
    "dispatch",
    "reads",
    "threads",
    "growth",
    "beside",
    "disturbance",
    "session",
    "sampling",
    "load",
    "compile",
    "start",
    "reports",
    "annotate",
    "bounds",
    "schedule",
    "significance",
    "fleet",
    "compare_tvm_023",
)


def run(name: str, *, quick: bool) -> dict[str, Any]:
    """What the benchmark ``name`` gave: its ``figures``, or why it ``failed``, and ``seconds``."""
    print(f"\n==> {name}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "figures.json")
        command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(kept)]
        code = subprocess.run([*command, *(["--quick"] if quick else [])], check=False).returncode
        figures = read(kept) if kept.exists() else []
    return {
        "name": name,
        "seconds": time.monotonic() - began,
        "failed": f"exit code {code}" if code else "",
        "figures": [asdict(figure) for figure in figures],
    }


def run_all(names: Sequence[str], *, quick: bool) -> dict[str, Any]:
    machine = host.state()
    load, times = host.load(), host.processor_times()
    began = time.monotonic()
    benchmarks = [run(name, quick=quick) for name in names]
    return {
        "machine": {
            **machine,
            LOAD: load,
            "Load at the end": host.load(),
            **host.shares(times, host.processor_times()),
            "Took": f"{time.monotonic() - began:,.0f} s" + (", quickly: few samples" * quick),
        },
        "benchmarks": benchmarks,
    }


def renewed(document: dict[str, Any], names: Sequence[str], *, quick: bool) -> dict[str, Any]:
    """``document``, in which the benchmarks ``names`` were run again, or for the first time.

    Each of these has ``later``: when that was, and the load before it.
    """
    again = run_all(names, quick=quick)
    when = f"{again['machine']['Date']}, load {again['machine'][LOAD]}"
    found = {each["name"]: each for each in document["benchmarks"]}
    found |= {each["name"]: each | {"later": when} for each in again["benchmarks"]}
    return {
        "machine": document["machine"],
        "benchmarks": [found[name] for name in BENCHMARKS if name in found],
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=BENCHMARKS, metavar="NAME")
    parser.add_argument("--renew", nargs="+", choices=BENCHMARKS, metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="few samples: to try whether it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to keep it all")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="the same as a page")
    options = parser.parse_args()
    if options.renew:
        if options.json is None:
            parser.error("--renew takes the --json FILE that has the others")
        kept = json.loads(options.json.read_text(encoding="utf-8"))
        document = renewed(kept, options.renew, quick=options.quick)
    else:
        document = run_all(options.only, quick=options.quick)
    if options.json:
        save(options.json, document)
    if options.markdown:
        options.markdown.write_text(everything(document), encoding="utf-8")
    print(f"\n{missed(document)}")
    return int(any(each["failed"] for each in document["benchmarks"]))


if __name__ == "__main__":
    sys.exit(main())
