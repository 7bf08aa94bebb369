"""What run.py kept, as Markdown: parts of performance.md and how-it-measures.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from figures import HEADER, Figure

from vmprof.compare.grid import markdown

Document = Mapping[str, Any]

# What how-it-measures.md quotes: benchmark, case, name.
QUOTED = (
    ("disturbance", "empty call", "added by the recorder"),
    ("disturbance", "empty call", "window"),
    ("disturbance", "mlp, --engine vmprof", "Total"),
    ("disturbance", "mlp, --engine tvm", "Total"),
    ("disturbance", "resnet18, --engine vmprof", "Total"),
    ("disturbance", "resnet18, --engine vmprof", "in no row"),
    ("disturbance", "resnet50, --engine vmprof", "Total"),
    ("disturbance", "densenet, --engine vmprof", "Total"),
    ("beside", "mlp", "instrument in Python"),
    ("reads", "task-clock,page-faults,context-switches", "vmprof over read()"),
    ("threads", "2 threads", "tasks add"),
)


def machine(document: Document) -> str:
    """The state of the machine, and what was measured at another time."""
    later: dict[str, list[str]] = {}
    for each in document["benchmarks"]:
        if "later" in each:
            later.setdefault(each["later"], []).append(each["name"])
    rows = [*document["machine"].items()]
    rows += [("Measured later", f"{', '.join(names)}: {when}") for when, names in later.items()]
    return markdown(["Machine", ""], [[*each] for each in rows])


def missed(document: Document) -> str:
    """How many goals there are, and a table of those that were missed."""
    found = [(name, figure) for name, figure in _figures(document) if figure.goal is not None]
    failed = [
        f"{each['name']} failed: {each['failed']}.\n"
        for each in document["benchmarks"]
        if each["failed"]
    ]
    lines = [[name, *_without_met(figure.cells())] for name, figure in found if figure.met is False]
    absent = sum(figure.met is None for _, figure in found)
    said = f"{len(found)} figures have a goal; {sum(f.met is True for _, f in found)} meet it"
    said += f", {len(lines)} do not" + (f", {absent} could not be measured" if absent else "")
    table = f"\n{markdown(['Benchmark', *_without_met(HEADER)], lines)}" if lines else ""
    return "".join([*failed, f"{said}.\n", table])


def models(document: Document) -> str:
    return _by_case(each for each in _of(document, "disturbance") if "--engine" in each.case)


def empty_call(document: Document) -> str:
    return _by_case(each for each in _of(document, "disturbance") if "--engine" not in each.case)


def beside(document: Document) -> str:
    """Turned: a line for each way, a column for each model."""
    return _pivot(_of(document, "beside"), lambda each: each.name, lambda each: each.case)


def dispatch(document: Document) -> str:
    return _by_case(_of(document, "dispatch"))


def counters(document: Document) -> str:
    return _by_case(each for each in _of(document, "growth") if "counter" in each.case)


def calls(document: Document) -> str:
    return _by_case(each for each in _of(document, "growth") if "calls" in each.case)


def threads(document: Document) -> str:
    return _by_case(_of(document, "threads"))


def constants(document: Document) -> str:
    return _by_case(_of(document, "load"))


def compiling(document: Document) -> str:
    return _by_case(_of(document, "compile"))


def start(document: Document) -> str:
    return _by_case(_of(document, "start"))


def sampling(document: Document) -> str:
    return _by_case(_of(document, "sampling"))


def annotating(document: Document) -> str:
    return _by_case(_of(document, "annotate"))


def bounds(document: Document) -> str:
    return _by_case(_of(document, "bounds"))


def starts(document: Document) -> str:
    """How much starts of one program differ."""
    return _by_case(each for each in _of(document, "significance") if not _is_rate(each))


def alarms(document: Document) -> str:
    """How often a comparison of starts is mistaken."""
    return _by_case(each for each in _of(document, "significance") if _is_rate(each))


def _is_rate(figure: Figure) -> bool:
    return " starts, " in figure.case


def fleets(document: Document) -> str:
    return _by_case(_of(document, "fleet"))


def figures(document: Document) -> str:
    """All of them, in one table."""
    lines = [[name, *figure.cells()] for name, figure in _figures(document)]
    return markdown(["Benchmark", *HEADER], lines, text_columns=2)


def quoted(document: Document) -> str:
    """What how-it-measures.md shows."""
    found = {(name, each.case, each.name): each for name, each in _figures(document)}
    lines = [found[key].cells() for key in QUOTED if key in found]
    return markdown(HEADER, lines)


def everything(document: Document) -> str:
    """A page by itself."""
    return "\n".join([machine(document), missed(document), figures(document)])


PARTS: Mapping[str, Callable[[Document], str]] = {
    part.__name__: part
    for part in (
        machine,
        missed,
        models,
        empty_call,
        beside,
        dispatch,
        counters,
        calls,
        threads,
        constants,
        compiling,
        start,
        sampling,
        annotating,
        bounds,
        starts,
        alarms,
        fleets,
        figures,
        quoted,
    )
}


def _figures(document: Document) -> Iterator[tuple[str, Figure]]:
    for benchmark in document["benchmarks"]:
        for figure in benchmark["figures"]:
            yield benchmark["name"], Figure(**figure)


def _of(document: Document, benchmark: str) -> list[Figure]:
    return [figure for name, figure in _figures(document) if name == benchmark]


def _by_case(found: Iterable[Figure]) -> str:
    return _pivot(found, lambda each: each.case, lambda each: each.name)


def _pivot(
    found: Iterable[Figure], line: Callable[[Figure], str], column: Callable[[Figure], str]
) -> str:
    """A table of values; bold is what misses its goal, which the head of a column says."""
    cells: dict[str, dict[str, str]] = {}
    goals: dict[str, set[str]] = {}
    for figure in found:
        shown = f"**{figure.shown()}**" if figure.met is False else figure.shown()
        cells.setdefault(line(figure), {})[column(figure)] = shown
        goals.setdefault(column(figure), set()).add(figure.wanted())
    header = [
        f"{name} ({', '.join(sorted(wanted - {''}))})" if wanted - {""} else name
        for name, wanted in goals.items()
    ]
    lines = [[case, *(of.get(name, "") for name in goals)] for case, of in cells.items()]
    return markdown(["", *header], lines) if lines else "Not measured in the last run.\n"


def _without_met(cells: Sequence[str]) -> list[str]:
    place = HEADER.index("Met")
    return [*cells[:place], *cells[place + 1 :]]
