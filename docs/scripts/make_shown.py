"""Writes what the commands of some pages print into these pages anew.

    python docs/scripts/make_shown.py                     rewrite what has changed
    python docs/scripts/make_shown.py --measure [PAGE..]  do first what the pages say, and keep it
    python docs/scripts/make_shown.py --check             say whether something would change

Such a part stands between ``<!-- NAME -->`` and ``<!-- end -->``: what the last command before it
printed, as far as NAME says (:data:`ENDS`). Outputs are kept in docs/data/shown, from a machine
that does nothing else.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from blocks import blocks_of
from pages import DOCS, indented

ROOT = DOCS.parent
# Pages whose outputs are of files of the repository.
OF_THE_REPOSITORY = (ROOT / "README.md", DOCS / "how-to/old-reports.md")
PAGES = (
    *OF_THE_REPOSITORY,
    DOCS / "start/first-report.md",
    DOCS / "how-to/compare.md",
    DOCS / "how-to/hot-operators.md",
)
# With what a part ends; with nothing it is all that was printed.
ENDS = {"output": "", "table": "\nConfiguration", "loops": "\n Share  In loop", "checks": "\nName "}
# What a reader does once, and whoever runs this has done.
SETTING_UP = ("python3 -m venv", ". .venv", "pip install")
# Of commands that say by their exit code what they found: no PMU, something slower, cannot tell.
FINDINGS = {"vmprof doctor": (1,), "vmprof diff": (3, 4), "vmprof audit": (3, 4)}
_PART = re.compile(rf"(<!-- ({'|'.join(ENDS)}) -->\n).*?(<!-- end -->)", re.DOTALL)


def recording(page: Path) -> Path:
    """Where outputs of its commands are kept."""
    return DOCS / "data/shown" / f"{page.stem}.json"


def measure(page: Path) -> None:
    """Do what ``page`` says, in an empty folder, and keep of what commands printed what it shows.

    Where that is of files of the repository, nothing else of the page is done.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    text = page.read_text(encoding="utf-8")
    shown = {_command_before(text, part.start()): part[2] for part in _PART.finditer(text)}
    printed = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = ROOT if page in OF_THE_REPOSITORY else Path(temporary)
        for block in blocks_of(text):
            if block.file:
                (folder / block.file).write_text(block.text, encoding="utf-8")
            for command in block.commands:
                skipped = folder == ROOT or command.startswith(SETTING_UP)
                if command in shown or not skipped:
                    print(f"$ {command}", flush=True)
                    output = _output(command, folder, environment)
                    if command in shown:
                        printed[command] = _until(output, ENDS[shown[command]])
    recording(page).parent.mkdir(exist_ok=True)
    text = json.dumps(printed, indent=1, ensure_ascii=False)
    recording(page).write_text(f"{text}\n", encoding="utf-8")


def _until(text: str, end: str) -> str:
    return text.partition(end)[0] if end else text


def _output(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(  # noqa: S602 # as a reader types it
        command,
        shell=True,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    allowed = (codes for start, codes in FINDINGS.items() if command.startswith(start))
    if done.returncode not in (0, *next(allowed, ())):
        sys.exit(f"{command} ended with {done.returncode}")
    return done.stdout


def _command_before(page: str, place: int) -> str:
    line = page.count("\n", 0, place) + 1
    before = [block.commands for block in blocks_of(page) if block.line < line and block.commands]
    return before[-1][-1]


def renew(page: str, printed: Mapping[str, str]) -> str:
    """``page`` with its parts made anew, of the outputs by command."""

    def part(match: re.Match[str]) -> str:
        return f"{match[1]}{indented(printed[_command_before(page, match.start())])}{match[3]}"

    return _PART.sub(part, page)


def main(arguments: list[str]) -> int:
    """The program; its exit code."""
    chosen = {Path(name).resolve() for name in arguments if not name.startswith("--")}
    changed = False
    for page in PAGES:
        if "--measure" in arguments and page in (chosen or PAGES):
            measure(page)
        old = page.read_text(encoding="utf-8")
        new = renew(old, json.loads(recording(page).read_text(encoding="utf-8")))
        changed |= old != new
        if "--check" not in arguments:
            page.write_text(new, encoding="utf-8")
    return int(changed and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
