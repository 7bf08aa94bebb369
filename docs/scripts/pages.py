"""Pages parts of which scripts make: what these scripts have in common."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

DOCS = Path(__file__).parents[1]
_PART = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_parts(page: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """``page`` with ``parts`` by name, each between ``<!-- NAME -->`` and ``<!-- end -->``."""
    return _PART.sub(lambda match: f"{match[1]}{parts[match[2]]()}{match[3]}", page)


def indented(text: str) -> str:
    """What a program printed, as a page shows it."""
    lines = [f"    {line}".rstrip() for line in text.strip().splitlines()]
    return "\n" + "\n".join(lines) + "\n\n"


def rewrite(pages: Sequence[Path], renew: Callable[[str], str]) -> int:
    """Write ``pages`` as ``renew`` makes them; with --check say by the exit code if they differ."""
    changed = False
    for path in pages:
        old = path.read_text(encoding="utf-8")
        new = renew(old)
        changed |= old != new
        if "--check" not in sys.argv[1:]:
            path.write_text(new, encoding="utf-8")
    return int(changed and "--check" in sys.argv[1:])


def write_all(pages: Mapping[Path, str], folder: Path) -> int:
    """Make ``folder`` hold ``pages`` and no other; with --check say by the exit code if it does."""
    there = {path: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    if "--check" in sys.argv[1:]:
        return int(there != pages)
    folder.mkdir(exist_ok=True)
    for path in there.keys() - pages.keys():
        path.unlink()
    for path, page in pages.items():
        path.write_text(page, encoding="utf-8")
    return 0
