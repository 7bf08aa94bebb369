"""What rules can name: the columns of a row, of Total, and the figures of the configuration.

A column is named as in the formulas of counter sets (:func:`vmprof.expression.alias`):
``duration_us``, ``gflop_s``, ``cache_misses``; of Total with ``total_`` before it, of the
configuration with ``run_``. ``likes_`` is the median of the column over the operators of the
same kind (:mod:`vmprof.report.kinds`), this one included, and ``likes`` their number. What a
row, or Total, does not have has no name there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from vmprof.expression import alias
from vmprof.report.kinds import kind_of
from vmprof.report.model import Report
from vmprof.report.totals import longest_device
from vmprof.values import Count, Duration, Metric, Percent, Ratio, Row

Values = dict[str, float | str]


def of_run(report: Report) -> Values:
    """What is the same for all rows."""
    device = longest_device(report)
    total = {} if device is None else report.device_metrics[device]
    return {**_named("run_", report.configuration), **_named("total_", total)}


def of_rows(rows: Sequence[Row]) -> Iterator[Values]:
    """What is of each row, in their order."""
    named = [_named("", row) for row in rows]
    kinds: dict[str, list[Values]] = {}
    for row, values in zip(rows, named, strict=True):
        kinds.setdefault(kind_of(row), []).append(values)
    of_kind = {kind: _medians(members) for kind, members in kinds.items()}
    for row, values in zip(rows, named, strict=True):
        yield {**values, **of_kind[kind_of(row)]}


def _medians(members: Sequence[Values]) -> Values:
    columns: dict[str, list[float]] = {}
    for values in members:
        for name, value in values.items():
            if isinstance(value, float):
                columns.setdefault(name, []).append(value)
    medians = {f"likes_{name}": median(values) for name, values in columns.items()}
    return {**medians, "likes": float(len(members))}


def _named(prefix: str, metrics: Mapping[str, Metric]) -> Values:
    values: Values = {}
    for column, metric in metrics.items():
        match metric:
            case Count(number) | Duration(number) | Percent(number) | Ratio(number):
                values[prefix + alias(column)] = float(number)
            case str() if metric:
                values[prefix + alias(column)] = metric
    return values
