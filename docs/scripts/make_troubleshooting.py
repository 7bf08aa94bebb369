"""Writes troubleshooting.md: every message of vmprof's code, and what to do about it.

    python docs/scripts/make_troubleshooting.py

Messages are read from the code: the text of every error and warning that is made there, in
Python and in C, and every sentence of the modules that say why something cannot be counted.
What stands behind the first semicolon of a message is what to do. Where nothing does, or more
is to be said, it is in troubleshooting.toml, by the message (as the page has it), by how it
begins, or by the class of the error. What is missing is printed, ready to be pasted there.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
PAGE = DOCS / "reference/troubleshooting.md"
REMEDIES = Path(__file__).with_name("troubleshooting.toml")

# Modules whose sentences are reasons for what is missing.
REASONS = ("permissions.py", "errata.py", "trust.py")
# Errors of the program itself, not of its user.
DEFECTS = ("AssertionError", "AttributeError", "MemoryError")
# Functions that make an error of a reason, and what they put before it.
HELPERS = {"_failure": "cannot write …: ", "fail": "function … is corrupt: "}
# Folders below vmprof/ and native/, as chapters of the page, in this order.
CHAPTERS = {
    "cli": "The command line, and files that it writes",
    "notebook": "Notebooks",
    "remote": "Other hosts",
    "": "Models, inputs and measuring",
    "subject": "Models, inputs and measuring",
    "inputs": "Models, inputs and measuring",
    "drivers": "Models, inputs and measuring",
    "record": "Models, inputs and measuring",
    "recording": "Recordings of programs",
    "program": "Executables",
    "vm": "Running a model",
    "counters": "Counters",
    "report": "Reports",
    "compare": "Saved reports, and comparing them",
}
OTHERS = "Compiling, and the machine's peaks"

HEAD = """\
# Messages, and what to do about them

Every message of vmprof's that asks something of you, by where it comes from; "…" stands for a
name or a number. It is one line on stderr, and the exit code is 1 (2 where the options are
wrong); `--debug` shows where in vmprof it came up. What vmprof could not count is listed below
the table of a report with its reason; `vmprof doctor` looks for the same reasons beforehand.

This page is made from the code by docs/scripts/make_troubleshooting.py.
"""


@dataclass(frozen=True)
class Message:
    """``text`` with … for what differs, the ``kind`` of error, and the ``chapter`` it is in."""

    text: str
    kind: str
    chapter: str

    @property
    def problem(self) -> str:
        return self.text.partition("; ")[0]

    @property
    def own_remedy(self) -> str | None:
        remedy = self.text.partition("; ")[2]
        return remedy if re.search("[A-Za-z]{2}", remedy) else None


def messages(root: Path = ROOT) -> list[Message]:
    """All of them, each once, in the order of chapters and files."""
    found: dict[Message, None] = {}
    for path in sorted((root / "vmprof").rglob("*.py")):
        parts = path.relative_to(root / "vmprof").parts
        chapter = CHAPTERS.get(parts[0] if len(parts) > 1 else "", OTHERS)
        for kind, text in _in_python(path):
            found[Message(text, kind, chapter)] = None
    for path in sorted((root / "native").glob("*.c")):
        for text in _in_c(path.read_text()):
            found[Message(text, "native", CHAPTERS[""])] = None
    order = [*dict.fromkeys(CHAPTERS.values()), OTHERS]
    return sorted(found, key=lambda message: order.index(message.chapter))


def _in_python(path: Path) -> Iterator[tuple[str, str]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.name in REASONS:
        for text in _sentences(tree):
            yield "reason", text
    for node, said in _calls(tree, {}):
        kind = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        kind = node.func.id if isinstance(node.func, ast.Name) else kind
        # Where the command line has words of its own, those.
        words = [each.value for each in node.keywords if each.arg == "command_line"]
        text = HELPERS.get(kind, "") + _template([*words, node.args[0]][0], said)
        if kind in ("warn", "_warn"):
            kind = "warning"
        elif kind not in HELPERS and (not kind.endswith("Error") or kind in DEFECTS):
            continue
        # Fewer words are a name, or the message of another error that is passed on.
        if len(re.findall(r"[A-Za-z]{2,}", text)) > 1:
            yield kind, text


def _calls(tree: ast.AST, said: Mapping[str, str]) -> Iterator[tuple[ast.Call, Mapping[str, str]]]:
    """Every call with arguments, and what the strings are called that its function gave names."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and node.args:
            yield node, said
        inside = said
        if isinstance(node, ast.FunctionDef):
            inside = {
                each.targets[0].id: _template(each.value)
                for each in ast.walk(node)
                if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)
            }
        yield from _calls(node, inside)


