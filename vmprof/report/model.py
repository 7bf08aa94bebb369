"""The data of a report: calls, totals, configuration.

Every renderer and every comparison works on this alone; whatever can make one
gets them all. The shape is that of TVM's own ``Report``, so that TVM's reports
can be read here and ours there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Literal


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
    """A share of Total in percent; adds up, unless it ``is_lone`` as a :class:`Ratio` can be."""

    percent: float
    is_lone: bool = field(default=False, repr=False)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A quotient; averages.

    One that ``is_lone`` was read from a text that does not say of what it is the
    quotient: several make none.
    """

    ratio: float
    is_lone: bool = field(default=False, repr=False)


@dataclass(frozen=True, slots=True)
class Samples:
    """What lies behind a value, in the unit of its column: not shown in tables, kept by JSON.

    In column ``"X samples"``, next to the mean in column ``"X"``, what each repeat
    measured; in ``"X per thread"`` what each thread did, the calling one first, which
    adds up to the value in ``"X"``; in :data:`WINDOW` and :data:`TASKS` when it was.
    """

    values: tuple[float, ...]


Kind = Literal["ratio", "percent", "count", "duration"]
Metric = Count | Duration | Percent | Ratio | Samples | str
Row = Mapping[str, Metric]

SAMPLES_SUFFIX = " samples"
PER_THREAD_SUFFIX = " per thread"

# A row's values are of the call itself. Where calls lie inside one another, columns
# "X incl." have what the calls inside took as well. Those do not add up: a Sum of
# them would count what is inside twice.
INCLUSIVE = " incl."
INCLUSIVE_DURATION = f"Duration{INCLUSIVE} (us)"
# The VM functions that a call was made in, outermost first; where there are several.
PATH = "Call path"


def is_inclusive(column: str) -> bool:
    """Whether ``column`` includes calls that have rows of their own."""
    return column.removesuffix(" (us)").endswith(INCLUSIVE)


# Begin and end of a call in one of the runs, since that run began: a Samples of two.
WINDOW = "Window (us)"
# The tasks of its parallel launches in that run: thread, begin and end of each in turn. Threads
# are numbered, 0 is the one that called.
TASKS = "Tasks (us)"

# Operations on data, and bytes moved, of kernels that are known.
FLOPS, BYTES = "FLOPs", "Bytes"

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
    def table(
        self,
        sort: bool = True,  # noqa: FBT001, FBT002
        aggregate: bool = True,  # noqa: FBT001, FBT002
        col_sums: bool = True,  # noqa: FBT001, FBT002
        *,
        by_path: bool = False,
    ) -> str:
        """TVM's table: :func:`vmprof.report.table.render`."""
        from vmprof.report import table

        return table.render(
            self, sort=sort, aggregate=aggregate, col_sums=col_sums, by_path=by_path
        )

    def csv(self) -> str:
        """A line per call: :func:`vmprof.report.csv.render`."""
        from vmprof.report import csv

        return csv.render(self)

    def json(self) -> str:
        """TVM's report JSON: :func:`vmprof.report.json.render`."""
        from vmprof.report import json

        return json.render(self)

    def html(self) -> str:
        """One page that needs no network: :func:`vmprof.report.html.render`."""
        from vmprof.report import html

        return html.render(self)

    def trace(self) -> str:
        """Trace Event JSON, for Perfetto: :func:`vmprof.report.trace.render`."""
        from vmprof.report import trace

        return trace.render(self)

    def to_html(self, path: str | PathLike[str]) -> None:
        """Write :meth:`html` to ``path``."""
        from vmprof.report import save

        save.write(self.html(), path)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the form that ``path`` ends in: :func:`vmprof.report.save.save`."""
        from vmprof.report import save

        save.save(self, path)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read what :meth:`json`, or TVM, wrote: :func:`vmprof.report.json.parse`."""
        from vmprof.report import json

        return json.parse(text)

    def heading(self) -> str:
        """The two lines that TVM's benchmarks print above the table, as far as known."""
        from vmprof.report import table

        return table.heading(self)

    def to_pandas(self, *, aggregate: bool = False) -> Any:
        """A ``pandas.DataFrame``, a row per call: :func:`vmprof.report.frame.to_pandas`."""
        from vmprof.report import frame

        return frame.to_pandas(self, aggregate=aggregate)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from vmprof.report import html

        return html.fragment(self)

    def __str__(self) -> str:
        return self.table()
