"""What bounds each operator, in a word, and the figures that say so.

A call cannot take less time than its operations need at the machine's peak, its data from
where they are, and its start. What needs at least half of the time that it took bounds it.
Where none of them does, counters may tell; where there are none, the word is *unknown*, and
the figures say what is ruled out. docs/reference/reports.md has the rules.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from vmprof.report.aggregate import merge_calls, merge_key
from vmprof.report.columnwise import number
from vmprof.report.derive import derive_rows
from vmprof.report.model import Report
from vmprof.report.needs import TOLERANCE, Needs, fastest_us, figures, number_of_calls, share, us_of
from vmprof.report.render.figures import short_time, three_digits
from vmprof.report.reuse import Data, Key, Reuse
from vmprof.report.roofs import LAUNCH, MEASURED, MEMORY, Roofs
from vmprof.values import BYTES, FLOPS, TASKS, Count, Duration, Row

# The column, and what is in it besides the names of caches and memory.
BOUND = "Bound"
COMPUTE, LATENCY, LAUNCHING, UNKNOWN = "compute", "latency", "launch", "unknown"

# What needs this part of the time bounds it.
_HALF = 0.5
# Instructions in a cycle, of processors that can do four or more.
_WAITS, _IS_BUSY = 1.0, 2.0
_LINE = 64  # bytes that a miss brings, at least
# Peaks are of float32; processors do more operations on smaller elements.
_SMALLER = ("int8", "int16", "int4", "bfloat16", "float16", "float8", "float6", "float4")


@dataclass(frozen=True)
class Bound:
    """``word`` of an operator, ``because`` in a sentence, and the ``figures`` behind it.

    ``above`` is the unit of the rate that is above its roof, of which ``because`` then tells;
    ``data_us`` is the least time that the data of a call need, and ``needs_us`` the least that
    its operations and data do, where that is known. ``us`` has microseconds of a mean call: its
    ``time`` at best, and what ``start``, ``operations`` and ``data`` need of it;
    ``data_at_worst`` if they are as far as they can be.
    """

    word: str
    because: str
    figures: tuple[str, ...] = ()
    above: str = ""
    data_us: float | None = None
    needs_us: float | None = None
    us: Mapping[str, float] = field(default_factory=dict)


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


class _Judge:
    """What of a report is needed for all of its operators; ``rows`` are these."""

    def __init__(self, report: Report) -> None:
        self._facts = report.configuration
        self.rows = derive_rows(merge_calls(report.calls), report.derived)
        self._roofs = Roofs.of(self._facts)
        self._of_one = Roofs.of(self._facts, one_thread=True)
        self._reuse = Reuse.of(report)
        if str(self._facts.get("Measured runs", "")).startswith("cold"):
            self._reuse = replace(self._reuse, most=math.inf)
        self._parallel = {merge_key(call) for call in report.calls if _is_parallel(call)}

    def bound(self, row: Row) -> Bound:
        us = fastest_us(row)
        if us <= 0:
            return Bound(UNKNOWN, "it has no time")
        if row.get("Count") == Count(0):
            return Bound(UNKNOWN, "most invocations do not call it: there is no mean call")
        start_us, started = self._start(row)
        needs, unknown = self._needs(row, us, start_us)
        told = (*(figures(needs) if needs else ()), started, *self._more(row))
        error = None if needs is None else self._above(needs)
        if error is not None:
            return replace(error, figures=told, us=_numbers(us, start_us, needs))
        data_us = needs.data_us if needs is not None and BYTES in row else None
        if start_us >= _HALF * us:
            word, because = LAUNCHING, f"its start needs {share(start_us, us)} of its time"
        elif needs is None:
            word, because = UNKNOWN, unknown
        else:
            word, because = _by_peaks(needs) or _by_counters(needs) or _not_known(needs)
        needs_us = None if needs is None else max(needs.compute_us, needs.data_us)
        numbers = _numbers(us, start_us, needs)
        return Bound(word, because, told, data_us=data_us, needs_us=needs_us, us=numbers)

    def _needs(self, row: Row, us: float, start_us: float) -> tuple[Needs | None, str]:
        """What it needs; else why that is not known."""
        if FLOPS not in row and BYTES not in row:
            return None, "its operations and bytes are not known"
        if not str(row.get("Device", "cpu")).startswith("cpu"):
            return None, "the peaks are the processor's, and it ran elsewhere"
        is_serial = self._is_serial(row)
        roofs = self._of_one if is_serial else self._roofs
        if roofs is None:
            of_one = "of one thread, on which alone it runs, " if is_serial else ""
            return None, (
                f"the report has no peaks {of_one}to compare with; measure them: vmprof peaks"
            )
        data = self._reuse.data.get(merge_key(row), Data(0.0, 0.0))
        return Needs(row, us, start_us, roofs, data, self._reuse), ""

    def _is_serial(self, row: Row) -> bool:
        """Whether it runs on one thread of several: others launch tasks, and it does not."""
        threads = self._facts.get("Number of threads")
        several = isinstance(threads, Count) and threads.value > 1
        return several and bool(self._parallel) and merge_key(row) not in self._parallel

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

    def _above(self, needs: Needs) -> Bound | None:
        """That it was faster than a roof allows, which then is none."""
        level = needs.level
        for unit, needed, peak, of in (
            ("GFLOP/s", needs.compute_us, needs.roofs.gflops, ""),
            ("GB/s", needs.data_us, level.bandwidth, f" of {level.name}"),
        ):
            if needed > TOLERANCE * needs.us:
                known_us = needs.data_us if unit == "GFLOP/s" and BYTES in needs.row else None
                told = self._too_low(needs.row, unit, peak, of)
                return Bound(UNKNOWN, told, above=unit, data_us=known_us)
        return None

    def _too_low(self, row: Row, unit: str, peak: float, of: str) -> str:
        name, shapes = row.get("Name"), str(row.get("Argument Shapes", ""))
        done = number(row.get(FLOPS if unit == "GFLOP/s" else BYTES)) or 0.0
        attained = three_digits(done / number_of_calls(row) / fastest_us(row) / 1e3)
        smaller = next((each for each in _SMALLER if each in shapes), None)
        if unit == "GFLOP/s" and smaller is not None:
            return (
                f"the roof, {three_digits(peak)} {unit}, is of float32; {name}, which works on "
                f"{smaller}, attained {attained}"
            )
        measured = self._facts.get(MEASURED)
        when = f" ({measured})" if measured else ""
        return (
            f"the roof is too low: measured {three_digits(peak)} {unit}{of}{when}, "
            f"{name} attained {attained}; measure again with vmprof peaks"
        )

    def _more(self, row: Row) -> Iterator[str]:
        """Columns that tell more, if the report has them."""
        for column in (
            *("IPC", "Misses per 1000 instructions"),
            *("Stalled in backend (%)", "CPUs used"),
        ):
            value = number(row.get(column))
            if value is not None:
                yield f"{column}: {three_digits(value)}"
        if self._is_serial(row):
            yield "threads: it runs on one, and so do the peaks that it is compared with"


def _numbers(us: float, start_us: float, needs: Needs | None) -> dict[str, float]:
    numbers = {"time": us, "start": start_us}
    if needs is not None and FLOPS in needs.row:
        numbers["operations"] = needs.compute_us
    if needs is not None and BYTES in needs.row:
        numbers |= {"data": needs.data_us, "data_at_worst": needs.worst_us}
    return numbers


def _by_peaks(needs: Needs) -> tuple[str, str] | None:
    us, name = needs.us, needs.level.name
    if max(needs.compute_us, needs.data_us) < _HALF * us:
        return None
    if needs.compute_us >= needs.data_us:
        part = share(needs.compute_us, us)
        return COMPUTE, f"its operations need {part} of its time at the machine's peak"
    return name, f"its data need {share(needs.data_us, us)} of its time at the peak of {name}"


def _by_counters(needs: Needs) -> tuple[str, str] | None:
    """What counters say, where neither operations nor data explain the time."""
    row = needs.row
    misses, stalled, ipc = (
        number(row.get(column))
        for column in ("perf::CACHE-MISSES", "Stalled in backend (%)", "IPC")
    )
    if misses is not None:
        moved = us_of(_LINE * misses / number_of_calls(row), needs.roofs.levels[-1])
        if moved >= _HALF * needs.us:
            return MEMORY, f"what its misses bring needs {share(moved, needs.us)} of its time"
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


def _not_known(needs: Needs) -> tuple[str, str]:
    us = needs.us
    if needs.worst_us >= _HALF * us:
        return UNKNOWN, (
            f"its data need {share(needs.data_us, us)} of its time if they are as near as they "
            f"can be, and {share(needs.worst_us, us)} if all come from {needs.farthest.name}; "
            "which, only counters tell: --counters cache"
        )
    return UNKNOWN, (
        f"neither its operations ({share(needs.compute_us, us)}), its data "
        f"({share(needs.worst_us, us)} at most) nor its start ({share(needs.start_us, us)}) need "
        "half of its time; what it waits for, only counters tell: --counters stalls"
    )


def _is_parallel(call: Row) -> bool:
    tasks = call.get("Tasks")
    return TASKS in call or (isinstance(tasks, Count) and tasks.value > 0)
