r"""What a page of Markdown shows: commands to type, files to write, examples, outputs.

Pages keep to these forms, which scripts and tests follow:

- An indented block is commands, as are fences of ``sh``. A comment (`` #``) is none, and ``\`` at
  the end goes on in the next line.
- A fence after a paragraph that ends with a name and a colon is that file: `` `model.py`: ``.
- Between ``<!-- NAME -->`` and ``<!-- end -->`` stands what a script has written.
- Whatever else is shown, such as outputs, stands in a fence that says what it is: ``text``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt

_SHELL = ("sh", "bash", "shell", "console")
_FILE = re.compile(r"`(?P<file>[\w./-]+)`:$")
_COMMENT = re.compile(r"(?:^|\s+)#(?: .*|$)")


@dataclass(frozen=True)
class Block:
    """``kind`` is ``sh`` for commands, else what the fence says; ``line`` is that of its first.

    ``file`` is the name of the file that it is the text of, if it is that of one, and ``made``
    whether a script has written it.
    """

    kind: str
    text: str
    line: int
    file: str | None
    made: bool

    @property
    def commands(self) -> list[str]:
        """Each as it is typed, without what is a comment; nothing if this is no block of them."""
        if self.kind != "sh" or self.made:
            return []
        lines = self.text.replace("\\\n", " ").splitlines()
        bare = (_COMMENT.sub("", line).strip() for line in lines)
        return [line for line in bare if line]


def blocks_of(page: str) -> Iterator[Block]:
    """Those of ``page``, from top to bottom."""
    made, before = False, ""
    for token in MarkdownIt("commonmark").parse(page):
        if token.type == "inline":
            before = token.content
        elif token.type == "html_block":
            for name in re.findall(r"<!-- (?:\w+: )?(\w+) -->", token.content):
                made = name != "end"
        elif token.type in ("fence", "code_block"):
            said = token.info.split()[0] if token.info else ""
            shell = token.type == "code_block" or said in _SHELL
            found = None if token.type == "code_block" else _FILE.search(before)
            assert token.map is not None
            yield Block(
                "sh" if shell else said,
                token.content,
                token.map[0] + 1,
                found["file"] if found else None,
                made,
            )
            before = ""
