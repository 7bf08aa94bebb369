"""The roofline: what each kernel reached, and what the machine allows at its intensity.

A kernel that does F operations on B bytes cannot be faster than the machine
computes nor than it moves the bytes: peak * min(1, F / B * bandwidth / peak). Each cache
has a bandwidth, and so a roof, of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vmprof.report.aggregate import merge_calls, merge_key
from vmprof.report.bounds import bounds
from vmprof.report.columnwise import number
from vmprof.report.derive import derive_rows
from vmprof.report.kinds import kind_of, microseconds
from vmprof.report.model import Report
from vmprof.report.needs import number_of_calls
from vmprof.report.roofs import MEASURED, UNSETTLED, Level, Roofs
from vmprof.report.totals import longest_total

# What lies outside is zero, or nonsense.
_LEAST, _MOST = 1e-9, 1e9


@dataclass(frozen=True)
class Point:
    """A kernel: ``intensity`` in FLOP/byte, ``share`` of Total, 0 to 1.

    ``bound`` is the word that says what bounds it. ``attained`` is the part, 0 to 1, of what the
    machine allows it: its operations, or its data from the nearest level that they may come
    from. None where nobody knows; also where it is above its roof, and ``error`` says which.
    """

    name: str
    shapes: str
    kind: str
    intensity: float
    gflops: float
    microseconds: float
    share: float
    bound: str = ""
    attained: float | None = None
    error: str = ""


@dataclass(frozen=True)
class Roofline:
    """``points``, longest first; the peaks in GFLOP/s and GB/s are None where not known.

    ``levels`` are the roofs of the caches, nearest first, and of memory last, which
    ``bandwidth`` is of as well. ``status`` says when they were measured, and what did not settle.
    """

    points: Sequence[Point]
    peak: float | None
    bandwidth: float | None
    levels: Sequence[Level] = ()
    status: str = ""


def roofline(report: Report) -> Roofline:
    """Of the kernels whose operations and bytes are known: columns GFLOP/s and FLOP/byte."""
    rows = derive_rows(merge_calls(report.calls), report.derived)
    total = longest_total(report) or sum(map(microseconds, rows)) or 1.0
    roofs = Roofs.of(report.configuration)
    found = bounds(report)
    points = []
    for row in rows:
        gflops, intensity = number(row.get("GFLOP/s")), number(row.get("FLOP/byte"))
        if gflops is None or intensity is None:
            continue
        if not all(_LEAST < value < _MOST for value in (gflops, intensity)):
            continue  # nothing to compute: it has no place on a logarithmic axis
        time, bound = microseconds(row), found[merge_key(row)]
        needed = bound.needs_us
        points.append(
            Point(
                str(row.get("Name", "")),
                str(row.get("Argument Shapes", "")),
                kind_of(row),
                intensity,
                gflops,
                time,
                time / total,
                bound.word,
                None if needed is None else needed * number_of_calls(row) / time,
                bound.because if bound.above else "",
            )
        )
    points.sort(key=lambda point: -point.microseconds)
    status = "; ".join(
        f"{name}: {report.configuration[name]}"
        for name in (MEASURED, UNSETTLED)
        if name in report.configuration
    )
    if roofs is None:
        return Roofline(points, None, None, status=status)
    return Roofline(points, roofs.gflops, roofs.levels[-1].bandwidth, roofs.levels, status)
