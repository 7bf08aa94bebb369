"""A report as a pandas DataFrame."""

from __future__ import annotations

from typing import Any

from vmprof.errors import VmprofError
from vmprof.report.aggregate import merge_calls
from vmprof.report.columnwise import number
from vmprof.report.derive import derive_rows
from vmprof.report.model import Report
from vmprof.report.render.table import columns_of
from vmprof.report.render.typed import typed
from vmprof.report.timeline import BEGIN_AND_END, windows_of
from vmprof.values import Samples

# By the kind of the column; of lists there are none among those of the table.
_DTYPES = {"whole": "Int64", "large": "object", "real": "float64"}


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
        column = typed([row.get(name) for row in rows])
        columns[name] = (
            [cell or "" for cell in column.cells]
            if column.kind == "text"
            else pd.array(column.cells, dtype=_DTYPES[column.kind])
        )
    windows = None if aggregate else windows_of(report)
    for position, name in enumerate(BEGIN_AND_END):
        if windows is not None:
            columns[name] = pd.array(
                [window and window[position] for window in windows], dtype="float64"
            )
    frame = pd.DataFrame(columns)
    configuration = {
        name: value if (value := number(metric)) is not None else metric
        for name, metric in report.configuration.items()
        if not isinstance(metric, Samples)
    }
    frame.attrs = {**configuration, "Not counted": dict(report.missing)}
    return frame
