"""What Sphinx does not look for in the site that it made: ``python check.py FOLDER``.

Pages load nothing from a network, so that they can be read without one, and every public name of
vmprof's is among those that are explained.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

# What a browser fetches by itself; a link is followed by people.
_FETCHED = {
    "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href",
}  # fmt: skip


class _Fetched(HTMLParser):
    """Addresses of what a page loads, in ``found``."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """As the base has it."""
        address = dict(attributes).get(_FETCHED.get(tag, ""))
        if address is not None:
            self.found.append(address)


def from_elsewhere(page: str) -> list[str]:
    """What the HTML ``page`` loads from other places than its own."""
    parser = _Fetched()
    parser.feed(page)
    return [each for each in parser.found if _is_elsewhere(each)]


def fetched_by_style(style: str) -> list[str]:
    """What the ``style`` sheet loads from other places."""
    addresses = re.findall(r"""url\(["']?(.*?)["']?\)|@import ["'](.*?)["']""", style)
    return [each for each in map("".join, addresses) if _is_elsewhere(each)]


def _is_elsewhere(address: str) -> bool:
    return "//" in address and not address.startswith("data:")


def complaints(folder: Path) -> Iterator[str]:
    """What is wrong with the site in ``folder``, a line each."""
    for path in folder.rglob("*.html"):
        for address in from_elsewhere(path.read_text(encoding="utf-8")):
            yield f"{path}: loads {address}"
    for path in folder.rglob("*.css"):
        for address in fetched_by_style(path.read_text(encoding="utf-8")):
            yield f"{path}: loads {address}"
    import vmprof

    page = (folder / "reference/python.html").read_text(encoding="utf-8")
    for name in vmprof.__all__:
        if f'id="vmprof.{name}"' not in page:
            yield f"reference/python.md does not explain vmprof.{name}"


if __name__ == "__main__":
    wrong = [*complaints(Path(sys.argv[1]))]
    print(*wrong, sep="\n", file=sys.stderr, end="\n" if wrong else "")
    sys.exit(bool(wrong))
