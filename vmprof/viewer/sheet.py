"""What a table of the viewer shows: rows, the cells of their columns, their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from vmprof.errors import VmprofError
from vmprof.report.advice import Advised, advise, load_rules
from vmprof.report.annotated import Annotated, annotated
from vmprof.report.bounds import Bound, bounds
from vmprof.report.kinds import microseconds
from vmprof.report.model import Report
from vmprof.report.noise import spread_of
from vmprof.report.render.legends import legend
from vmprof.report.render.shown import NEVER_BY_DEFAULT, SPREAD, TIME, Column, titles_of
from vmprof.report.render.view import View, order_of, select
from vmprof.report.reuse import Key
from vmprof.report.totals import longest_total
from vmprof.values import Row


@dataclass(frozen=True)
class Sheet:
    """Rows under a ``title``; ``sort`` is the column that they are ordered by at first.

    ``total`` are the microseconds that shares are of. ``told`` is what each column means.
    """

    title: str
    rows: Sequence[Row]
    columns: Sequence[Column]
    sort: str
    total: float
    told: dict[str, str]

    def column(self, title: str) -> Column | None:
        return next((column for column in self.columns if column.title == title), None)

    def numbers(self, sort: str, *, reverse: bool = False, having: str = "") -> list[int]:
        """Of the rows that have all words of ``having`` somewhere, in the order by ``sort``.

        Large numbers come first, and texts from a to z; with ``reverse`` the other way round. What
        is not there comes last either way.
        """
        words = having.lower().split()
        found = [at for at, text in enumerate(self._texts) if all(word in text for word in words)]
        keys = {at: self._key(at, sort) for at in found}
        there = [at for at in found if keys[at] != order_of(None)]
        there.sort(key=lambda at: keys[at], reverse=reverse)
        return there + [at for at in found if keys[at] == order_of(None)]

    def share(self, row: Row) -> float:
        """In percent of the total."""
        return 100 * microseconds(row) / self.total if self.total else 0.0

    @cached_property
    def longest(self) -> float:
        return max(map(microseconds, self.rows), default=0.0)

    @cached_property
    def _texts(self) -> list[str]:
        """All that a row says, for those who look for it."""
        cells = [column.cells for column in self.columns]
        return [" ".join(each).lower() for each in zip(*cells, strict=True)]

    def _key(self, at: int, sort: str) -> tuple[int, float, str]:
        if sort != SPREAD:
            return order_of(self.rows[at].get(sort))
        spread = spread_of(self.rows[at])
        return order_of(None) if spread is None else (0, -spread.percent, "")


@dataclass(frozen=True)
class ReportSheet(Sheet):
    """The operators of ``report``, and all that can be said of them, worked out when asked for."""

    report: Report

    @classmethod
    def of(cls, title: str, report: Report, view: View) -> ReportSheet:
        """The rows and columns that ``view`` wants."""
        chosen = select(report, view)
        columns = [Column.of(each, chosen.rows) for each in titles_of(chosen, view)]
        if view.columns is None:
            columns = [column for column in columns if _is_worth_room(column)]
            columns.sort(key=lambda column: column.rank)
        total = longest_total(report) or microseconds(chosen.sums)
        told = {column.title: legend(column.title, report.derived) for column in columns}
        order = TIME if view.sort is None else chosen.order
        return cls(title, chosen.rows, columns, order, total, told, report)

    @cached_property
    def bounds(self) -> dict[Key, Bound]:
        return bounds(self.report)

    @cached_property
    def advised(self) -> Advised | str:
        """Why not, if a rule of the user's own is wrong."""
        try:
            return advise(self.report, load_rules())
        except VmprofError as error:
            return str(error)

    @cached_property
    def annotated(self) -> Annotated | str:
        """Why not, if the report has no samples, or no code can be read."""
        try:
            return annotated(self.report)
        except VmprofError as error:
            return str(error)


def _is_worth_room(column: Column) -> bool:
    return not (
        column.is_empty or column.title in NEVER_BY_DEFAULT or column.title.endswith("layout")
    )
