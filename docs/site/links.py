"""Links of plain Markdown in the site: to what lies outside of docs/, and as its navigation.

An ``index.md`` says of each page of its folder what it is for; the navigation is made of these
links, in their order. Files of the repository that are pages here are in :data:`PAGES`; any other
that a page links to is there to be downloaded. Where a link is called as the file that it leads
to, the site calls it as the page.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# Pages of the site whose text is that of a file outside of docs/.
PAGES = {
    "contribute/contributing": "CONTRIBUTING.md",
    "contribute/changelog": "CHANGELOG.md",
    "contribute/security": "SECURITY.md",
}
_LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s:#]+)(?P<anchor>#[^)\s]*)?(?=\))")

_CALLED_AS_ITS_FILE = re.compile(r"(?<=\[)[\w-]+\.md(?=\]\()")


def shown(name: str, text: str, docs: Path) -> str:
    """What the page ``name`` of the site is made of; ``text`` is what its file has."""
    home = docs / name
    if name in PAGES:
        path = docs.parent / PAGES[name]
        text = path.read_text(encoding="utf-8")
        home = path
    here = (docs / name).parent
    places = {docs.parent / file: docs / f"{page}.md" for page, file in PAGES.items()}

    def moved(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(home.parent / link["path"]))
        target = places.get(target, target)
        if not target.is_relative_to(docs.parent):
            return link[0]
        return os.path.relpath(target, here) + (link["anchor"] or "")

    text = _LINK.sub(moved, _CALLED_AS_ITS_FILE.sub("", text))
    if Path(name).name == "index":
        text += _navigation(text)
    return text


def _navigation(index: str) -> str:
    pages = "\n".join(dict.fromkeys(_of_folder(index)))
    return f"\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n"


def _of_folder(index: str) -> Iterator[str]:
    """Of the links, those to pages of the same folder, and to the index of one in there."""
    for link in _LINK.finditer(index):
        if re.fullmatch(r"[\w-]+\.md|[\w-]+/index\.md", link["path"]):
            yield link["path"]


def _read(application: Sphinx, name: str, content: list[str]) -> None:
    content[0] = shown(name, content[0], Path(application.srcdir))


def setup(application: Sphinx) -> dict[str, Any]:
    """As Sphinx calls it."""
    application.connect("source-read", _read)
    return {"parallel_read_safe": True}
