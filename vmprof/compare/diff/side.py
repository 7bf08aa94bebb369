"""One side of a diff: the starts of a program, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from vmprof.compare.rows import NOT_COMPARED, merged_rows, not_compared, summed_row
from vmprof.report.aggregate import combine, merge_key
from vmprof.report.columnwise import column_names, number
from vmprof.report.model import Report
from vmprof.report.starts import starts_of
from vmprof.values import SAMPLES_SUFFIX, Duration, Metric, Row, Samples

TIME = "Duration (us)"
_UNCOMPARED = {"Count", "Percent", *NOT_COMPARED}


@dataclass(frozen=True)
class SideRow:
    """What each start measured of one operator, or of the run; None where it has no such row."""

    starts: tuple[Row | None, ...]

    @property
    def first(self) -> Row:
        """Names and shapes, which are the same in each start."""
        return next((row for row in self.starts if row is not None), {})

    def value(self, column: str) -> float | None:
        """The mean over the starts that have it; None if none has.

        What a start did not call took nothing there.
        """
        cells = [None if row is None else number(row.get(column)) for row in self.starts]
        if not any(cell is not None for cell in cells):
            return None
        rows = zip(self.starts, cells, strict=True)
        return fmean(cell or 0.0 for row, cell in rows if row is None or cell is not None)

    def undisturbed(self, column: str) -> tuple[float, ...]:
        """For each start the mean of the least quarter of its repeats, or its value without any.

        What else a machine does makes repeats larger, never less; so these tell starts of two
        programs apart where means do not.
        """
        found = []
        for row in self.starts:
            repeats = sorted(_samples(row, column))
            value = 0.0 if row is None else number(row.get(column))
            if repeats:
                found.append(fmean(repeats[: (len(repeats) + 3) // 4]))
            elif value is not None:
                found.append(value)
        return tuple(found)

    def samples(self, column: str) -> tuple[float, ...]:
        """The repeats of all starts; nothing if one has none."""
        repeats = [_samples(row, column) for row in self.starts]
        return tuple(x for each in repeats for x in each) if all(repeats) else ()

    def noise(self, column: str) -> float:
        """The variance of a start's value that the spread of its repeats explains."""
        repeats = [_samples(row, column) for row in self.starts]
        return fmean(_variance_of_mean(each) for each in repeats) if repeats else 0.0


class Side:
    """The starts that ``reports`` are of, each of one start or of several.

    ``rows`` are the merged rows of all starts, ``wholes`` the run, under the names of what it
    was measured by: Sum, Total, unprofiled.
    """

    def __init__(self, reports: Sequence[Report]) -> None:
        self.starts = [start for report in reports for start in starts_of(report)]
        merged = [merged_rows(start) for start in self.starts]
        self.rows = _by_key([[(merge_key(row), row) for row in rows] for rows in merged])
        wholes = [_wholes(start, rows) for start, rows in zip(self.starts, merged, strict=True)]
        names = [name for name in wholes[0] if all(name in each for each in wholes)]
        self.wholes: Mapping[str, SideRow] = {
            name: SideRow(tuple(each[name] for each in wholes)) for name in names
        }

    @property
    def columns(self) -> list[str]:
        """Those that have a number in any row, and are compared."""
        rows = self._measured
        return [
            name
            for name in column_names(rows)
            if name not in _UNCOMPARED and any(number(row.get(name)) is not None for row in rows)
        ]

    @property
    def not_compared(self) -> Mapping[str, str]:
        """Numbers that are not, and why."""
        return not_compared(self._measured)

    @property
    def _measured(self) -> list[Row]:
        return [row for of_side in self.rows for row in of_side.starts if row is not None]

    def setting(self, name: str) -> list[Metric | None]:
        """What the starts say of it, each once."""
        return [*dict.fromkeys(start.configuration.get(name) for start in self.starts)]


def _by_key(starts: Sequence[Iterable[tuple[object, Row]]]) -> list[SideRow]:
    found: dict[object, list[Row | None]] = {}
    for index, rows in enumerate(starts):
        for key, row in rows:
            found.setdefault(key, [None] * len(starts))[index] = row
    return [SideRow(tuple(rows)) for rows in found.values()]


def _wholes(report: Report, rows: Sequence[Row]) -> dict[str, Row]:
    """What the run took as a whole, under the names of what it was measured by."""
    wholes: dict[str, Row] = {"Sum": {**summed_row(report), **_summed_samples(rows)}}
    for device, total in report.device_metrics.items():
        wholes[f"Total of {device}" if device else "Total"] = total
    mean = report.configuration.get("Unprofiled mean (us)")
    if isinstance(mean, Duration):
        samples = report.configuration.get(f"Unprofiled mean (us){SAMPLES_SUFFIX}", "")
        wholes["Unprofiled mean"] = {TIME: mean, f"{TIME}{SAMPLES_SUFFIX}": samples}
    return wholes


def _summed_samples(rows: Sequence[Row]) -> dict[str, Metric]:
    """Repeat by repeat, the sums of the columns of which every row has them."""
    found: dict[str, list[Metric]] = {}
    for row in rows:
        for name, metric in row.items():
            if isinstance(metric, Samples):
                found.setdefault(name, []).append(metric)
    return {name: combine(metrics) for name, metrics in found.items() if len(metrics) == len(rows)}


def _samples(row: Row | None, column: str) -> tuple[float, ...]:
    metric = None if row is None else row.get(f"{column}{SAMPLES_SUFFIX}")
    return metric.values if isinstance(metric, Samples) else ()


def _variance_of_mean(samples: Sequence[float]) -> float:
    """Of the mean of ``samples``, from their median absolute deviation."""
    if not samples:
        return 0.0
    middle = median(samples)
    spread = 1.4826 * median(abs(value - middle) for value in samples)
    return spread * spread / len(samples)
