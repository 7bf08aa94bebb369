"""A comparison in Markdown: whatever a name is, it is what a reader sees."""

from __future__ import annotations

import html
import re

from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from vmprof.compare.parts import Heading, Prose, Table, markdown
from vmprof.visible import visible


def rendered(text: str) -> str:
    return MarkdownIt("commonmark").enable("table").render(text)


def cells(page: str) -> list[str]:
    return [html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", page)]


def test_parts() -> None:
    table = Table(("Name", "us"), [["a_1", "2.50"], ["*b", "-1.0 % *"]], note="a note")
    parts = [Heading("before -> after"), table, Prose("  indented\n")]
    assert markdown(parts) == (
        "### before -\\> after\n\n"
        "| Name   |        us |\n"
        "|--------|-----------|\n"
        "| a_1    |      2.50 |\n"
        "| \\*b    | -1.0 % \\* |\n\n"
        "a note\n\n"
        "```text\n  indented\n```\n"
    )


@settings(max_examples=100)
@given(st.text(max_size=12))
@example("a|b\\|c")
@example("<img src=x onerror=alert(1)>")
@example("_a_ __b__ `c` [d](e) &amp; ~~f~~")
@example("```\n</code>")
def test_what_is_shown_is_what_it_was(name: str) -> None:
    page = rendered(markdown([Heading(f"x {name}"), Table(("Name", "n"), [[f"x{name}x", "1"]])]))
    assert cells(page) == ["Name", "n", visible(f"x{name}x"), "1"]
    (heading,) = re.findall("<h3>(.*)</h3>", page)
    assert html.unescape(heading) == visible(f"x {name}".strip())
    page = rendered(markdown([Prose(f"x{name}x\n")]))
    assert page.count("<code") == page.count("</code>") == 1
