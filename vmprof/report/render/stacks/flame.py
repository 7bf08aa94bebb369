"""A flame graph in a page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from vmprof.report.render.html import frame
from vmprof.report.render.stacks.frame import FrameKind
from vmprof.report.render.stacks.stacks import Stack, threads_of
from vmprof.sampling.model import Sampled

# A share of all samples below which a frame would be narrower than a pixel on any screen.
_LEAST_SHARE = 1 / 5000
_KINDS: dict[FrameKind, str] = {
    "run": "run",
    "invocation": "invocation",
    "function": "VM function",
    "operator": "operator",
    "code": "function of a library",
    "line": "line",
}


def render(stacks: Sequence[Stack], title: str, sampled: Sampled) -> str:
    """The page: a graph of all threads, and of each."""
    threads = threads_of(stacks)
    graphs = [("all threads", _tree(stacks)), *((name, _tree(of)) for name, of in threads)]
    if len(threads) == 1:
        del graphs[0]
    kinds = list(_KINDS)
    return frame.page(
        "flame.html",
        {
            "kinds": kinds,
            "labels": list(_KINDS.values()),
            "graphs": [{"name": name, "root": root} for name, root in graphs],
        },
        scripts=("flame.js",),
        styles=("style.css", "table.css", "flame.css"),
        package=__package__,
        title=title,
        sampled=sampled,
        total=sum(stack.samples for stack in stacks),
        names=[name for name, _ in graphs],
        kinds=list(_KINDS.items()),
    )


def _tree(stacks: Iterable[Stack]) -> dict[str, Any]:
    """Nodes: ``n`` a name, ``k`` the number of a kind, ``s`` samples, ``f`` a file, ``c`` nodes."""
    top = _node("", "run")
    for stack in stacks:
        node = top
        node["s"] += stack.samples
        for each in stack.frames:
            inner = node["c"].setdefault(each, _node(each.name, each.kind))
            if each.file:
                inner["f"] = f"{each.file}:{each.line}" if each.line else each.file
            inner["s"] += stack.samples
            node = inner
    # All have the same root.
    (root,) = top["c"].values()
    return _listed(root, top["s"] * _LEAST_SHARE)


def _node(name: str, kind: FrameKind) -> dict[str, Any]:
    return {"n": name, "k": [*_KINDS].index(kind), "s": 0, "c": {}}


def _listed(node: dict[str, Any], least: float) -> dict[str, Any]:
    """``node`` with its wide enough children as a list, the widest first."""
    inner = sorted(node["c"].values(), key=lambda each: -each["s"])
    return {**node, "c": [_listed(each, least) for each in inner if each["s"] >= least]}
