"""Apache Parquet: a row per operator, for pandas, DuckDB, Polars, Spark and others.

Columns have the names and units of the table, and a type each: counts are whole numbers, times,
shares and quotients real ones, ``"... samples"`` lists of what each repeat measured. What is not
there is null, and so is a column that could not be counted; its metadata say why, as those of
each column say its kind and unit. The schema's metadata have the configuration and where the
report comes from as JSON, and the whole report: vmprof reads it again, call by call.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import count
from typing import Any

from vmprof import json_text
from vmprof.errors import VmprofError
from vmprof.report.aggregate import merge_calls
from vmprof.report.columns import kind_of_column
from vmprof.report.columnwise import column_names
from vmprof.report.derive import derive_rows
from vmprof.report.model import Report
from vmprof.report.operators import ALWAYS_TEXT
from vmprof.report.render.arrow import as_json, plain, pyarrow, written
from vmprof.report.render.cells import kind_of
from vmprof.report.render.embedded import Embedded, document_of, reports_of
from vmprof.report.render.typed import typed
from vmprof.report.timeline import BEGIN_AND_END, windows_of
from vmprof.uncollected import uncollected
from vmprof.values import BYTES, FUNCTION, LEADING_COLUMNS, WINDOW, Duration, Metric, Row

_MAGIC = b"PAR1"
# Of the file's metadata: the reports as a page holds them.
_REPORTS = b"vmprof"
_UNITS = {"microseconds": "us", "percent": "%", "count": "1"}
# Of each row the report that it is of, where there are several, and what that says of itself.
_TITLE = "Report"
_OF_REPORT = ("Model", FUNCTION, "Engine")
_MOST_DIGITS = 38  # of a decimal number


def render(report: Report, *, aggregate: bool = True) -> bytes:
    """``report`` as a Parquet file: a row per operator or, without ``aggregate``, per call.

    Of a call there are also ``Begin (us)`` and ``End (us)`` in one run, if known.
    Raises :class:`VmprofError` without pyarrow.
    """
    model = report.configuration.get("Model")
    title = model if isinstance(model, str) and model else "report"
    return _file({title: report}, _operators if aggregate else _calls, titled=False)


def render_several(reports: Mapping[str, Report], *, aggregate: bool = True) -> bytes:
    """The same of reports by their titles, which the first column has."""
    return _file(reports, _operators if aggregate else _calls, titled=True)


def is_parquet(content: bytes) -> bool:
    """Whether ``content`` is a Parquet file, of vmprof's or of anybody else's."""
    return content.startswith(_MAGIC)


def reports_in(content: bytes) -> Sequence[Embedded]:
    """The reports that a Parquet file of vmprof's holds, at least one.

    :class:`VmprofError` if it is another's or damaged, or without pyarrow.
    """
    pa = pyarrow("a Parquet file")
    try:
        metadata = pa.parquet.read_metadata(io.BytesIO(content)).metadata or {}
        found = metadata.get(_REPORTS)
        text = None if found is None else found.decode()
    except (pa.ArrowException, OSError, ValueError) as error:
        told = str(error).partition("\n")[0]
        raise VmprofError(f"it is a damaged Parquet file: {told}") from error
    if text is None:
        raise VmprofError("it is a Parquet file that holds no report of vmprof's")
    return reports_of(text, "Parquet file")


@uncollected()
def _file(
    reports: Mapping[str, Report], rows_of: Callable[[Report], Sequence[Row]], *, titled: bool
) -> bytes:
    pa = pyarrow()
    rows: list[Row] = []
    missing: dict[str, dict[str, str]] = {}
    for title, report in reports.items():
        about: dict[str, Metric] = {_TITLE: title} if titled else {}
        about |= {name: said for name in _OF_REPORT if (said := report.configuration.get(name))}
        rows += [{**about, **row} for row in rows_of(report)]
        for column, reason in report.missing.items():
            missing.setdefault(column, {})[title] = reason
    fields, arrays = [], []
    names = _Names()
    for column in _in_order(column_names(rows), missing):
        cells = [row.get(column) for row in rows]
        metadata = _about(column, cells, missing.get(column, {}), titled=titled)
        array = _array(pa, column, cells)
        fields.append(pa.field(names.of(column), array.type, metadata=metadata))
        arrays.append(array)
    schema = pa.schema(fields, metadata=as_json(_metadata(reports)))
    table = pa.Table.from_arrays(arrays, schema=schema)
    return written(table, {_REPORTS: document_of(reports.items())})


def _operators(report: Report) -> Sequence[Row]:
    return derive_rows(merge_calls(report.calls), report.derived)


def _calls(report: Report) -> Sequence[Row]:
    windows = windows_of(report) or [None] * len(report.calls)
    rows: list[Row] = []
    for call, window in zip(report.calls, windows, strict=True):
        times = zip(BEGIN_AND_END, window or (), strict=False)
        known = {name: cell for name, cell in call.items() if name != WINDOW}
        rows.append({**known, **{name: Duration(time) for name, time in times}})
    return rows


def _in_order(found: Sequence[str], missing: Mapping[str, object]) -> list[str]:
    """As in the table: those that lead, then the others by the alphabet."""
    leading = [name for name in (_TITLE, *_OF_REPORT, *LEADING_COLUMNS) if name in found]
    return [*leading, *sorted({*found, *missing}.difference(leading))]


def _array(pa: Any, name: str, metrics: Sequence[Metric | None]) -> Any:
    if name not in ALWAYS_TEXT:
        metrics = [None if metric == "" else metric for metric in metrics]
    column = typed(metrics)
    cells: Sequence[Any] = column.cells
    if all(cell is None for cell in cells):  # only its name tells what it would hold
        return pa.nulls(len(cells), _type_of(pa, name))
    match column.kind:
        case "whole":
            kind = pa.int64()
        case "large":
            fits = all(abs(cell or 0) < 10**_MOST_DIGITS for cell in cells)
            kind = pa.decimal128(_MOST_DIGITS) if fits else pa.float64()
            exact: Callable[[Any], Any] = Decimal if fits else float
            cells = [None if cell is None else exact(cell) for cell in cells]
        case "real":
            kind = pa.float64()
            # Among them may be whole numbers, of which pyarrow refuses those beyond 2^53.
            cells = [None if cell is None else float(cell) for cell in cells]
        case "list":
            kind = pa.list_(pa.float64())
        case "text":
            kind = pa.string()
            cells = [None if cell is None else json_text.encodable(cell) for cell in cells]
    return pa.array(cells, kind)


def _type_of(pa: Any, name: str) -> Any:
    match kind_of_column(name):
        case "string":
            return pa.string()
        case "duration" | "percent" | "ratio":
            return pa.float64()
    return pa.int64()


def _about(
    column: str, metrics: Sequence[Metric | None], reasons: Mapping[str, str], *, titled: bool
) -> dict[str, str]:
    """What the metadata of ``column`` say: of which kind and unit it is, and why it is empty."""
    there = (metric for metric in metrics if metric is not None and metric != "")
    kinds = {kind_of(metric).removeprefix("lone ") for metric in there}
    about = {}
    if len(kinds) == 1:
        (kind,) = kinds
        about["kind"] = kind
        unit = "B" if column == BYTES else _UNITS.get(kind)
        if unit is not None:
            about["unit"] = unit
    if reasons:
        told = (f"{title}: {reason}" if titled else reason for title, reason in reasons.items())
        about["not counted"] = "; ".join(dict.fromkeys(told))
    return {name: json_text.encodable(text) for name, text in about.items()}


def _metadata(reports: Mapping[str, Report]) -> dict[bytes, Mapping[str, Any]]:
    """The schema's, for whoever looks, by the titles of the reports."""
    return {
        b"configuration": {title: plain(each.configuration) for title, each in reports.items()},
        b"provenance": {title: plain(each.provenance) for title, each in reports.items()},
        b"not counted": {title: dict(each.missing) for title, each in reports.items()},
    }


class _Names:
    """Names of columns that a file can hold, no two alike."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, column: str) -> str:
        name = json_text.encodable(column)
        numbered = (f"{name} ({number})" for number in count(2))
        while name in self._taken:
            name = next(numbered)
        self._taken.add(name)
        return name
