"""What is in a page, without a browser."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any


class Elements(HTMLParser):
    """Counts the elements, and keeps text and what could load something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, int] = {}
        self.text = ""
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag] = self.found.get(tag, 0) + 1
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        assert not [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        self.text += data


def data_of(page: str) -> Any:
    """What its scripts read."""
    return json.loads(_script(page, "data"))


def embedded_of(page: str) -> str:
    """What it holds of the reports that it shows."""
    return _script(page, "reports")


def _script(page: str, name: str) -> str:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page)
    assert found is not None
    return found[1]
