"""The rooms of the house import what lies below them: docs/explanation/architecture.md."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_rooms_import_from_below() -> None:
    # In a process of its own: it disables all loggers that there are.
    command = [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_room_is_on_the_page() -> None:
    page = (ROOT / "docs/explanation/architecture.md").read_text()
    named = set(re.findall(r"^\| `(\w+)/` \|", page, re.MULTILINE))
    rooms = {path.parent.name for path in (ROOT / "vmprof").glob("*/__init__.py")}
    assert named == {*rooms, "native"}