def _sentences(tree: ast.AST) -> Iterator[str]:
    """The strings of a module that are prose, whole, and no docstrings."""
    if isinstance(tree, ast.Expr) and isinstance(tree.value, ast.Constant):
        return
    if isinstance(tree, ast.Constant | ast.JoinedStr):
        text = _template(tree)
        if len(text.split()) > 3 and text[0] not in "<{":
            yield text
        return
    for node in ast.iter_child_nodes(tree):
        yield from _sentences(node)


def _template(node: ast.expr, said: Mapping[str, str] | None = None) -> str:
    """The text that ``node`` makes, with … for what is not known before; ``said`` has names."""
    match node:
        case ast.Constant(str(text)):
            return text
        case ast.Name(name) | ast.FormattedValue(ast.Name(name)):
            return (said or {}).get(name, "…")
        case ast.JoinedStr(parts):
            return re.sub("…+", "…", "".join(_template(part, said) for part in parts))
        case ast.BinOp(left, ast.Add(), right):
            return re.sub("…+", "…", _template(left, said) + _template(right, said))
    return "…"


def _in_c(source: str) -> Iterator[str]:
    """What is raised through TVM's calling convention: literals behind the name of the class."""
    # `fail` of native/code.c does nothing else.
    raising = r"(?:TVMFFIErrorSetRaisedFromCStr|\bfail)\((\s*\".*?)\);"
    for call in re.findall(raising, source, re.DOTALL):
        without_comments = re.sub(r"/\*.*?\*/", "", call, flags=re.DOTALL)
        kind, *parts = re.findall(r'"(?:[^"\\]|\\.)*"', without_comments)
        if ast.literal_eval(kind) not in DEFECTS:
            yield "".join(map(ast.literal_eval, parts))


class Remedies:
    """The table troubleshooting.toml; knows which of its entries nobody needed."""

    def __init__(self, table: Mapping[str, Mapping[str, str]]) -> None:
        self._table = table
        self._used: set[tuple[str, str]] = set()

    def of(self, message: Message) -> str | None:
        """What to do about ``message``; None if nothing is said of it."""
        beginnings = (key for key in self._table["beginnings"] if message.text.startswith(key))
        for part, key in (
            ("messages", message.text),
            ("beginnings", max(beginnings, key=len, default="")),
            ("classes", message.kind),
        ):
            if remedy := self._table[part].get(key):
                self._used.add((part, key))
                return remedy
            if part == "messages" and message.own_remedy:
                return message.own_remedy
        return None

    def unused(self) -> list[str]:
        entries = [(part, key) for part, keys in self._table.items() for key in keys]
        return [f"[{part}] {key}" for part, key in entries if (part, key) not in self._used]


def make(found: Sequence[Message], remedies: Remedies) -> str:
    """The page. Raises ValueError with what is missing in the table, and what is too much."""
    chapters: dict[str, list[str]] = defaultdict(list)
    missing = []
    for message in found:
        remedy = remedies.of(message)
        if remedy is None:
            missing.append(message.text)
        row = f"| {_cell(message.problem)} | {_cell(remedy or '')} |"
        if row not in chapters[message.chapter]:
            chapters[message.chapter].append(row)
    lines = [f'"{_escaped(text)}" = ""' for text in missing]
    if lines:
        raise ValueError("\n".join(["What to do? Fill in, below [messages]:", *lines]))
    if unused := remedies.unused():
        raise ValueError("\n".join(["No message needs these any more:", *unused]))
    parts = [HEAD]
    for chapter, rows in chapters.items():
        parts.append(f"\n## {chapter}\n\n| Message | What to do |\n|---|---|\n")
        parts += [f"{row}\n" for row in rows]
    return "".join(parts)


def _cell(text: str) -> str:
    return re.sub(r"([\\|<>*_#\[\]])", r"\\\1", " ".join(text.split()))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def load_remedies() -> Remedies:
    return Remedies(tomllib.loads(REMEDIES.read_text(encoding="utf-8")))


def main() -> int:
    try:
        page = make(messages(), load_remedies())
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
