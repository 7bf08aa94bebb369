"""Any report, written and read again, loses nothing that the format can hold."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from vmprof import Report, json_text
from vmprof.compare.readers import parse_reports
from vmprof.report.render.json import to_document
from vmprof.values import Count, Derived, Duration, Metric, Percent, Ratio, Row, Samples

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
            printed = f"{number:.2g}" if abs(number) < 99.5 else f"{number:.0f}"
            return Ratio(float(printed), is_lone=True)
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


# Whatever a row can hold: names of lines that are no rows, what steers a terminal, what
# looks like a number.
ODD = st.sampled_from(
    (
        *("", " ", "a  b", " a", "a ", "a\nb", "a\r", "\t", "\x1b[31m", "\x00", "\u202e", "\ud800"),
        *("Name", "Sum", "Total", "----------", "Configuration", "Not counted", "Derived", "Kinds"),
        *("vmprof", "Count", "Duration (us)", "Percent", "Not counted: x", "Derived: x", "# x"),
        *("1", "-5", "nan", "inf", "1,000", '"', '""', '"a"', "x: y", "x samples", "warning: x"),
        *(
            "Setting: x",
            "Provenance: x",
            "pod | Name",
            "Window (us)",
            "sep=,",
            "{",
            "\u00a0",
            "\U0001f600",
            "\u4e2d",
        ),
    )
)
ANY_TEXT = st.text(max_size=8) | ODD
ANY_NUMBER = st.floats() | st.sampled_from((1.0, -0.0, 1e300))
ANY_METRIC: st.SearchStrategy[Metric] = st.one_of(
    ANY_TEXT,
    st.integers(-(10**30), 10**30).map(Count),
    ANY_NUMBER.map(Duration),
    st.builds(Percent, ANY_NUMBER, st.booleans()),
    st.builds(Ratio, ANY_NUMBER, st.booleans()),
    st.lists(ANY_NUMBER, max_size=3).map(lambda numbers: Samples(tuple(numbers))),
)
ANY_ROW = st.dictionaries(ANY_TEXT | st.sampled_from(sorted(COLUMNS)), ANY_METRIC, max_size=5)
ANY_REPORT = st.builds(
    Report,
    calls=st.lists(ANY_ROW, max_size=4).map(tuple),
    device_metrics=st.dictionaries(ANY_TEXT, ANY_ROW, max_size=2),
    configuration=st.dictionaries(ANY_TEXT, ANY_METRIC, max_size=4),
    missing=st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=2),
    derived=st.lists(
        st.builds(
            Derived, ANY_TEXT, st.just("a / b"), st.just("ratio"), st.just({"a": "x", "b": ""})
        ),
        max_size=2,
        unique_by=lambda entry: entry.column,
    ).map(tuple),
    provenance=st.dictionaries(ANY_TEXT, ANY_METRIC, max_size=3),
)


def told(report: Report, *, samples: bool = True) -> str:
    """All that ``report`` says, in one order; NaN is the same as NaN."""

    def items(mapping: Mapping[str, object]) -> list[tuple[str, object]]:
        return sorted((n, m) for n, m in mapping.items() if samples or not isinstance(m, Samples))

    return repr(
        (
            [items(call) for call in report.calls],
            sorted((device, items(row)) for device, row in report.device_metrics.items()),
            sorted(report.configuration.items()),
            sorted(report.missing.items()),
            report.derived,
            sorted(report.provenance.items()),
        )
    )


@given(ANY_REPORT)
def test_any_report_as_json(report: Report) -> None:
    text = report.json()
    json.loads(text, parse_constant=refuse)
    assert text == json_text.dumps(to_document(report), compact=True)
    assert told(Report.from_json(text)) == told(report)


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


@given(ANY_REPORT)
def test_any_report_as_csv(report: Report) -> None:
    """Samples are not in it, and half a surrogate pair no file can hold."""
    (saved,) = parse_reports(report.csv(), "t")
    rows = tuple(
        {name: m for name, m in call.items() if not isinstance(m, Samples)} for call in report.calls
    )
    expected = told(replace(report, calls=rows)).replace("\\ud800", "\ufffd")
    assert told(saved.report).replace("\\ud800", "\ufffd") == expected


@given(ANY_REPORT.filter(lambda report: report.calls), st.lists(ANY_TEXT, max_size=4))
def test_names_in_any_table(report: Report, names: list[str]) -> None:
    """No name passes for another line; none is lost."""
    calls = tuple(
        {**call, "Name": name}
        for call, name in itertools.zip_longest(report.calls, names)
        if call is not None and name is not None
    ) or ({"Name": "x"},)
    calls = tuple({**call, "Duration (us)": Duration(float(n))} for n, call in enumerate(calls))
    derived = tuple(entry for entry in report.derived if entry.column not in calls[0])
    report = replace(report, calls=calls, derived=derived)
    (saved,) = parse_reports(report.heading() + report.table(sort=False, aggregate=False), "t")
    read = [(call["Name"], call["Duration (us)"]) for call in saved.report.calls]
    assert read == [(call["Name"], call["Duration (us)"]) for call in calls]
    assert len(saved.report.device_metrics) == len(report.device_metrics)
    settings = {n for n, m in report.configuration.items() if not isinstance(m, Samples)}
    assert settings <= saved.report.configuration.keys()
    assert saved.report.missing == report.missing


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
