"""A report as a pandas DataFrame."""

from __future__ import annotations

from typing import Any

from vmprof.errors import VmprofError
from vmprof.report.aggregate import merge_calls
from vmprof.report.derive import derive_rows
from vmprof.report.model import Report
from vmprof.report.render.table import columns_of
from vmprof.report.timeline import windows_of
from vmprof.values import Count, Duration, Metric, Percent, Ratio, Samples

_MOST_INT64 = (1 << 63) - 1


def to_pandas(report: Report, *, aggregate: bool = False) -> Any:
    """A row per call, in the order of the run; with ``aggregate``, per operator.

    Columns have the names of the table and its units. Counts are Int64, which
    has a value for what is not there (objects where one needs more bits); the others
    float64, and strings. Of a call there are also ``Begin (us)`` and ``End (us)`` in
    one run, if known.
    ``DataFrame.attrs`` has the configuration and ``"Not counted"``. Raises
    :class:`VmprofError` without pandas.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise VmprofError("to_pandas() needs pandas: pip install 'tvm-vmprof[pandas]'") from error
    rows = list(report.calls)
    if aggregate:
        rows = derive_rows(merge_calls(rows), report.derived)
    columns: dict[str, Any] = {}
    for name in columns_of(rows):
        metrics = [row.get(name) for row in rows]
        cells = [_number(metric) for metric in metrics]
        counts = [m.value for m in metrics if isinstance(m, Count)]
        if counts and len(counts) == sum(cell is not None for cell in cells):
            fits = all(abs(count) <= _MOST_INT64 for count in counts)
            columns[name] = pd.array(cells, dtype="Int64" if fits else "object")
        elif counts or any(isinstance(metric, Duration | Percent | Ratio) for metric in metrics):
            columns[name] = pd.array(cells, dtype="float64")
        else:
            columns[name] = [metric if isinstance(metric, str) else "" for metric in metrics]
    windows = None if aggregate else windows_of(report)
    for position, name in enumerate(("Begin (us)", "End (us)")):
        if windows is not None:
            columns[name] = pd.array(
                [window and window[position] for window in windows], dtype="float64"
            )
    frame = pd.DataFrame(columns)
    configuration = {
        name: value if (value := _number(metric)) is not None else metric
        for name, metric in report.configuration.items()
        if not isinstance(metric, Samples)
    }
    frame.attrs = {**configuration, "Not counted": dict(report.missing)}
    return frame


def _number(metric: Metric | None) -> int | float | None:
    match metric:
        case Count(number) | Duration(number) | Percent(number) | Ratio(number):
            return number
    return None
