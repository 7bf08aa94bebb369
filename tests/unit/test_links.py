"""Links in the repository's Markdown lead somewhere: to a file, and to a heading in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
_FOLDERS = ("docs", "vmprof", "native", "tests", "benchmarks", "examples", ".github", ".gitlab")
# Whose text names pages: messages, help, comments.
_CODE = (".py", ".toml", ".c", ".h", ".html", ".js", ".yml", ".ipynb")
_NAMED = re.compile(r"docs/[\w./-]+\.md(?:#[\w-]+)?")
_HTML_LINK = re.compile(r"""\b(?:src|href)=["']([^"']+)["']""")


def _files(*suffixes: str) -> list[Path]:
    places = [ROOT.glob("*"), *((ROOT / folder).rglob("*") for folder in _FOLDERS)]
    return sorted(
        path for place in places for path in place if path.suffix in suffixes and path.is_file()
    )


@cache
def _tokens(path: Path) -> list[Token]:
    return MarkdownIt("gfm-like", {"linkify": False}).parse(path.read_text(encoding="utf-8"))


@cache
def _anchors(path: Path) -> frozenset[str]:
    """Those that a forge gives the headings of ``path``."""
    found: dict[str, None] = {}
    tokens = _tokens(path)
    for heading, content in pairwise(tokens):
        if heading.type == "heading_open":
            text = "".join(
                child.content for child in content.children or () if child.type != "image"
            )
            slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
            number = 0
            while (anchor := f"{slug}-{number}" if number else slug) in found:
                number += 1
            found[anchor] = None
    return frozenset(found)


def _links(tokens: list[Token]) -> Iterator[str]:
    for token in tokens:
        yield from _links(token.children or [])
        if token.type in ("link_open", "image"):
            yield str(token.attrs.get("href") or token.attrs["src"])
        elif token.type in ("html_inline", "html_block"):
            yield from _HTML_LINK.findall(token.content)


def _dead(page: Path, link: str, root: Path = ROOT) -> bool:
    path, _, anchor = unquote(link).partition("#")
    target = Path(os.path.normpath(page.parent / path)) if path else page
    if not target.is_relative_to(root) or not target.exists():
        return True
    return bool(anchor) and target.suffix == ".md" and anchor not in _anchors(target)


def _dead_links(page: Path, root: Path = ROOT) -> list[str]:
    links = [link for link in _links(_tokens(page)) if not re.match(r"[a-z]+:", link)]
    return [link for link in links if _dead(page, link, root)]


def test_every_link_of_a_page_leads_somewhere() -> None:
    pages = _files(".md")
    assert ROOT / "docs/index.md" in pages
    dead = {str(page.relative_to(ROOT)): links for page in pages if (links := _dead_links(page))}
    assert dead == {}


def test_every_page_that_code_names_is_there() -> None:
    dead = [
        f"{path.relative_to(ROOT)}: {named}"
        for path in [*_files(*_CODE), ROOT / "Makefile"]
        if not path.is_relative_to(ROOT / "tests")
        for named in _NAMED.findall(path.read_text(encoding="utf-8", errors="replace"))
        if _dead(ROOT / "README.md", named)
    ]
    assert dead == []


@pytest.mark.parametrize(
    "link", ["other.md", "page.md#none", "#none", "../outside.md", "page.md#the-ends-2"]
)
def test_a_dead_link_is_found(link: str, tmp_path: Path) -> None:
    (tmp_path / "outside.md").write_text("")
    page = tmp_path / "root/page.md"
    page.parent.mkdir()
    page.write_text(
        f"# The `ends`\n\n## The ends\n\n[x](#the-ends) [y](page.md#the-ends-1) ![z]({link})\n"
        "`[code](is/no/link.md)` [elsewhere](https://example.org)\n"
    )
    assert _dead_links(page, page.parent) == [link]
