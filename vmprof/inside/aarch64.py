"""What instructions of aarch64 do: NEON and SVE among them."""

from __future__ import annotations

import re
from functools import lru_cache

from vmprof.inside.traits import SCALABLE, Flow, Traits, Unit

_BITS = {"b": 8, "h": 16, "s": 32, "d": 64, "q": 128}
_SCALABLE = re.compile(r"\bz\d+\b")
_LANES = re.compile(r"\bv\d+\.(\d+)([bhsdq])")
_WHOLE = re.compile(r"\bq\d+\b")
_ONE = re.compile(r"\b([bhsd])\d+\b|\bv\d+\.([bhsd])\[")
_FMA = re.compile(
    r"(b?f(n?m(add|sub)|ml[as]|n?mla|mad|msb|mmla|dot|cmla)|[su]dot|usdot|[su]?ml[as])"
)
_LOAD = re.compile(r"ld(?!g$)")
_STORE = re.compile(r"st(?!g$)")
_BOTH = re.compile(r"(ldadd|ldclr|ldset|ldeor|swp|cas)")
_CONDITIONAL = re.compile(r"(b\.|bc\.|cbn?z$|tbn?z$)")
# Capstone writes small numbers without 0x.
_TARGET = re.compile(r"#(0x[0-9a-f]+|\d)$")
_ENDS = ("ret", "br", "brk", "udf", "retaa", "retab", "braa", "eret")


@lru_cache(maxsize=1 << 16)
def traits(name: str, operands: str) -> Traits:
    """Of the instruction that capstone writes so."""
    unit, width = _computes_on(operands)
    both = _BOTH.match(name) is not None
    load, store = both or _LOAD.match(name) is not None, both or _STORE.match(name) is not None
    flow, target = _goes_on(name, operands)
    return Traits(unit, width, load, store, _FMA.match(name) is not None, flow, target)


def _computes_on(operands: str) -> tuple[Unit, int]:
    if _SCALABLE.search(operands):
        return "vector", SCALABLE
    widths = [int(lanes) * _BITS[element] for lanes, element in _LANES.findall(operands)]
    widths += [_BITS["q"]] * len(_WHOLE.findall(operands))
    if widths:
        return "vector", max(widths)
    elements = [_BITS[one or other] for one, other in _ONE.findall(operands)]
    if elements:
        return "scalar", max(elements)
    return "general", 64 if re.search(r"\bx\d+|\bsp\b", re.sub(r"\[.*?\]", "", operands)) else 32


def _goes_on(name: str, operands: str) -> tuple[Flow, int | None]:
    if name in _ENDS:
        return "end", None
    conditional = _CONDITIONAL.match(name) is not None
    if not conditional and name != "b":
        return "next", None
    found = _TARGET.search(operands)
    if found is None:
        return "end", None
    return "branch" if conditional else "jump", int(found[1], 0)
