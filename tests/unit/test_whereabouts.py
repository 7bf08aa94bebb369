"""What a thread was doing at a time: any nesting of calls, launches, tasks and activations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vmprof.runs.layout import Layout
from vmprof.runs.readings import record_dtype
from vmprof.runs.work import ACTIVATION_SITE, LAUNCH_SITE, RUN_SITE, TASK_SITE
from vmprof.sampling.whereabouts import OUTSIDE, Whereabouts

CALLER, WORKER = 7, 3


@dataclass
class Window:
    """A window with others inside; ``gaps`` are the times before, between and behind those."""

    kind: int
    gaps: list[int]
    inside: list[Window] = field(default_factory=list)
    begin: int = 0
    end: int = 0

    def place(self, begin: int) -> int:
        """From ``begin`` on; where it ends."""
        self.begin = begin
        for gap, window in zip(self.gaps, [*self.inside, None], strict=False):
            begin = begin + gap if window is None else window.place(begin + gap)
        self.end = begin
        return begin


@st.composite
def windows(draw: st.DrawFn, kind: int = RUN_SITE, depth: int = 3) -> Window:
    kinds = [0, ACTIVATION_SITE] if kind == 0 else [0]
    inside = [
        draw(windows(draw(st.sampled_from(kinds)), depth - 1))
        for _ in range(draw(st.integers(0, 3)) if depth else 0)
    ]
    gaps = [draw(st.integers(0, 4)) for _ in range(len(inside) + 1)]
    return Window(kind, gaps, inside)


def numbered(window: Window, parent: int = -1) -> Iterator[tuple[Window, int]]:
    """Each window, and the number of the one around it, as they begin."""
    count = 0

    def walk(window: Window, parent: int) -> Iterator[tuple[Window, int]]:
        nonlocal count
        own, count = count, count + 1
        yield window, parent
        for each in window.inside:
            yield from walk(each, own)

    yield from walk(window, parent)


def row_at(window: Window, time: int, rows: dict[int, int]) -> int:
    """The innermost call, or the run, that is open at ``time``; bytecode is the run's."""
    found = OUTSIDE

    def walk(window: Window, row: int) -> None:
        nonlocal found
        if not window.begin <= time < window.end:
            return
        own = 0 if window.kind == ACTIVATION_SITE else rows.get(id(window), row)
        found = own
        for each in window.inside:
            walk(each, own)

    walk(window, OUTSIDE)
    return found


@given(windows(), st.integers(0, 50))
def test_the_calling_thread_is_in_the_innermost_call(run: Window, begin: int) -> None:
    run.place(begin)
    flat = list(numbered(run))
    records = np.zeros(len(flat), dtype=record_dtype(Layout()))
    for record, (window, parent) in zip(records, flat, strict=True):
        record["site"], record["parent"] = window.kind, parent
        record["signature"] = CALLER if window.kind == RUN_SITE else 0
        record["begin_ns"], record["end_ns"] = window.begin, window.end
    is_row = [window for window, _ in flat if window.kind != ACTIVATION_SITE]
    rows = {id(window): number for number, window in enumerate(is_row)}
    times = np.arange(max(begin - 2, 0), run.end + 3)
    found = Whereabouts(records).rows(np.full(len(times), CALLER), times)
    assert found.tolist() == [row_at(run, time, rows) for time in times.tolist()]


def test_tasks_of_workers_are_the_calls_that_launched_them() -> None:
    rows = [
        (RUN_SITE, CALLER, -1, 0, 100),
        (4, 0, 0, 10, 60),
        (LAUNCH_SITE, CALLER, 1, 12, 50),
        (TASK_SITE, CALLER, 2, 14, 20),
        (TASK_SITE, WORKER, 2, 15, 40),
        (5, 0, 0, 70, 90),
        (LAUNCH_SITE, CALLER, 5, 72, 88),
        (TASK_SITE, WORKER, 6, 75, 80),
    ]
    records = np.zeros(len(rows), dtype=record_dtype(Layout()))
    for record, row in zip(records, rows, strict=True):
        for name, value in zip(
            ("site", "signature", "parent", "begin_ns", "end_ns"), row, strict=True
        ):
            record[name] = value
    whereabouts = Whereabouts(records)
    assert whereabouts.caller == CALLER

    def at(thread: int, *times: int) -> list[int]:
        found: list[int] = whereabouts.rows(np.full(len(times), thread), np.array(times)).tolist()
        return found

    assert at(CALLER, 0, 9, 10, 45, 59, 60, 75, 99) == [0, 0, 1, 1, 1, 0, 2, 0]
    assert at(WORKER, 10, 14, 15, 39, 40, 75, 79, 80) == [-1, -1, 1, 1, -1, 2, 2, -1]
    assert at(99, 15) == [OUTSIDE]


def test_several_runs_behind_one_another() -> None:
    records = np.zeros(4, dtype=record_dtype(Layout()))
    records["site"] = [RUN_SITE, 4, RUN_SITE, 4]
    records["signature"] = [CALLER, 0, CALLER, 0]
    records["parent"] = [-1, 0, -1, 2]
    records["begin_ns"], records["end_ns"] = [0, 2, 20, 22], [10, 8, 30, 28]
    times = np.array([1, 3, 9, 15, 21, 25, 29, 31])
    found = Whereabouts(records).rows(np.full(8, CALLER), times)
    assert found.tolist() == [0, 1, 0, OUTSIDE, 2, 3, 2, OUTSIDE]


def test_nothing_was_recorded() -> None:
    records = np.zeros(0, dtype=record_dtype(Layout()))
    assert Whereabouts(records).rows(np.array([1]), np.array([5])).tolist() == [OUTSIDE]
