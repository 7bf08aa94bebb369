"""What instructions of x86-64 do, by their text in Intel's syntax."""

from __future__ import annotations

import re
from functools import lru_cache

from vmprof.inside.traits import Flow, Traits, Unit

_VECTORS = re.compile(r"\b([txyz])mm\d+")
_WIDTHS = {"x": 128, "y": 256, "z": 512, "t": 8192}
# One element: ss, sd, sh, of floating point. Names of operations on vectors of integers begin
# with p, and broadcasts fill a vector.
_SCALAR = re.compile(r"(?!v?p|v?broadcast).*s[sdh]$")
_TO_INTEGER = re.compile(r"v?cvtt?(s[sdh])2u?si$")
_ELEMENT = re.compile(r"v?(?:mov|p(?:extr|insr)|extract|insert)(ps|[bwdq])$")
_ELEMENT_WIDTHS = {
    "b": 8,
    "w": 16,
    "d": 32,
    "q": 64,
    "ps": 32,
    "ss": 32,
    "sd": 64,
    "sh": 16,
}
_FMA = re.compile(r"vfn?m(add|sub)|vfmaddsub|vfmsubadd|vpdp|vdp(bf16|ph)|tdp")
_LONG = re.compile(r"\br(?:[a-d]x|[sd]i|[sb]p|\d+)\b")
_NO_ACCESS = ("lea", "nop", "endbr", "prefetch", "clflush", "clwb")
# Their first operand is read alone, or nobody writes through it.
_READ_ALONE = re.compile(
    r"(cmp|test|bt|push|call|jmp|mul|div|imul|idiv|v?u?comis[sdh]|v?ptest|vtestp[sd]|fld|ldmxcsr)$"
)
# They write what was not read.
_WRITTEN_ALONE = re.compile(
    r"v?mov|set|pop$|v?p?extr|vextract|vcvtps2ph|vpscatter|vscatter|vcompress|vpcompress|vpmov"
    r"|stmxcsr|stos|rep stos|rep movs|kmov|vmaskmov|vpmaskmov|maskmov|v?lddqu$|fst|tilestore"
)
# Capstone writes small numbers without 0x.
_TARGET = re.compile(r"(0x[0-9a-f]+|\d)$")


@lru_cache(maxsize=1 << 16)
def traits(name: str, operands: str) -> Traits:
    """Of the instruction that capstone writes so."""
    unit, width = _computes_on(name, operands)
    load, store = _accesses(name, operands)
    flow, target = _goes_on(name, operands)
    is_fma = _FMA.match(name) is not None
    return Traits(unit, width, load, store, is_fma, flow, target)


def _computes_on(name: str, operands: str) -> tuple[Unit, int]:
    widths = [_WIDTHS[found] for found in _VECTORS.findall(operands)]
    if not widths:
        registers = re.sub(r"\[.*?\]", "", operands)
        return "general", 64 if _LONG.search(registers) else 32
    if element := _TO_INTEGER.match(name) or _ELEMENT.match(name):
        return "scalar", _ELEMENT_WIDTHS[element[1]]
    if _SCALAR.match(name):
        return "scalar", 64 if name.endswith("sd") else 16 if name.endswith("sh") else 32
    return "vector", max(widths)


def _accesses(name: str, operands: str) -> tuple[bool, bool]:
    """Whether it loads, and whether it stores."""
    if "[" not in operands or name.startswith(_NO_ACCESS):
        return False, False
    first, *others = re.split(r",(?![^\[]*\])", operands)
    in_others = any("[" in other for other in others)
    if "[" not in first:
        return in_others, False
    if _READ_ALONE.match(name):
        return True, False
    if _WRITTEN_ALONE.match(name):
        return in_others, True
    return True, True


def _goes_on(name: str, operands: str) -> tuple[Flow, int | None]:
    if name.startswith(("ret", "ud2", "hlt", "int3")):
        return "end", None
    if not name.startswith(("j", "loop")):
        return "next", None
    found = _TARGET.match(operands)
    if found is None:
        return "end", None  # through a register or a table
    return "jump" if name == "jmp" else "branch", int(found[1], 0)
