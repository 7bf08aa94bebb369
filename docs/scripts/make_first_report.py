"""Writes what the commands of first-report.md print into it anew.

    python docs/scripts/make_first_report.py              rewrite what has changed
    python docs/scripts/make_first_report.py --measure    do first what the page says, and keep it
    python docs/scripts/make_first_report.py --check      say whether something would change

Such a part stands between ``<!-- NAME -->`` and ``<!-- end -->``, after the command that prints
it. Outputs are kept in docs/data/recordings/first-report.json, from a machine that does nothing
else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from blocks import blocks
from pages import DOCS, indented, rewrite, with_parts

PAGE = DOCS / "start/first-report.md"
RECORDING = DOCS / "data/recordings/first-report.json"
# What a reader does once, and whoever runs this has done.
SETTING_UP = ("python3 -m venv", ". .venv", "pip install")
# Which command prints a part, and with what the part ends.
PRINTED_BY = {
    "doctor": ("vmprof doctor", ""),
    "before": ("vmprof show before.json --top", "Configuration\n"),
    "library": ("vmprof run model.so", "Configuration\n"),
    "diff": ("vmprof diff", "\nConfiguration "),
}


def measure() -> None:
    """Do what the page says, in an empty folder."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    printed = {}
    with tempfile.TemporaryDirectory() as folder:
        for block in blocks(PAGE):
            if block.file:
                (Path(folder) / block.file).write_text(block.text, encoding="utf-8")
            for command in block.commands:
                if not command.startswith(SETTING_UP):
                    printed[command] = _output(command, folder, {**os.environ, "PATH": path})
    RECORDING.write_text(json.dumps(printed, indent=1) + "\n", encoding="utf-8")


def _output(command: str, folder: str, environment: dict[str, str]) -> str:
    done = subprocess.run(  # noqa: S602 # as a reader types it
        command,
        shell=True,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=not command.startswith("vmprof doctor"),  # which ends with 1 where there is no PMU
    )
    return done.stdout


def part(name: str) -> str:
    """The output of the command of that part, as the page shows it."""
    start, end = PRINTED_BY[name]
    printed = json.loads(RECORDING.read_text(encoding="utf-8"))
    (text,) = (output for command, output in printed.items() if command.startswith(start))
    return indented(text.partition(end)[0] if end else text)


PARTS: dict[str, Callable[[], str]] = {
    name: (lambda name=name: part(name)) for name in PRINTED_BY
}


def renew(page: str) -> str:
    """``page`` with its parts made anew."""
    return with_parts(page, PARTS)


if __name__ == "__main__":
    if "--measure" in sys.argv[1:]:
        measure()
    sys.exit(rewrite([PAGE], renew))
