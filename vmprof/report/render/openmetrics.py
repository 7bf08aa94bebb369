"""OpenMetrics' text format, which Prometheus and whatever speaks its language read.

Every metric is a gauge: what one measuring saw, no count since a process began. So the text is
also of Prometheus' older format, which node_exporter's textfile collector and the Pushgateway
take. Units are OpenMetrics' base units: seconds, bytes, shares from 0 to 1. Names of operators
and columns are values of labels, which may be any text; they make no names of metrics.

What has no number has no sample. Texts are values of labels of metrics ``..._info``, as far as
they stay the same from run to run: each new text begins a new time series.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vmprof import json_text
from vmprof.report.aggregate import merge_calls
from vmprof.report.derive import derive_rows
from vmprof.report.model import Report
from vmprof.report.provenance import GOVERNOR, KERNEL, LIBRARY_ID, PROCESSOR, is_known
from vmprof.uncollected import uncollected
from vmprof.values import BYTES, FLOPS, FUNCTION, Count, Duration, Metric, Percent, Ratio, Row

_Labels = Mapping[str, str]

# What every sample of a report says of it, by the lines of the configuration.
_OF_REPORT = {"model": "Model", "function": FUNCTION, "engine": "Engine"}
# What tells operators apart.
_OF_OPERATOR = {
    "operator": "Name",
    "shapes": "Argument Shapes",
    "device": "Device",
    "hash": "Hash",
}
_OF_RUN = {"device": "Device"}
# What vmprof_report_info says besides, of the configuration or of the provenance.
_STABLE = {
    "vmprof": "vmprof",
    "tvm": "TVM",
    "counter_set": "Counter set",
    "processor": PROCESSOR,
    "kernel": KERNEL,
    "governor": GOVERNOR,
    "library_id": LIBRARY_ID,
}


@dataclass(frozen=True)
class _Family:
    """Part of a metric's name, its unit if that has one, and what it is."""

    name: str
    unit: str
    help: str


# By column and kind: those that have a metric of their own.
_OWN: Mapping[tuple[str, type], _Family] = {
    ("Duration (us)", Duration): _Family("duration_seconds", "seconds", "Time of all its calls."),
    ("Count", Count): _Family("calls", "", "How often it was called."),
    ("Percent", Percent): _Family("share_ratio", "ratio", "Its share of the run's time."),
    (FLOPS, Count): _Family("flops", "", "Operations on data."),
    (BYTES, Count): _Family("bytes", "bytes", "Bytes of the tensors that it can touch."),
}
# By kind: all others, which a label tells apart.
_OTHERS: Mapping[type, _Family] = {
    Duration: _Family("time_seconds", "seconds", "Other times, by what they are of."),
    Count: _Family("counts", "", "What was counted, by event or column."),
    Percent: _Family("ratio", "ratio", "Shares, 1 being 100 %, by column."),
    Ratio: _Family("quotient", "", "Quotients, in the unit that the column's name says."),
}


class Exposition:
    """Samples, gathered by metric, since those of one metric have to stand together."""

    def __init__(self) -> None:
        self._metrics: dict[str, tuple[_Family, list[str]]] = {}
        self._seen: Counter[tuple[str, str]] = Counter()

    def add(self, family: _Family, labels: _Labels, value: str) -> None:
        """One sample; where others have the same labels, as of damaged names, it has a number."""
        _, samples = self._metrics.setdefault(family.name, (family, []))
        told = _labels(labels)
        self._seen[family.name, told] += 1
        number = self._seen[family.name, told]
        if number > 1:
            told = _labels({**labels, "number": str(number)})
        samples.append(f"{told} {value}")

    def add_row(self, prefix: str, label: str, row: Row, labels: _Labels) -> None:
        """All numbers of ``row``; ``label`` names the columns that have no metric of their own."""
        for column, cell in row.items():
            number = _number(cell)
            if number is None:
                continue
            own = _OWN.get((column, type(cell)))
            if own is not None:
                self.add(_named(prefix, own), labels, number)
                continue
            name = column.removesuffix(" (us)") if isinstance(cell, Duration) else column
            self.add(_named(prefix, _OTHERS[type(cell)]), {**labels, label: name}, number)

    def text(self) -> str:
        lines = [*self._lines(), "# EOF\n"]
        return json_text.encodable("".join(lines))

    def _lines(self) -> Iterator[str]:
        for name, (family, samples) in self._metrics.items():
            yield f"# TYPE {name} gauge\n"
            if family.unit:
                yield f"# UNIT {name} {family.unit}\n"
            yield f"# HELP {name} {family.help}\n"
            yield from (f"{name}{sample}\n" for sample in samples)


def render(report: Report) -> str:
    """``report`` as OpenMetrics text."""
    found = Exposition()
    add_report(found, report)
    return found.text()


def render_several(reports: Mapping[str, Report]) -> str:
    """Reports by their titles, which the label ``report`` has."""
    found = Exposition()
    for title, report in reports.items():
        add_report(found, report, title)
    return found.text()


@uncollected()
def add_report(found: Exposition, report: Report, title: str | None = None) -> None:
    """Operators, the run, how it was measured, and what could not be counted."""
    whose = {} if title is None else {"report": title}
    whose |= _told(_OF_REPORT, report.configuration)
    for row in derive_rows(merge_calls(report.calls), report.derived):
        labels = {**whose, **_told(_OF_OPERATOR, row)}
        found.add_row("vmprof_operator", "column", row, labels)
        for column, cell in row.items():
            if isinstance(cell, str) and cell and column not in _OF_OPERATOR.values():
                info = _Family("vmprof_operator_info", "", "What columns say in words.")
                found.add(info, {**labels, "column": column, "value": cell}, "1")
    for device, row in report.device_metrics.items():
        labels = {**whose, "device": device, **_told(_OF_RUN, row)}
        found.add_row("vmprof_run", "column", row, labels)
    found.add_row("vmprof_setting", "setting", report.configuration, whose)
    found.add_row("vmprof_provenance", "fact", report.provenance, whose)
    about = {**report.provenance, **report.configuration}
    known = {name: metric for name, metric in about.items() if is_known(metric)}
    info = _Family("vmprof_report_info", "", "By what, and on what, the report was measured.")
    found.add(info, {**whose, **_told(_STABLE, known)}, "1")
    for column, reason in report.missing.items():
        why = _Family("vmprof_not_counted_info", "", "What could not be counted, and why.")
        found.add(why, {**whose, "column": column, "reason": reason}, "1")


def _named(prefix: str, family: _Family) -> _Family:
    return _Family(f"{prefix}_{family.name}", family.unit, family.help)


def _told(columns: Mapping[str, str], row: Mapping[str, Metric]) -> dict[str, str]:
    """The texts of ``columns``, by label, that ``row`` has."""
    cells = ((label, row.get(column)) for label, column in columns.items())
    return {label: cell for label, cell in cells if isinstance(cell, str) and cell}


def _labels(labels: _Labels) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escaped(text: str) -> str:
    escaped = json_text.encodable(text).replace("\\", "\\\\")
    return escaped.replace('"', '\\"').replace("\n", "\\n")


def _number(cell: Metric) -> str | None:
    """``cell`` in its base unit; None if it is no number."""
    match cell:
        case Count(value):
            return str(value)
        case Duration(microseconds):
            return _float(microseconds / 1e6)
        case Percent(percent):
            return _float(percent / 100)
        case Ratio(ratio):
            return _float(ratio)
    return None


def _float(value: float) -> str:
    if math.isfinite(value):
        return repr(float(value))
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
