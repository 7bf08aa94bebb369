"""Write ``vmprof/_native.pyi``, what a type checker knows of the native half, out of ``api.h``.

python native/make_stub.py [--check]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from pycparser import c_ast, c_parser

HEADER = Path(__file__).with_name("api.h")
STUB = HEADER.parents[1] / "vmprof" / "_native.pyi"

_INTEGERS = ("int32_t", "int64_t", "uint32_t", "uint64_t")
_HEAD = """\
# The cffi module that CMake builds: native/make_stub.py writes this out of native/api.h.

from collections.abc import Callable, Sequence
from typing import Any, Final

# What its methods give depends on C types that are named in text.
ffi: Any
lib: _Lib

# A pointer or an array. One to a structure is of that structure's class, as its fields are used so.
class CData:
    def __getitem__(self, index: Any, /) -> Any: ...
    def __setitem__(self, index: int, value: Any, /) -> None: ...
    def __add__(self, places: int, /) -> CData: ...
"""


def stub(header: str) -> str:
    """The text of the stub of ``header``: plain C declarations, comments and numeric macros."""
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    constants = re.findall(r"^#define (\w+)", code, re.MULTILINE)
    code = re.sub(r"^#.*$", "", code, flags=re.MULTILINE)
    known = "".join(f"typedef int {name};\n" for name in _INTEGERS)
    declared = c_parser.CParser().parse(known + code).ext[len(_INTEGERS) :]
    structures = [node for node in declared if isinstance(node, c_ast.Typedef)]
    members = [node for node in declared if isinstance(node, c_ast.Decl)]
    return "\n".join(
        [
            _HEAD,
            *(line for node in structures for line in _structure(node)),
            "class _Lib:",
            *(f"    {name}: Final[int]" for name in constants),
            *(line for node in members for line in _member(node)),
            "",
        ]
    )


def _structure(node: c_ast.Typedef) -> Iterator[str]:
    fields = node.type.type.decls or []
    yield f"class {node.name}(CData):{'' if fields else ' ...'}"
    yield from (f"    {field.name}: {_type(field.type)}" for field in fields)
    yield ""


def _member(node: c_ast.Decl) -> Iterator[str]:
    if not isinstance(node.type, c_ast.FuncDecl):
        yield f"    {node.name}: {_type(node.type)}"
        return
    taken = node.type.args.params if node.type.args else ()
    parameters = [
        "self",
        # That of f(void) has no name.
        *(f"{one.name}: {_type(one.type, is_taken=True)}" for one in taken if one.name),
        "/",
    ]
    result = _type(node.type.type)
    line = f"    def {node.name}({', '.join(parameters)}) -> {result}: ..."
    if len(line) <= 100:
        yield line
        return
    yield f"    def {node.name}("
    inside = f"        {', '.join(parameters)}"
    yield from [inside] if len(inside) <= 100 else [f"        {one}," for one in parameters[:-1]]
    if len(inside) > 100:
        yield "        /,"
    yield f"    ) -> {result}: ..."


def _type(node: c_ast.Node, *, is_taken: bool = False) -> str:
    """How Python sees a C type; ``is_taken``: as what cffi makes of an argument."""
    match node:
        case c_ast.TypeDecl(type=c_ast.IdentifierType(names=["void"])):
            return "None"
        case c_ast.TypeDecl(type=c_ast.IdentifierType(names=[name])):
            return name if name.startswith("vmprof_") else "int"
        case c_ast.TypeDecl():  # unsigned long and the like
            return "int"
        case c_ast.PtrDecl(type=c_ast.FuncDecl()):
            return "Callable[..., Any] | CData"
        case c_ast.PtrDecl(type=c_ast.TypeDecl(type=c_ast.IdentifierType(names=[name])) as to):
            if name.startswith("vmprof_"):
                return name
            is_text = name == "char" and "const" in to.quals
            return "bytes | CData" if is_taken and is_text else "CData"
        case c_ast.PtrDecl(type=c_ast.PtrDecl() as to) if is_taken:
            return f"Sequence[{_type(to)}] | CData"
    return "CData"


def main() -> int:
    """With --check the exit code says whether the stub is another one."""
    text = stub(HEADER.read_text(encoding="utf-8"))
    if "--check" in sys.argv[1:]:
        return int(STUB.read_text(encoding="utf-8") != text)
    STUB.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
