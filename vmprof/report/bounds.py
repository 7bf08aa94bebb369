"""What bounds each operator, in a word, and the figures that say so.

A call cannot take less time than its operations need at the machine's peak, its data from
where they are, and its start. What needs at least half of the time that it took bounds it.
Where none of them does, counters may tell; where there are none, the word is *unknown*, and
the figures say what is ruled out. docs/reports.md has the rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from vmprof.report.aggregate import merge_calls, merge_key
from vmprof.report.columnwise import number
from vmprof.report.derive import derive_rows
from vmprof.report.kinds import calls_of, microseconds
from vmprof.report.model import Report
from vmprof.report.render.figures import short_count, short_time, three_digits
from vmprof.report.reuse import Data, Key, Reuse
from vmprof.report.roofs import LAUNCH, MEASURED, MEMORY, Level, Roofs
from vmprof.values import BYTES, FLOPS, TASKS, Count, Duration, Row

BOUND = "Bound"
COMPUTE, LATENCY, LAUNCHING, UNKNOWN = "compute", "latency", "launch", "unknown"

# What needs this part of the time bounds it.
_HALF = 0.5
# Peaks repeat within 3 %; what needs more time than there was is impossible.
TOLERANCE = 1.03
# Of processors that do four instructions in a cycle or more.
_WAITS, _IS_BUSY = 1.0, 2.0
_LINE = 64  # bytes that a miss brings, at least
# Peaks are of float32; processors do more operations on smaller elements.
_SMALLER = ("int8", "float16", "bfloat16", "float8", "float6", "float4", "int4", "int16")


@dataclass(frozen=True)
class Bound:
    """``word`` of an operator, ``because`` in a sentence, and the ``figures`` behind it.

    ``above`` is the unit of the rate that is above its roof, which ``because`` then tells;
    ``data_us`` is the least time that the data of a call need, where that is known.
    """

    word: str
    because: str
    figures: tuple[str, ...] = ()
    above: str = ""
    data_us: float | None = None


def bounds(report: Report) -> dict[Key, Bound]:
    """By what rows are merged by, what bounds each operator of ``report``."""
    judge = _Judge(report)
    return {merge_key(row): judge.bound(row) for row in judge.rows}


def explain(report: Report, row: Row) -> list[str]:
    """Why the operator of ``row``, merged or a call, has its word: the figures, line by line."""
    found = bounds(report).get(merge_key(row))
    if found is None:
        return [f"{UNKNOWN}: the report has no such operator"]
    return [f"{found.word}: {found.because}", *found.figures]


@dataclass(frozen=True)
class _Case:
    """A merged row: microseconds of a call, and what of them is needed at least, and at most."""

    row: Row
    us: float
    roofs: Roofs
    data: Data
    start_us: float
    reuse: Reuse
    measured: str  # when the peaks were, in words

    @cached_property
    def compute_us(self) -> float:
        return self._of_call(FLOPS) / self.roofs.gflops / 1e3

    @cached_property
    def parts(self) -> list[tuple[Level, float]]:
        """Bytes, and where they may come from at best: what is old, and the others."""
        old = self.roofs.nearest(max(self.reuse.least, self.data.whole))
        other = self.roofs.nearest(self.data.whole)
        if old == other:
            return [(other, self.data.whole)]
        return [(old, self.data.old), (other, self.data.whole - self.data.old)]

    @cached_property
    def data_us(self) -> float:
        """At best."""
        return sum(_us(size, level) for level, size in self.parts)

    @cached_property
    def level(self) -> Level:
        """That which most of that time is of."""
        return max(self.parts, key=lambda part: _us(part[1], part[0]))[0]

    @cached_property
    def farthest(self) -> Level:
        """That which all of it comes from at worst: in the time that there was."""
        levels = list(self.roofs.levels)
        worst = self.roofs.farthest(self.reuse.most)
        possible = [
            level
            for level in levels[: levels.index(worst) + 1]
            if _us(self.data.whole, level) <= TOLERANCE * self.us
        ]
        return possible[-1] if possible else self.level

    @cached_property
    def worst_us(self) -> float:
        return max(_us(self.data.whole, self.farthest), self.data_us)

    def _of_call(self, column: str) -> float:
        return (number(self.row.get(column)) or 0.0) / calls_of(self.row)


class _Judge:
    """What of a report is needed for all of its operators."""

    def __init__(self, report: Report) -> None:
        self._facts = report.configuration
        self.rows = derive_rows(merge_calls(report.calls), report.derived)
        self._roofs = Roofs.of(self._facts)
        self._of_one = Roofs.of(self._facts, one_thread=True)
        self._reuse = Reuse.of(report)
        self._is_cold = str(self._facts.get("Measured runs", "")).startswith("cold")
        self._parallel = {merge_key(call) for call in report.calls if _is_parallel(call)}
        self._tells_launches = bool(self._parallel)

    def bound(self, row: Row) -> Bound:
        us = microseconds(row) / calls_of(row)
        if us <= 0:
            return Bound(UNKNOWN, "it has no time")
        start, started = self._start(row)
        if start >= _HALF * us:
            return Bound(
                LAUNCHING, f"starting it takes {_share(start, us)} of its time", (started,)
            )
        if FLOPS not in row and BYTES not in row:
            return Bound(UNKNOWN, "its operations and bytes are not known", (started,))
        if not str(row.get("Device", "cpu")).startswith("cpu"):
            return Bound(UNKNOWN, "the peaks are the processor's, and it ran elsewhere")
        roofs, of_one = self._roofs_of(row)
        if roofs is None:
            why = "of one thread, on which alone it runs, " if of_one else ""
            return Bound(
                UNKNOWN,
                f"the report has no peaks {why}to compare with; measure them: vmprof peaks",
                (started,),
            )
        reuse = Reuse({}, self._reuse.least, float("inf")) if self._is_cold else self._reuse
        data = self._reuse.data.get(merge_key(row), Data(0.0, 0.0))
        measured = self._facts.get(MEASURED)
        case = _Case(row, us, roofs, data, start, reuse, f" ({measured})" if measured else "")
        figures = [*_figures(case), started, *_counted(row)]
        if of_one:
            figures.append("threads: it runs on one, and so do the peaks that it is compared with")
        return _judged(case, figures)

    def _roofs_of(self, row: Row) -> tuple[Roofs | None, bool]:
        """The roofs for it; and whether they are of one thread, as it launches nothing."""
        threads = self._facts.get("Number of threads")
        several = isinstance(threads, Count) and threads.value > 1
        if several and self._tells_launches and merge_key(row) not in self._parallel:
            return self._of_one, True
        return self._roofs, False

    def _start(self, row: Row) -> tuple[float, str]:
        """Microseconds of an empty call, and of a launch if it makes one; the same in words."""
        empty, launch = (
            value.microseconds if isinstance(value, Duration) else 0.0
            for value in (self._facts.get("Empty call (us)"), self._facts.get(LAUNCH))
        )
        text = f"start: an empty call takes {short_time(empty)}"
        if merge_key(row) in self._parallel and launch:
            return empty + launch, f"{text}, handing work to the threads {short_time(launch)}"
        return empty, text


def _judged(case: _Case, figures: list[str]) -> Bound:
    us, row = case.us, case.row
    described = tuple(figures)
    known_us = case.data_us if BYTES in row else None
    if case.compute_us > TOLERANCE * us:
        told = _too_low(case, "GFLOP/s", case.roofs.gflops)
        return Bound(UNKNOWN, told, described, "GFLOP/s", known_us)
    if case.data_us > TOLERANCE * us:
        told = _too_low(case, "GB/s", case.level.bandwidth, f" of {case.level.name}")
        return Bound(UNKNOWN, told, described, "GB/s")
    word, because = _word(case)
    return Bound(word, because, described, data_us=known_us)


def _word(case: _Case) -> tuple[str, str]:
    us, name = case.us, case.level.name
    if max(case.compute_us, case.data_us) >= _HALF * us:
        if case.compute_us >= case.data_us:
            share = _share(case.compute_us, us)
            return COMPUTE, f"its operations need {share} of its time at the machine's peak"
        return name, f"its data need {_share(case.data_us, us)} of its time at the peak of {name}"
    if found := _by_counters(case):
        return found
    if case.worst_us >= _HALF * us:
        far = case.farthest.name
        return UNKNOWN, (
            f"its data need {_share(case.data_us, us)} of its time if they are as near as they "
            f"can be, and {_share(case.worst_us, us)} if all come from {far}; which, only counters "
            "tell: --counters cache"
        )
    return UNKNOWN, (
        f"neither its operations ({_share(case.compute_us, us)}), its data "
        f"({_share(case.worst_us, us)} at most) nor its start ({_share(case.start_us, us)}) need "
        "half of its time; what it waits for, only counters tell: --counters stalls"
    )


def _by_counters(case: _Case) -> tuple[str, str] | None:
    """What counters say, where neither operations nor data explain the time."""
    row = case.row
    misses, stalled, ipc = (
        number(row.get(column))
        for column in ("perf::CACHE-MISSES", "Stalled in backend (%)", "IPC")
    )
    if misses is not None:
        moved = _us(_LINE * misses / calls_of(row), case.roofs.levels[-1])
        if moved >= _HALF * case.us:
            return MEMORY, f"what its misses bring needs {_share(moved, case.us)} of its time"
    if stalled is not None and stalled >= 100 * _HALF:
        return LATENCY, f"it is stalled in the backend for {three_digits(stalled)} % of its cycles"
    if ipc is not None and ipc < _WAITS:
        return LATENCY, f"it does {three_digits(ipc)} instructions in a cycle: it waits for results"
    if ipc is not None and ipc >= _IS_BUSY:
        return COMPUTE, (
            f"it does {three_digits(ipc)} instructions in a cycle, most of them other than the "
            "operations that are counted"
        )
    return None


def _figures(case: _Case) -> Iterator[str]:
    """What operations and data need, of the time of a call."""
    us, row, calls = case.us, case.row, calls_of(case.row)
    yield f"time: {short_time(us)}" + (f" a call, {calls:,} calls" if calls > 1 else "")
    match row.get(FLOPS):
        case Count(flops):
            rate = three_digits(flops / calls / us / 1e3)
            yield (
                f"operations: {short_count(flops / calls)}, {rate} GFLOP/s; at the peak, "
                f"{three_digits(case.roofs.gflops)}, they need {_share(case.compute_us, us)} of "
                "its time"
            )
    if BYTES not in row:
        return
    parts = [
        f"{short_count(size)} bytes from {level.name} at {three_digits(level.bandwidth)} GB/s"
        for level, size in case.parts
        if size
    ]
    yield (
        f"data: {' and '.join(parts) or 'none'} need {_share(case.data_us, us)} of its time at "
        f"best; all from {case.farthest.name}, {_share(case.worst_us, us)}"
    )
    if case.data.old:
        yield (
            f"reuse: {short_count(case.data.old)} bytes of it were last used a run ago, and "
            f"{_touched(case.reuse)} are touched meanwhile"
        )


def _touched(reuse: Reuse) -> str:
    least = short_count(reuse.least)
    if reuse.most == float("inf"):
        return f"at least {least} bytes"
    return f"{least} to {short_count(reuse.most)} bytes"


def _counted(row: Row) -> Iterator[str]:
    """Columns that tell more, if the report has them."""
    for column in ("IPC", "Misses per 1000 instructions", "Stalled in backend (%)", "CPUs used"):
        value = number(row.get(column))
        if value is not None:
            yield f"{column}: {three_digits(value)}"


def _too_low(case: _Case, unit: str, peak: float, of: str = "") -> str:
    row, shapes = case.row, str(case.row.get("Argument Shapes", ""))
    rate = number(row.get(unit))
    attained = "more" if rate is None else three_digits(rate)
    smaller = next((name for name in _SMALLER if name in shapes), None)
    if unit == "GFLOP/s" and smaller is not None:
        return (
            f"the roof, {three_digits(peak)} {unit}, is of float32; {row.get('Name')}, which works "
            f"on {smaller}, attained {attained}"
        )
    return (
        f"the roof is too low: measured {three_digits(peak)} {unit}{of}{case.measured}, "
        f"{row.get('Name')} attained {attained}; measure again with vmprof peaks"
    )


def _is_parallel(call: Row) -> bool:
    tasks = call.get("Tasks")
    return TASKS in call or (isinstance(tasks, Count) and tasks.value > 0)


def _us(size: float, level: Level) -> float:
    return size / level.bandwidth / 1e3


def _share(part: float, us: float) -> str:
    return f"{three_digits(100 * part / us)} %"
