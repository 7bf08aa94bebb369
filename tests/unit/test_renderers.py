"""Every renderer and every comparison takes every report, whatever its text and its numbers are."""

from __future__ import annotations

import json
from contextlib import suppress
from html.parser import HTMLParser

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from vmprof import Report, VmprofError
from vmprof.compare.audit import audit_report
from vmprof.compare.audit.data import to_json as audit_to_json
from vmprof.compare.audit.text import parts_of as audit_parts
from vmprof.compare.diff import diff_reports
from vmprof.compare.diff.data import to_csv as diff_to_csv
from vmprof.compare.diff.data import to_json as diff_to_json
from vmprof.compare.diff.text import parts_of as diff_parts
from vmprof.compare.parts import plain
from vmprof.report.render import parquet, terminal
from vmprof.report.render.view import View, text
from vmprof.values import TASKS, WINDOW, Count, Duration, Percent, Ratio, Samples

TEXT = st.text(max_size=12) | st.sampled_from(
    ["<b>", "</script>", "Name", "perf::CYCLES", "a_1", "\ud800"]
)
FLOATS = st.floats()
METRICS = (
    st.integers(-(10**30), 10**30).map(Count)
    | FLOATS.map(Duration)
    | FLOATS.map(Percent)
    | FLOATS.map(Ratio)
    | TEXT
)
# The columns that renderers look at, with values that need not be of their kind.
KNOWN = st.sampled_from(
    ["Name", "Duration (us)", "Percent", "Count", "Argument Shapes", "GFLOP/s", "FLOP/byte"]
)
SAMPLES = st.lists(FLOATS, max_size=4).map(lambda values: Samples(tuple(values)))
HIDDEN = st.sampled_from([WINDOW, TASKS, "Duration (us) samples"])
ROWS = st.builds(
    lambda shown, hidden: {**shown, **hidden},
    st.dictionaries(KNOWN | TEXT.filter(lambda t: not t.endswith("samples")), METRICS, max_size=8),
    st.dictionaries(HIDDEN, SAMPLES),
)
REPORTS = st.builds(
    Report,
    calls=st.lists(ROWS, max_size=6).map(tuple),
    device_metrics=st.dictionaries(TEXT, ROWS, max_size=2),
    configuration=st.dictionaries(
        st.sampled_from(["Model", "Repeats", "Peak GFLOP/s", "Peak GB/s", "In no row (us)"]) | TEXT,
        METRICS,
        max_size=6,
    ),
    missing=st.dictionaries(TEXT, TEXT, max_size=2),
)


class Tags(HTMLParser):
    """Fails on what a browser would not take as our own element."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag != "b"
        for name, value in attrs:
            if name in ("x", "y", "cx", "cy", "r", "width", "x1", "x2", "y1", "y2"):
                assert value is not None
                assert value == "device-width" or abs(float(value)) < 10_000


@settings(max_examples=40, phases=[Phase.explicit, Phase.generate])
@given(REPORTS)
def test_all_of_them(report: Report) -> None:
    page = report.html()
    Tags().feed(page)
    begin = page.index('id="data">') + len('id="data">')
    json.loads(page[begin : page.index("</script>", begin)], parse_constant=refuse)
    assert (page + report._repr_html_()).encode()
    shown = terminal.render(report, View(), width=90, colour=False)
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert (text(report, View(top=2)) + report.csv()).encode()
    assert [*text_string_to_metric_families(report.openmetrics())]
    assert parquet.reports_in(report.parquet())
    with suppress(VmprofError):  # it has no times, as the message says
        json.loads(report.trace(), parse_constant=refuse)


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(REPORTS, REPORTS)
def test_what_compares_them(before: Report, after: Report) -> None:
    audit, diff = audit_report(before), diff_reports(before, after)
    for shown in (plain(audit_parts(audit, "a\x1b")), plain(diff_parts(diff, "a\n", "\x07"))):
        assert all(line.isprintable() for line in shown.split("\n"))
    for written in (audit_to_json([("a", audit)]), diff_to_json(diff, "a", "b")):
        json.loads(written, parse_constant=refuse)
    assert diff_to_csv(diff).encode()
