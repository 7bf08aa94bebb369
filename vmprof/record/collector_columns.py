"""What collectors give, checked: names that are nobody else's, values of one kind."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from vmprof.errors import VmprofError
from vmprof.program.kernels import LAYOUT_COLUMNS
from vmprof.record.collectors import Collector
from vmprof.report.bounds import BOUND
from vmprof.report.kernel_metrics import METRICS
from vmprof.report.peaks import SHARE_OF
from vmprof.report.roofs import AT_PEAK
from vmprof.report.threads import THREAD_COLUMNS, THREAD_METRICS
from vmprof.values import (
    BYTES,
    FLOPS,
    LEADING_COLUMNS,
    PATH,
    PER_START_SUFFIX,
    PER_THREAD_SUFFIX,
    SAMPLES_SUFFIX,
    TASKS,
    WINDOW,
    Count,
    Duration,
    Metric,
    Percent,
    Ratio,
    is_inclusive,
)

_VMPROF = "vmprof's own"
_OWN = frozenset(
    {
        *LEADING_COLUMNS,
        *LAYOUT_COLUMNS,
        *THREAD_COLUMNS,
        *(each.column for each in (*METRICS, *THREAD_METRICS)),
        *("Hash", PATH, WINDOW, TASKS, FLOPS, BYTES, BOUND, AT_PEAK),
    }
)
_OWN_PREFIXES = ("perf::", SHARE_OF)
_OWN_SUFFIXES = (SAMPLES_SUFFIX, PER_THREAD_SUFFIX, PER_START_SUFFIX, " counted")


class ColumnNames:
    """Who gives which column of a report; ``counted`` are those of counters and their metrics."""

    def __init__(self, counted: Iterable[str] = ()) -> None:
        self._owners = dict.fromkeys(counted, "a counter's")

    def claim(self, column: object, collector: str) -> None:
        """``collector`` gives ``column``: :class:`VmprofError` if that cannot be."""
        if not isinstance(column, str) or not column.strip():
            raise VmprofError(
                f"collector {collector}: {column!r} is no name of a column; give it a text"
            )
        owner = self._owners.get(column)
        if column in _OWN or column.startswith(_OWN_PREFIXES) or column.endswith(_OWN_SUFFIXES):
            owner = _VMPROF
        if is_inclusive(column):
            owner = _VMPROF
        if owner is not None:
            raise VmprofError(
                f"collector {collector}: the column {column!r} is {owner}; name it otherwise"
            )
        self._owners[column] = f"collector {collector}'s"


class CheckedCollector:
    """``collector``, whose columns are what columns can be.

    `stop` raises :class:`VmprofError` if they are not, and leaves that in ``problem``.
    ``columns`` has the kind of each that there was.
    """

    problem: VmprofError | None = None

    def __init__(self, collector: Collector, names: ColumnNames) -> None:
        self.name = type(collector).__name__
        self.scope = collector.scope
        self.start = collector.start
        self.columns: dict[str, type] = {}
        self._collector = collector
        self._names = names

    def stop(self) -> Mapping[str, Metric]:
        cells = self._collector.stop()
        try:
            self._check_all(cells)
        except VmprofError as problem:
            self.problem = problem
            raise
        return cells

    def _check_all(self, cells: Mapping[str, Metric]) -> None:
        if not isinstance(cells, Mapping):
            raise VmprofError(
                f"collector {self.name}: stop() returned {cells!r}; it must return columns and "
                "their values, such as {'Stalls': Count(3)}"
            )
        for column, metric in cells.items():
            self._check(column, metric)

    def _check(self, column: str, metric: Metric) -> None:
        kind = self.columns.get(column)
        if kind is None:
            self._names.claim(column, self.name)
            kind = self.columns[column] = type(metric)
        if not _is_fit(metric):
            raise VmprofError(
                f"collector {self.name}: column {column!r} is {metric!r}; give a Count of an int, "
                "a Duration, Percent or Ratio of a finite number, or a str (vmprof.report)"
            )
        if type(metric) is not kind:
            raise VmprofError(
                f"collector {self.name}: column {column!r} is once a {kind.__name__} and once a "
                f"{type(metric).__name__}; give one kind"
            )


@contextmanager
def told_plainly(collectors: Iterable[CheckedCollector]) -> Iterator[None]:
    """What a collector did wrong is told without the place in the model where it was noticed."""
    try:
        yield
    except VmprofError:
        for each in collectors:
            if each.problem is not None:
                raise VmprofError(str(each.problem)) from None
        raise


def _is_fit(metric: object) -> bool:
    match metric:
        case str():
            return True
        case Count(value):
            return isinstance(value, int)
        case Duration(number) | Percent(number) | Ratio(number):
            return isinstance(number, int | float) and math.isfinite(number)
    return False
