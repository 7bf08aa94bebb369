"""What a sampled report's samples are of, as stacks.

Nobody walked a call stack: the frames above a function are those that vmprof knows of the moment,
the model, the VM function, the operator. So a kernel's helper stands beside the kernel's body,
below the operator that both worked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from vmprof.errors import VmprofError
from vmprof.report.facts import title_of
from vmprof.report.model import Report
from vmprof.report.render.stacks.frame import Frame, LineOf
from vmprof.report.render.stacks.lines import lines_of
from vmprof.sampling.model import IN_NO_CALL, Function, Library, Sampled
from vmprof.values import PATH, Row

_IN_NO_CALL = "(in no call)"
_MEANWHILE = Frame("(other threads, meanwhile)", "operator")


@dataclass(frozen=True)
class Stack:
    """``frames``, outermost first, in which ``thread`` had ``samples`` that weigh ``weight``.

    ``thread`` is as in a :class:`~vmprof.sampling.model.Hit`, and below 0 that of another pool.
    """

    frames: tuple[Frame, ...]
    thread: int
    samples: int
    weight: int


def sampled_of(report: Report) -> Sampled:
    """The samples of ``report``; :class:`VmprofError` if it has none."""
    if report.samples is None or not report.samples.hits:
        raise VmprofError(
            "the report has no samples; take some: vmprof run MODEL --sample --json FILE"
        )
    return report.samples


def stacks_of(report: Report, line_of: LineOf | None = None) -> list[Stack]:
    """One for all samples of the same frames and thread; the heaviest first.

    ``line_of`` knows lines; None is the code that is kept with ``report``. Raises
    :class:`VmprofError` if the report has no samples.
    """
    sampled = sampled_of(report)
    line_of = line_of or lines_of(report)
    root = Frame(title_of(report) or "run", "run")
    above = [(root, *_of_call(row)) for row in report.calls]
    outside = (root, Frame(_IN_NO_CALL, "operator"))
    samples: Counter[tuple[tuple[Frame, ...], int]] = Counter()
    weights: Counter[tuple[tuple[Frame, ...], int]] = Counter()
    own = ((hit, hit.thread, ()) for hit in sampled.hits)
    others = ((hit, -hit.thread, (_MEANWHILE,)) for hit in sampled.others)
    for hit, thread, whose in (*own, *others):
        function = sampled.functions[hit.function]
        library = sampled.libraries[function.library]
        outer = (*(above[hit.call] if hit.call != IN_NO_CALL else outside), *whose)
        line = line_of(library, function, hit.address)
        key = (*outer, _code(library, function), *([line] if line else ())), thread
        samples[key] += hit.samples
        weights[key] += hit.weight
    return [
        Stack(frames, thread, samples[frames, thread], weight)
        for (frames, thread), weight in weights.most_common()
    ]


def threads_of(stacks: Sequence[Stack]) -> list[tuple[str, list[Stack]]]:
    """The stacks of each thread, under its name."""
    found: dict[int, list[Stack]] = {}
    for stack in stacks:
        found.setdefault(stack.thread, []).append(stack)
    return [
        (_called(thread), found[thread])
        for thread in sorted(found, key=lambda number: (number < 0, abs(number)))
    ]


def _called(thread: int) -> str:
    if thread < 0:
        return f"other thread {-thread}"
    return f"worker {thread}" if thread else "calling thread"


def _of_call(row: Row) -> list[Frame]:
    path = row.get(PATH)
    functions = path.split(" > ") if isinstance(path, str) and path else []
    return [
        *(Frame(name, "function") for name in functions),
        Frame(str(row.get("Name", "")), "operator"),
    ]


def _code(library: Library, function: Function) -> Frame:
    file = PurePath(library.path).name
    return Frame(function.name or f"[{file}]", "code", library.path)
