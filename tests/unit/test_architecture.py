"""The rooms of the house import what lies below them: docs/architecture.md."""

from __future__ import annotations

import re
from pathlib import Path

from importlinter import cli

ROOT = Path(__file__).parents[2]


def test_rooms_import_from_below() -> None:
    code = cli.lint_imports(str(ROOT / "pyproject.toml"), no_cache=True, is_debug_mode=False)
    assert code == cli.EXIT_STATUS_SUCCESS


def test_every_room_is_on_the_page() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    named = set(re.findall(r"^\| `(\w+)/` \|", page, re.MULTILINE))
    rooms = {path.parent.name for path in (ROOT / "vmprof").glob("*/__init__.py")}
    assert named == {*rooms, "native"}
