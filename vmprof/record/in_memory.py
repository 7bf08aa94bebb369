"""What modules that TVM compiled in memory say of their functions."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import tvm_ffi

from vmprof.sampling.compiled import Definition, Described
from vmprof.sampling.memory import own_memory, read

_KIND = "llvm"
_PREFIX = "__tvm_ffi_"
# In the text of LLVM, which may put a name in quotation marks.
_NAME = r'@(?:"((?:[^"\\]|\\.)*)"|([\w.$-]+))'
_DEFINED = re.compile(rf"^define .*?{_NAME}\(")
_NAMED = re.compile(_NAME)
_LAMBDA = "__tvm_parallel_lambda"  # what TVM calls the body of a parallel loop
# Words of a function of tvm-ffi's that may be what it holds.
_WORDS = 16


class ModulesInMemory:
    """Of the modules that are added, and what they import, those that were compiled in memory."""

    def __init__(self, *modules: tvm_ffi.Module) -> None:
        self._not_asked: dict[int, tvm_ffi.Module] = {}  # by handle
        self._described: list[Described] = []
        for module in modules:
            self.add(module)

    def add(self, module: tvm_ffi.Module) -> None:
        for each in _with_imports(module):
            if each.kind == _KIND:
                self._not_asked.setdefault(each.__chandle__(), each)

    def described(self) -> Sequence[Described]:
        """What they say, the newest first: it may lie where an older one was that is gone."""
        for module in self._not_asked.values():
            self._described.insert(0, _described(module))
        self._not_asked.clear()
        return self._described


def _with_imports(module: tvm_ffi.Module) -> Iterator[tvm_ffi.Module]:
    yield module
    for each in module.imports:
        yield from _with_imports(each)


def _described(module: tvm_ffi.Module) -> Described:
    definitions = tuple(_definitions(str(module.inspect_source("ll")).splitlines()))
    addresses = {}
    for definition in definitions:
        if definition.name.startswith(_PREFIX):
            address = _address(module, definition.name.removeprefix(_PREFIX))
            if address is not None:
                addresses[definition.name] = address
    return Described(definitions, addresses)


def _definitions(lines: Iterable[str]) -> Iterator[Definition]:
    """The functions in the text of a module, which LLVM prints in their order."""
    name, names = "", set[str]()
    for line in lines:
        begins = _DEFINED.match(line)
        if begins is not None:
            name, names = begins[1] or begins[2], set()
        elif line == "}" and name:
            yield Definition(name, frozenset(names - {name}), name.startswith(_LAMBDA))
            name = ""
        elif name:
            names.update(quoted or plain for quoted, plain in _NAMED.findall(line))


def _address(module: tvm_ffi.Module, name: str) -> int | None:
    """Where the code of the function ``name`` of ``module`` begins.

    TVM gives a function that calls it: an object that holds that address, and behind it the
    module. Nobody tells where in the object; the table for unwinding has to have the address too.
    """
    try:
        function = module.get_function(name)
        with own_memory() as memory:
            begin = function.__chandle__()
            content = read(memory, begin, begin + 8 * _WORDS)
    except (AttributeError, OSError):
        return None
    words = struct.unpack(f"={len(content) // 8}Q", content[: len(content) // 8 * 8])
    handle = module.__chandle__()
    return next((code for code, held in pairwise(words) if held == handle), None)
