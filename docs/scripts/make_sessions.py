"""Writes what was measured and printed into sessions.md anew.

    python docs/scripts/make_sessions.py            rewrite what has changed
    python docs/scripts/make_sessions.py --check    say whether something would change

Such a part stands between two lines ``<!-- NAME -->`` and ``<!-- end -->``; NAME is a
function of this module. What they are made of is measured on a machine that does nothing
else, in docs/data/recordings:

    python benchmarks/session.py --json costs.json
    vmprof record --save /tmp/chat.vmprof -- ../../examples/llm/chat.py --tokens 64 2> record.txt
    vmprof show /tmp/chat.vmprof --report decode --top 5 --columns duration,percent,count > show.txt
    python docs/scripts/make_other_profilers.py --python PYTHON
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable

from pages import DOCS, indented, rewrite, with_parts

ROOT = DOCS.parent
PAGES = (DOCS / "how-to/sessions.md",)
RECORDINGS = DOCS / "data/recordings"

sys.path.append(str(ROOT / "benchmarks"))
_figures = importlib.import_module("figures")


def costs() -> str:
    """The table of the benchmark."""
    return str(_figures.table(_figures.read(RECORDINGS / "costs.json")))


def summary() -> str:
    """The first of what ``vmprof record`` prints: the summary, and what grows."""
    text = (RECORDINGS / "record.txt").read_text(encoding="utf-8")
    return indented(text[text.index("Function ") : text.index("Evaluate vm inference cost")])


def top() -> str:
    """What ``vmprof show --top 5`` prints of decode, up to its configuration."""
    text = (RECORDINGS / "show.txt").read_text(encoding="utf-8")
    return indented(text[: text.index("Configuration\n")])


def others() -> str:
    """What docs/scripts/make_other_profilers.py saw other profilers do."""
    results = json.loads((RECORDINGS / "other-profilers.json").read_text(encoding="utf-8"))
    lines = [
        "| profiler | elapsed time, over that without | after SIGTERM | it says |",
        "|---|---|---|---|",
    ]
    for each in results:
        name, *options = each["tool"].split()
        assert each["same_output"]
        lines.append(
            f"| {' '.join([name, each['version'], *options])} | {each['ratio']:.2f} | "
            f"{'something to read' if each['after_sigterm'] else 'nothing'} | "
            f"{_SAYS[name].format_map({k.replace(' ', '_'): v for k, v in each['says'].items()})} |"
        )
    return "\n".join(lines) + "\n"


_SAYS = {
    "vmprof": "`decode`: {decode_calls} calls, {decode_seconds:.2f} s, {decode_operators} "
    "operators, storages of {decode_peak:,} bytes at most; `prefill`: {prefill_calls} call, "
    "{prefill_seconds:.2f} s, {prefill_operators} operators, {prefill_peak:,} bytes",
    "pyinstrument": "{step_seconds:.2f} s in `step`, the Python function that calls both; "
    "{frames_inside} frames inside it",
    "memray": "of {peak:,} bytes at the peak of the process {step:,} are of what `step` calls, "
    "{new_cache:,} of what `new_cache` calls",
}


PARTS: dict[str, Callable[[], str]] = {
    part.__name__: part for part in (costs, summary, top, others)
}


def renew(page: str) -> str:
    """``page`` with its parts made anew."""
    return with_parts(page, PARTS)


if __name__ == "__main__":
    sys.exit(rewrite(PAGES, renew))
