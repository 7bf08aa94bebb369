"""A row of a report as plain numbers and text, for programs that compute with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vmprof.errors import VmprofError
from vmprof.report.model import Report
from vmprof.report.render.view import View, find_column, select
from vmprof.report.totals import longest_device
from vmprof.values import Count, Duration, Metric, Percent, Ratio, Row, Samples

# An empty text says something of these alone. Elsewhere it stands for what nobody counted, or for
# texts that differ.
ALWAYS_TEXT = ("Name", "Device", "Argument Shapes")


class Operator(Mapping[str, Any]):
    """All calls of one operator, or the run as a whole: ``op["perf::CYCLES"]`` is a number.

    Columns may be named in short, as for ``vmprof show --columns``: ``op["cycles"]``. A count is
    an int; a duration (microseconds), a share (percent) and a quotient are floats; what each
    repeat measured, in ``"... samples"``, is a tuple of floats; all else is text. What is not
    there is a :class:`KeyError` that says why; :meth:`get` gives None, or the default.
    """

    def __init__(self, row: Row, missing: Mapping[str, str]) -> None:
        self._row = row
        self._missing = missing

    @property
    def name(self) -> str:
        """The operator's name, as the compiler gave it; ``"Total"`` of the run."""
        return str(self.get("Name", ""))

    @property
    def time_us(self) -> float:
        """Microseconds that all its calls took together."""
        return float(self["Duration (us)"])

    @property
    def percent(self) -> float:
        """Its share of Total, from 0 to 100."""
        return float(self["Percent"])

    @property
    def calls(self) -> int:
        """How many calls these are; a report that does not say has one a row."""
        return int(self.get("Count", 1))

    @property
    def shapes(self) -> str:
        """The shapes of its arguments: ``"float32[1, 784], float32[784, 128]"``."""
        return str(self.get("Argument Shapes", ""))

    @property
    def device(self) -> str:
        """Where it ran: ``"cpu0"``."""
        return str(self.get("Device", ""))

    def __getitem__(self, column: str) -> Any:
        if column not in self._row:
            column = self._found(column)
        value = _plain(self._row.get(column, ""))
        if value == "" and column not in ALWAYS_TEXT:
            raise KeyError(self._why_not(column))
        return value

    def __iter__(self) -> Iterator[str]:
        return (
            column for column, metric in self._row.items() if metric != "" or column in ALWAYS_TEXT
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<Operator {self.name!r}: {dict(self)}>"

    def _found(self, name: str) -> str:
        try:
            return find_column(name, [*self._row, *self._missing])
        except VmprofError as error:
            raise KeyError(str(error)) from error

    def _why_not(self, column: str) -> str:
        reason = self._missing.get(column) or (
            "not all of its calls have a number there, or their texts differ"
        )
        return f"{column} of {self.name}: {reason}"


def operators(report: Report, view: View) -> list[Operator]:
    """The rows that ``view`` wants, in its order; :class:`VmprofError` for an unknown column."""
    return [Operator(row, report.missing) for row in select(report, view).rows]


def total(report: Report) -> Operator:
    """The run as a whole; of several devices, the one that took longest.

    :class:`VmprofError` where the report has no Total, as TVM's CSV has none.
    """
    device = longest_device(report)
    if device is None:
        raise VmprofError("the report has no Total; add up its operators()")
    return Operator({"Name": "Total", **report.device_metrics[device]}, report.missing)


def _plain(metric: Metric) -> int | float | str | tuple[float, ...]:
    match metric:
        case Count(number) | Duration(number) | Percent(number) | Ratio(number):
            return number
        case Samples(values):
            return values
        case str():
            return metric
