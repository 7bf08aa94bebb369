"""How pages look beyond their style: commands, tables without a head, tables that are wide."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from pygments.lexer import RegexLexer
from pygments.token import Comment, Name, Text
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

_COMMAND = re.compile(
    r"(\.venv/bin/|sudo |\$ )?(vmprof|pip|pipx|uv|uvx|make|python3?|docker|podman|distrobox|kubectl"
    r"|cc|perf|export|git|ssh|sysctl|\w+=\S+ vmprof)\b"
)
# A cell of so many characters has one line, where a table has so many columns: it scrolls instead.
_SHORT, _MANY = 30, 3


class Command(RegexLexer):
    """Commands as they are typed: what is a comment, and what is an option."""

    tokens = {  # noqa: RUF012
        "root": [
            (r"(?<!\S)#[^\n]*", Comment),
            (r"(?<!\S)--?[a-z][\w-]*", Name.Attribute),
            (r"\S+|\s+", Text),
        ]
    }


class Commands(SphinxTransform):
    """Indented blocks that begin with a command are a shell's."""

    default_priority = 40  # before they are highlighted

    def apply(self, **_: Any) -> None:
        """As Sphinx calls it."""
        for block in self.document.findall(nodes.literal_block):
            if block.get("language", "none") == "none" and _COMMAND.match(block.astext()):
                block["language"] = "command"


class Lists(SphinxTransform):
    """Tables whose head is empty, as Markdown has no others, say of each thing what it is."""

    default_priority = 500

    def apply(self, **_: Any) -> None:
        """As Sphinx calls it."""
        for table in self.document.findall(nodes.table):
            for head in [*table.findall(nodes.thead)]:
                if not head.astext().strip():
                    head.parent.remove(head)
                    table["classes"].append("terms")


class Columns(SphinxTransform):
    """Short cells of tables with many columns have the class ``short``."""

    default_priority = 500

    def apply(self, **_: Any) -> None:
        """As Sphinx calls it."""
        for row in self.document.findall(nodes.row):
            if len(row.children) >= _MANY:
                for cell in row.findall(nodes.entry):
                    if len(cell.astext()) <= _SHORT:
                        cell["classes"].append("short")


def setup(application: Sphinx) -> dict[str, Any]:
    """As Sphinx calls it."""
    application.add_transform(Commands)
    application.add_transform(Lists)
    application.add_transform(Columns)
    application.add_lexer("command", Command)
    return {"parallel_read_safe": True}
