"""Columns of a report as values of one type each, as DataFrames and Parquet want them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vmprof.report.columnwise import number
from vmprof.values import Count, Metric, Samples

_MOST_INT64 = (1 << 63) - 1


@dataclass(frozen=True)
class Column:
    """``cells``, of which None is one that is not there.

    ``whole`` numbers fit into 64 bits with a sign; ``large`` ones are whole and do not.
    """

    kind: Literal["whole", "large", "real", "text", "list"]
    cells: Sequence[int | float | str | tuple[float, ...] | None]


def typed(metrics: Sequence[Metric | None]) -> Column:
    """The cells of a column. Where any is a number, texts among them are not there."""
    numbers = [number(metric) for metric in metrics]
    counts = [metric.value for metric in metrics if isinstance(metric, Count)]
    there = sum(cell is not None for cell in numbers)
    if counts and len(counts) == there:
        fit = all(abs(count) <= _MOST_INT64 for count in counts)
        return Column("whole" if fit else "large", numbers)
    if there:
        return Column("real", numbers)
    lists = [metric.values if isinstance(metric, Samples) else None for metric in metrics]
    if {type(metric) for metric in metrics if metric is not None} == {Samples}:
        return Column("list", lists)
    return Column("text", [metric if isinstance(metric, str) else None for metric in metrics])
