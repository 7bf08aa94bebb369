"""Lines, and names, for the bodies of parallel loops.

TVM makes a function of each, without a name that a library keeps and without the debug
information that LLVM needs to write lines for it, though its instructions have their
lines. Both are added to the finished module, as LLVM prints it. That changes nothing of the
code: it is optimized already, and LLVM makes machine code of it as before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import tvm

from vmprof.native_log import reason_of
from vmprof.owned import temporary_folder
from vmprof.program.program import EXECUTABLE_KIND

_LLVM = "llvm"
# How LLVM prints a module: https://llvm.org/docs/LangRef.html
_BODY = "__tvm_parallel_lambda"
_DEFINITION = re.compile(rf"define private (.*)@({_BODY}[.\d]*)\((?!.*!dbg)(.*) {{$")
_REFERENCE = re.compile(rf"@{_BODY}[.\d]*")
_VARIABLE = "#dbg_"
_AT = re.compile(r"!dbg !(\d+)")
_LOCATION = re.compile(r"!(\d+) = !DILocation\(line: (\d+),.* scope: !(\d+)")
_SUBPROGRAM = re.compile(r"!(\d+) = distinct !DISubprogram\(name: \"([\w.$-]+)\", (.*)\)$")
_VARIABLES = re.compile(r", retainedNodes: !\d+")
_NODE = re.compile(r"!(\d+) = ")


def name_bodies(module: Any) -> str:
    """Have the code of the executable ``module`` replaced by the same with lines and names.

    Nothing happens where it is not an executable and its code, or has no parallel loop; nor
    where LLVM does not take the result: why is what is returned then, else nothing.
    """
    code = module.imports[0] if len(module.imports) == 1 else None
    if module.kind != EXECUTABLE_KIND or code is None or code.kind != _LLVM or code.imports:
        return ""
    text = code.inspect_source("ll")
    if _BODY not in text:
        return ""
    with temporary_folder() as folder:
        path = folder / "module.ll"
        path.write_text(_Module(text).named(), encoding="utf-8")
        try:
            replaced = tvm.runtime.load_module(str(path))
        except Exception as error:  # noqa: BLE001 # TVM raises what it likes
            return reason_of(error)
    module.clear_imports()
    module.import_module(replaced)
    return ""


class _Module:
    """A module as text, in which each body gets a subprogram for its lines to be of."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._locations: dict[str, tuple[str, str]] = {}  # line and scope, by number
        self._subprograms: dict[str, tuple[str, str]] = {}  # name and the rest, by number
        self._last = 0
        for line in self._lines:
            if not line.startswith("!"):
                continue
            if node := _NODE.match(line):
                self._last = max(self._last, int(node[1]))
            if found := _LOCATION.match(line):
                self._locations[found[1]] = (found[2], found[3])
            elif found := _SUBPROGRAM.match(line):
                self._subprograms[found[1]] = (found[2], _VARIABLES.sub("", found[3]))
        self._names: dict[str, str] = {}
        self._numbers: Counter[str] = Counter()
        self._more: list[str] = []

    def named(self) -> str:
        lines = [*self._with_subprograms(), *self._more]
        text = "\n".join([*lines, ""])
        return _REFERENCE.sub(lambda found: f"@{self._names.get(found[0][1:], found[0][1:])}", text)

    def _with_subprograms(self) -> Iterator[str]:
        at = 0
        while at < len(self._lines):
            line = self._lines[at]
            found = _DEFINITION.match(line) if line.startswith("define") else None
            if found is None:
                yield line
                at += 1
                continue
            end = self._lines.index("}", at)
            yield from self._body(found, self._lines[at + 1 : end])
            at = end

    def _body(self, definition: re.Match[str], lines: list[str]) -> Iterator[str]:
        before, name, after = definition.groups()
        known = (self._locations.get(at) for at in _AT.findall("\n".join(lines)))
        scope = next((scope for _, scope in filter(None, known)), "")
        if scope not in self._subprograms:
            yield definition[0]
            yield from lines
            return
        kernel, rest = self._subprograms[scope]
        self._numbers[kernel] += 1
        self._names[name] = new = f"{kernel}parallel_{self._numbers[kernel]}"
        subprogram = self._add(f'distinct !DISubprogram(name: "{new}", {rest})')
        moved: dict[str, int] = {}

        def move(found: re.Match[str]) -> str:
            at = found[1]
            if at not in moved:
                line, _ = self._locations[at]
                moved[at] = self._add(f"!DILocation(line: {line}, column: 1, scope: !{subprogram})")
            return f"!dbg !{moved[at]}"

        # A symbol of its own, which is local to the library all the same.
        yield f"define internal {before}@{name}({after} !dbg !{subprogram} {{"
        for line in lines:
            if not line.lstrip().startswith(_VARIABLE):  # of the scope that it comes from
                yield _AT.sub(move, line)

    def _add(self, node: str) -> int:
        self._last += 1
        self._more.append(f"!{self._last} = {node}")
        return self._last
