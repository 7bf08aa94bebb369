"""The data of a report: calls, totals, configuration.

Every renderer and every comparison works on this alone; whatever can make one
gets them all. The shape is that of TVM's own ``Report``, so that TVM's reports
can be read here and ours there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

from vmprof.inside.code import MachineCode
from vmprof.sampling.model import Sampled
from vmprof.values import Count, Derived, Duration, Metric, Percent, Ratio, Row, Samples

if TYPE_CHECKING:
    from vmprof.compare.diff import Diff
    from vmprof.report.operators import Operator

# A report and what it is made of, which whoever makes one needs too.
__all__ = [
    "Count",
    "Derived",
    "Duration",
    "Metric",
    "Percent",
    "Ratio",
    "Report",
    "Row",
    "Samples",
]


@dataclass(frozen=True)
class Report:
    """What a run of a model cost, call by call.

    ``calls`` has a row per call, in the order of the run; ``device_metrics`` the
    run as a whole, by device; ``configuration`` how it was measured. ``missing``
    says of each event that could not be counted why not and what to do: such an
    event has no values anywhere. ``derived`` are the columns that were computed
    from others by :func:`vmprof.report.derive.derive`; whoever merges rows has to
    compute them again. ``samples`` say where the calls spent time, if they were sampled,
    and ``code`` is that of the functions that they are of.
    ``provenance`` is where it comes from: machine, versions, command, library, by names for
    people (:mod:`vmprof.report.provenance`); empty where nobody said.
    """

    calls: tuple[Row, ...]
    device_metrics: Mapping[str, Row]
    configuration: Mapping[str, Metric]
    missing: Mapping[str, str] = field(default_factory=dict)
    derived: tuple[Derived, ...] = ()
    samples: Sampled | None = None
    code: tuple[MachineCode, ...] = ()
    provenance: Mapping[str, Metric] = field(default_factory=dict)

    def operators(self, *, by_path: bool = False) -> list[Operator]:
        """What each operator cost, the longest first; see :class:`Operator` for what it says.

        ``by_path`` keeps calls apart that were made in different chains of functions.
        """
        from vmprof.report.operators import operators
        from vmprof.report.render.view import View

        return operators(self, View(by_path=by_path))

    def top(self, count: int, by: str = "Duration (us)") -> list[Operator]:
        """The ``count`` operators with the most in the column ``by``, the largest first.

        :class:`VmprofError` for a column that the report does not have, or could not count.
        """
        from vmprof.report.operators import operators
        from vmprof.report.render.view import View

        return operators(self, View(top=count, sort=by))

    @property
    def total(self) -> Operator:
        """The run as a whole: :func:`vmprof.report.operators.total`."""
        from vmprof.report.operators import total

        return total(self)

    def diff(self, after: Report) -> Diff:
        """What changed from this report to ``after``: :func:`vmprof.compare.diff.diff_reports`."""
        # Reports lie below what compares them; the package's public names are above both.
        import vmprof

        return vmprof.diff(self, after)

    # The parameters are those of TVM's Report.table.
    def table(
        self,
        sort: bool = True,  # noqa: FBT001, FBT002
        aggregate: bool = True,  # noqa: FBT001, FBT002
        col_sums: bool = True,  # noqa: FBT001, FBT002
        *,
        by_path: bool = False,
    ) -> str:
        """TVM's table: :func:`vmprof.report.render.table.render`."""
        from vmprof.report.render import table

        return table.render(
            self, sort=sort, aggregate=aggregate, col_sums=col_sums, by_path=by_path
        )

    def csv(self) -> str:
        """A line per call: :func:`vmprof.report.render.csv.render`."""
        from vmprof.report.render import csv

        return csv.render(self)

    def json(self) -> str:
        """TVM's report JSON: :func:`vmprof.report.render.json.render`."""
        from vmprof.report.render import json

        return json.render(self)

    def html(self) -> str:
        """One page that needs no network: :func:`vmprof.report.render.html.render`."""
        from vmprof.report.render import html

        return html.render(self)

    def trace(self) -> str:
        """Trace Event JSON, for Perfetto: :func:`vmprof.report.render.trace.render`."""
        from vmprof.report.render import trace

        return trace.render(self)

    def kineto(self) -> str:
        """A trace as PyTorch's profiler writes it: :func:`vmprof.report.render.kineto.render`."""
        from vmprof.report.render import kineto

        return kineto.render(self)

    def openmetrics(self) -> str:
        """OpenMetrics text, for Prometheus: :func:`vmprof.report.render.openmetrics.render`."""
        from vmprof.report.render import openmetrics

        return openmetrics.render(self)

    def parquet(self, *, aggregate: bool = True) -> bytes:
        """A Parquet file, a row per operator: :func:`vmprof.report.render.parquet.render`.

        Without ``aggregate`` a row per call. :class:`VmprofError` without pyarrow.
        """
        from vmprof.report.render import parquet

        return parquet.render(self, aggregate=aggregate)

    def to_html(self, path: str | PathLike[str]) -> None:
        """Write :meth:`html` to ``path``."""
        from vmprof.report.render import save

        save.write(self.html(), path)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the form that ``path`` ends in: :func:`vmprof.report.render.save.save`."""
        from vmprof.report.render import save

        save.save(self, path)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read what :meth:`json`, or TVM, wrote: :func:`vmprof.report.render.json.parse`."""
        from vmprof.report.render import json

        return json.parse(text)

    def heading(self) -> str:
        """The two lines that TVM's benchmarks print above the table, as far as known."""
        from vmprof.report.render import table

        return table.heading(self)

    def to_pandas(self, *, aggregate: bool = False) -> Any:
        """A ``pandas.DataFrame``, a row per call: :func:`vmprof.report.render.frame.to_pandas`."""
        from vmprof.report.render import frame

        return frame.to_pandas(self, aggregate=aggregate)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from vmprof.report.render import html

        return html.fragment(self)

    def __str__(self) -> str:
        return self.table()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001
        """What IPython shows in a terminal."""
        printer.text(str(self))
