"""Any report, written and read again, loses nothing that the format can hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from vmprof import Report
from vmprof.compare.readers import parse_reports
from vmprof.report.model import Count, Duration, Metric, Percent, Ratio, Row, Samples

# Characters that take one place each in a table.
LETTERS = st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_categories=("C", "Z"))
LINE = st.lists(st.text(LETTERS, min_size=1, max_size=6), min_size=1, max_size=4).map(" ".join)
WORDS = LINE.filter(lambda text: not re.search(r"^-?(\d|nan|inf)", text))
REAL = st.floats(0, 1e12)
COLUMNS: dict[str, st.SearchStrategy[Metric]] = {
    "Percent": st.floats(0, 1000).map(Percent),
    "Device": LINE,
    "Argument Shapes": LINE | st.just(""),
    "Hash": st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    "layout": WORDS | st.just(""),
    "GFLOP/s": REAL.map(Ratio),
    "perf::CYCLES": st.integers(0, 2**63 - 1).map(Count),
    "perf::PAGE-FAULTS": st.integers(0, 3).map(Count),
    "Longest (us)": REAL.map(Duration),
}
CALL: st.SearchStrategy[Row] = st.fixed_dictionaries(
    {
        "Name": WORDS.filter(lambda name: name not in ("----------", "Sum", "Total")),
        "Duration (us)": REAL.map(Duration),
        "Count": st.integers(1, 10**6).map(Count),
    },
    optional=COLUMNS,
)
TOTAL: st.SearchStrategy[Row] = st.fixed_dictionaries(
    {
        "Name": st.just("Total"),
        "Duration (us)": REAL.map(Duration),
        "Count": st.just(Count(1)),
    },
    optional={name: COLUMNS[name] for name in ("perf::CYCLES", "perf::PAGE-FAULTS")},
)
SETTINGS = st.dictionaries(
    st.from_regex(r"[A-Z][a-z:/]{1,8}( [a-z()]{1,6}){0,2}", fullmatch=True).filter(
        lambda name: not re.match("(?i)(warning|error|info|debug)|.*(: |us$)", name)
    ),
    st.integers(0, 10**15).map(Count) | WORDS,
    max_size=3,
)
REPORTS = st.builds(
    Report,
    calls=st.lists(CALL, min_size=1, max_size=5).map(tuple),
    device_metrics=st.lists(TOTAL, min_size=1, max_size=2).map(
        lambda totals: {f"cpu{n}": {**row, "Device": f"cpu{n}"} for n, row in enumerate(totals)}
    ),
    configuration=st.builds(
        lambda known, others: {**others, **known},
        st.fixed_dictionaries(
            {"Number of threads": st.integers(1, 99).map(Count)},
            optional={"Model": LINE, "Unprofiled mean (us)": REAL.map(Duration)},
        ),
        SETTINGS,
    ),
    missing=st.dictionaries(st.sampled_from(["perf::INSTRUCTIONS", "perf::x: y"]), LINE).map(
        lambda missing: {name.replace(": ", ":"): reason for name, reason in missing.items()}
    ),
)


def rounded(metric: Metric) -> Metric:
    """As a table shows it."""
    match metric:
        case Duration(number):
            return Duration(float(f"{number:.2f}"))
        case Percent(number):
            return Percent(float(f"{number:.2f}"))
        case Ratio(number):
            return Ratio(float(f"{number:.2g}" if abs(number) < 99.5 else f"{number:.0f}"))
    return metric


def shown(row: Row, empty: set[str]) -> dict[str, Metric]:
    """``row`` as a table holds it, in which the columns ``empty`` are so throughout."""
    filled = {name: rounded(metric) for name, metric in row.items() if metric != ""}
    return {**dict.fromkeys(empty, ""), **filled}


@given(REPORTS)
def test_table(report: Report) -> None:
    text = report.heading() + report.table(sort=False, aggregate=False)
    (saved,) = parse_reports(text, "t")
    columns = {"Device", "Argument Shapes", *(name for row in report.calls for name in row)}
    rows = [*report.calls, *report.device_metrics.values()]
    empty = {name for name in columns if all(row.get(name, "") == "" for row in rows)}
    assert saved.report.calls == tuple(shown(row, empty) for row in report.calls)
    assert saved.report.device_metrics == {
        device: shown(row, set()) for device, row in report.device_metrics.items()
    }
    configuration = dict(saved.report.configuration)
    std = configuration.pop("Unprofiled std (us)", None)
    assert std is None
    assert configuration == {name: rounded(metric) for name, metric in report.configuration.items()}
    assert saved.report.missing == report.missing


@given(REPORTS)
def test_a_table_that_was_read_is_printed_the_same(report: Report) -> None:
    options = {"sort": False, "aggregate": False, "col_sums": False}
    text = report.table(**options)
    (saved,) = parse_reports(text, "t")
    assert saved.report.table(**options) == text


@given(REPORTS, st.data())
def test_csv(report: Report, data: st.DataObject) -> None:
    """Quotes, line breaks and all; calls alone, and why others are not there."""
    calls = tuple({**call, "note": data.draw(st.text())} for call in report.calls)
    reason = {"perf::INSTRUCTIONS": data.draw(st.text(min_size=1))}
    report = replace(report, calls=calls, missing={**report.missing, **reason})
    (saved,) = parse_reports(report.csv(), "t")
    strings = {name for row in calls for name, metric in row.items() if isinstance(metric, str)}
    assert saved.report.calls == tuple(csv_row(row, strings) for row in calls)
    assert saved.report.device_metrics == {}
    assert saved.report.configuration == {}
    assert saved.report.missing == report.missing


def csv_row(row: Row, strings: set[str]) -> Mapping[str, Metric]:
    """A string that is not there is an empty one in CSV. TVM writes the leading columns always."""
    always = {"Device", "Argument Shapes"}
    return {**dict.fromkeys([*strings, *always], ""), **row}


@given(REPORTS)
def test_json(report: Report) -> None:
    sampled = replace(
        report,
        calls=tuple(
            {**call, "Duration (us) samples": Samples((1.5, 2.5))} for call in report.calls
        ),
    )
    (saved,) = parse_reports(sampled.json(), "t")
    assert saved.report == sampled
