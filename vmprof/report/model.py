"""The data of a report: calls, totals, configuration.

Every renderer and every comparison works on this alone; whatever can make one
gets them all. The shape is that of TVM's own ``Report``, so that TVM's reports
can be read here and ours there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Count:
    """A number of things; adds up."""

    value: int


@dataclass(frozen=True, slots=True)
class Duration:
    """Microseconds; adds up."""

    microseconds: float


@dataclass(frozen=True, slots=True)
class Percent:
    """A share of Total in percent; adds up."""

    percent: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """A quotient; averages."""

    ratio: float


@dataclass(frozen=True, slots=True)
class Samples:
    """What lies behind a value, in the unit of its column: not shown in tables, kept by JSON.

    In column ``"X samples"``, next to the median in column ``"X"``, what each repeat
    measured; in ``"X per thread"`` what each thread did, the calling one first, which
    adds up to the value in ``"X"``.
    """

    values: tuple[float, ...]


Kind = Literal["ratio", "percent", "count", "duration"]
Metric = Count | Duration | Percent | Ratio | Samples | str
Row = Mapping[str, Metric]

SAMPLES_SUFFIX = " samples"
PER_THREAD_SUFFIX = " per thread"

# A cell of a count that nobody counted for that row; a sum with it in is none.
NOT_COUNTED = ""


@dataclass(frozen=True)
class Derived:
    """The column ``column``, which is ``formula`` over the columns of the same row.

    ``sources`` has the columns by their names in the formula. The result of a
    formula of kind ``percent`` is a share (0.5 is 50 %), of ``duration``
    microseconds; that of ``count`` is rounded.
    """

    column: str
    formula: str
    kind: Kind
    sources: Mapping[str, str]


@dataclass(frozen=True)
class Report:
    """What a run of a model cost, call by call.

    ``calls`` has a row per call, in the order of the run; ``device_metrics`` the
    run as a whole, by device; ``configuration`` how it was measured. ``missing``
    says of each event that could not be counted why not and what to do: such an
    event has no values anywhere. ``derived`` are the columns that were computed
    from others by :func:`vmprof.report.derive.derive`; whoever merges rows has to
    compute them again.
    """

    calls: tuple[Row, ...]
    device_metrics: Mapping[str, Row]
    configuration: Mapping[str, Metric]
    missing: Mapping[str, str] = field(default_factory=dict)
    derived: tuple[Derived, ...] = ()

    # The parameters are those of TVM's Report.table.
    def table(self, sort: bool = True, aggregate: bool = True, col_sums: bool = True) -> str:  # noqa: FBT001, FBT002
        """TVM's table: :func:`vmprof.report.table.render`."""
        from vmprof.report import table

        return table.render(self, sort=sort, aggregate=aggregate, col_sums=col_sums)

    def csv(self) -> str:
        """A line per call: :func:`vmprof.report.csv.render`."""
        from vmprof.report import csv

        return csv.render(self)

    def json(self) -> str:
        """TVM's report JSON: :func:`vmprof.report.json.render`."""
        from vmprof.report import json

        return json.render(self)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read what :meth:`json`, or TVM, wrote: :func:`vmprof.report.json.parse`."""
        from vmprof.report import json

        return json.parse(text)

    def heading(self) -> str:
        """The two lines that TVM's benchmarks print above the table, as far as known."""
        from vmprof.report import table

        return table.heading(self)

    def __str__(self) -> str:
        return self.table()
