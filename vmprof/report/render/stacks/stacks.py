"""What a sampled report's samples are of, as stacks.

Nobody walked a call stack: the frames above a function are those that vmprof knows of the moment,
the model, the VM function, the operator. So a kernel's helper stands beside the kernel's body,
below the operator that both worked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import NamedTuple

from vmprof.errors import VmprofError
from vmprof.report.facts import title_of
from vmprof.report.model import Report
from vmprof.report.render.stacks.frame import Frame, LineOf
from vmprof.report.render.stacks.lines import lines_of
from vmprof.sampling.model import IN_NO_CALL, Function, Hit, Library, Sampled
from vmprof.values import PATH, Row

IN_NO_OPERATOR = Frame("(in no call)", "operator")
_MEANWHILE = Frame("(other threads, meanwhile)", "operator")


class Thread(NamedTuple):
    """``number`` is its place among the others: those that call, TVM's workers, then others."""

    number: int
    name: str


@dataclass(frozen=True)
class Stack:
    """``frames``, outermost first, in which ``thread`` had ``samples`` that weigh ``weight``."""

    frames: tuple[Frame, ...]
    thread: Thread
    samples: int
    weight: int

    @classmethod
    def sums(cls, parts: Iterable[Stack]) -> list[Stack]:
        """One for all of ``parts`` of the same frames and thread; the heaviest first."""
        samples: Counter[tuple[tuple[Frame, ...], Thread]] = Counter()
        weights: Counter[tuple[tuple[Frame, ...], Thread]] = Counter()
        for part in parts:
            samples[part.frames, part.thread] += part.samples
            weights[part.frames, part.thread] += part.weight
        return [
            cls(frames, thread, samples[frames, thread], weight)
            for (frames, thread), weight in weights.most_common()
        ]


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
    line_of = line_of or lines_of(report.code)
    root = Frame(title_of(report) or "run", "run")
    above = [(root, *_of_call(row)) for row in report.calls]
    outside = (root, IN_NO_OPERATOR)
    workers = max((hit.thread for hit in sampled.hits), default=0)

    def stack(hit: Hit, thread: Thread, *whose: Frame) -> Stack:
        function = sampled.functions[hit.function]
        frames = (
            *(above[hit.call] if hit.call != IN_NO_CALL else outside),
            *whose,
            *code_of(sampled.libraries, function, hit.address, line_of),
        )
        return Stack(frames, thread, hit.samples, hit.weight)

    def own(number: int) -> Thread:
        return Thread(number, f"worker {number}" if number else "calling thread")

    def other(number: int) -> Thread:
        return Thread(workers + number, f"other thread {number}")

    return Stack.sums(
        [
            *(stack(hit, own(hit.thread)) for hit in sampled.hits),
            *(stack(hit, other(hit.thread), _MEANWHILE) for hit in sampled.others),
        ]
    )


def code_of(
    libraries: Sequence[Library], function: Function, address: int, line_of: LineOf
) -> list[Frame]:
    """The innermost frames: a function of one of ``libraries``, and a line where it is known."""
    library = libraries[function.library]
    file = PurePath(library.path).name
    line = line_of(library, function, address)
    # What is no file has its brackets already.
    unnamed = file if library.path.startswith("[") else f"[{file}]"
    code = Frame(function.name or unnamed, "code", library.path)
    return [code, line] if line else [code]


def threads_of(stacks: Sequence[Stack]) -> list[tuple[str, list[Stack]]]:
    """The stacks of each thread, under its name."""
    found: dict[Thread, list[Stack]] = {}
    for stack in stacks:
        found.setdefault(stack.thread, []).append(stack)
    return [(thread.name, found[thread]) for thread in sorted(found)]


def _of_call(row: Row) -> list[Frame]:
    path = row.get(PATH)
    functions = path.split(" > ") if isinstance(path, str) and path else []
    return [
        *(Frame(name, "function") for name in functions),
        Frame(str(row.get("Name", "")), "operator"),
    ]
