"""The rooms of the house import what lies below them: docs/architecture.md."""

from __future__ import annotations

import re
from pathlib import Path

from importlinter.application.use_cases import PASS, lint_imports
from importlinter.configuration import configure

ROOT = Path(__file__).parents[2]


def test_rooms_import_from_below(monkeypatch: object) -> None:
    configure()
    found = lint_imports(str(ROOT / "pyproject.toml"), cache_dir=None)
    assert found is PASS


def test_every_room_is_on_the_page() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    named = set(re.findall(r"^\| `(\w+)/` \|", page, re.MULTILINE))
    rooms = {path.parent.name for path in (ROOT / "vmprof").glob("*/__init__.py")}
    assert named == {*rooms, "native"}
