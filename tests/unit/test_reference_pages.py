"""The reference and the site: what is made of the code is so, and nothing is left out."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import make_commands
import make_formats
import pytest

import vmprof

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def _site(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"site/{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_of_commands_are_of_the_parser() -> None:
    """If this fails: python docs/scripts/make_commands.py."""
    folder = make_commands.FOLDER
    assert make_commands.pages() == {path: path.read_text() for path in folder.glob("*.md")}


def test_the_pages_of_files_are_of_the_code() -> None:
    """If this fails: python docs/scripts/make_formats.py, with what it asks for in formats.toml."""
    page = make_formats.PAGE.read_text()
    assert make_formats.renew(page) == page


def test_a_line_of_the_configuration_is_explained() -> None:
    known = [re.escape(line).replace("X", ".+").replace("pass\\ N", r"pass\ \d+")
             for line in make_formats.meanings()["configuration"]]  # fmt: skip
    for path in (*DOCS.glob("data/reports/*.json"), DOCS / "pictures/resnet50.json"):
        report = vmprof.Report.from_json(path.read_text())
        for name in report.configuration:
            assert any(re.fullmatch(pattern, name) for pattern in known), name


def test_public_names_are_on_the_page() -> None:
    page = (DOCS / "reference/python.md").read_text()
    shown = set(re.findall(r"^\.\. auto\w+:: vmprof\.(\w+)$", page, re.MULTILINE))
    assert shown == set(vmprof.__all__)


def test_environment_variables_are_on_the_page() -> None:
    page = (DOCS / "reference/surroundings.md").read_text()
    sources = [*ROOT.glob("vmprof/**/*.py"), *ROOT.glob("native/*.c")]
    asked = re.compile(r"""(?:environ(?:ment)?(?:\.get\(|\[)|getenv\()["']([A-Z0-9_]+)["']""")
    texts = [path.read_text() for path in sources if path.suffix == ".py"]
    names = {name for path in sources for name in asked.findall(path.read_text())}
    names |= {name for text in texts for name in re.findall(r'= "(VMPROF_[A-Z_]+)"', text)}
    assert {"XDG_CACHE_HOME", "VMPROF_CACHE_LIMIT", "TVM_EXCLUDE_WORKER0"} <= names
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


def test_words_of_the_glossary_are_in_order() -> None:
    words = re.findall(r"^## (.*)$", (DOCS / "reference/glossary.md").read_text(), re.MULTILINE)
    assert words == sorted(words, key=str.lower)


def test_every_page_is_on_the_index_of_its_folder() -> None:
    folders = [index.parent for index in DOCS.rglob("index.md") if index.parent != DOCS]
    assert DOCS / "reference/commands" in folders
    for folder in folders:
        linked = set(re.findall(r"\]\(([\w-]+\.md)\)", (folder / "index.md").read_text()))
        assert {path.name for path in folder.glob("*.md")} - {"index.md"} == linked, folder


# What stands on a page, and what the site makes of it.
MOVED = [
    ("[a](b.md#c) [d](https://e.org)", "[a](b.md#c) [d](https://e.org)"),
    ("[a](../../CONTRIBUTING.md#b)", "[a](../contribute/contributing.md#b)"),
    ("[a](../../examples/llm/chat.py)", "[a](../../examples/llm/chat.py)"),
]


@pytest.mark.parametrize(("page", "shown"), MOVED)
def test_links_out_of_the_documentation(page: str, shown: str) -> None:
    assert _site("links").shown("how-to/x", page, DOCS) == shown


def test_a_page_of_the_repository_is_shown_with_its_links() -> None:
    shown = _site("links").shown("contribute/contributing", "", DOCS)
    assert "](../explanation/architecture.md)" in shown
    assert "](changelog.md)" in shown
    assert "](security.md)" in shown


def test_the_navigation_is_made_of_an_index() -> None:
    index = "[b](b.md) [a](a.md#x) [c](c/index.md) [d](../d.md) [e](c/e.md) [b](b.md)"
    shown = _site("links").shown("how-to/index", index, DOCS)
    assert shown == f"{index}\n```{{toctree}}\n:hidden:\n\nb.md\na.md\nc/index.md\n```\n"


def test_what_a_page_loads_from_elsewhere() -> None:
    check = _site("check")
    page = (
        '<a href="https://a.org">x</a><script src="https://b.org/c.js"></script><img src="d.png">'
        '<link href="//e.org/f.css" rel="stylesheet"><img src="data:image/svg+xml,//">'
    )
    assert check.from_elsewhere(page) == ["https://b.org/c.js", "//e.org/f.css"]
    style = '@import "https://a.org/b.css"; a { b: url("data:x//y") url(c.png) url(//d.org/e) }'
    assert check.fetched_by_style(style) == ["https://a.org/b.css", "//d.org/e"]
