"""Several devices: one definition of Percent and Total, TVM's, wherever they show."""

from __future__ import annotations

import re

import pytest

from vmprof import Report
from vmprof.compare.audit import Verdict, audit_report
from vmprof.report.facts import facts
from vmprof.report.render import terminal
from vmprof.report.render.view import View
from vmprof.report.totals import in_no_row, longest_device, longest_total, rows_of
from vmprof.values import Count, Duration, Metric, Percent, Row

TIME = "Duration (us)"


def call(name: str, device: str, time: float, percent: float) -> Row:
    return {
        "Name": name,
        TIME: Duration(time),
        "Percent": Percent(percent),
        "Device": device,
        "Count": Count(1),
        "Argument Shapes": "",
    }


def total(device: str, time: float) -> dict[str, Metric]:
    return {"Name": "Total", TIME: Duration(time), "Device": device, "Count": Count(1)}


# Both Totals hold the whole run, as TVM's profiler starts and stops one timer per device;
# shares are of the longest.
TWO = Report(
    (call("conv", "cuda0", 60.0, 60.0), call("shape", "cpu0", 30.0, 30.0)),
    {"cpu0": total("cpu0", 80.0), "cuda0": total("cuda0", 100.0)},
    {"Model": "two"},
)


def test_the_longest_total_is_all() -> None:
    assert longest_device(TWO) == "cuda0"
    assert longest_total(TWO) == 100.0
    assert in_no_row(TWO) == {"cpu0": 50.0, "cuda0": 40.0}
    assert [row["Name"] for row in rows_of(TWO, "cpu0")] == ["shape"]


def test_without_a_total() -> None:
    bare = Report(TWO.calls, {}, {})
    assert (longest_device(bare), longest_total(bare), in_no_row(bare)) == (None, 0.0, {})


def test_one_total_is_of_all_rows_whatever_they_say_of_devices() -> None:
    one = Report(({"Name": "f", TIME: Duration(3.0)},), {"cpu0": total("cpu0", 4.0)}, {})
    assert in_no_row(one) == {"cpu0": 1.0}


def test_the_numbers_that_a_report_begins_with() -> None:
    found = {fact.name: (fact.value, fact.note) for fact in facts(TWO)}
    assert found["Total, cpu0"][0] == "80.0 us"
    assert found["Total, cuda0"][0] == "100 us"
    assert found["In no row, cpu0"] == ("50.0 us", "50.0 % of Total; what no call explains")
    assert found["In no row, cuda0"] == ("40.0 us", "40.0 % of Total; what no call explains")


def test_the_terminal_says_the_same_as_the_table() -> None:
    shown = terminal.render(TWO, View(), width=100, colour=False)
    shares = {
        (words[0], device[0]): float(share[1])
        for line in shown.splitlines()
        if (share := re.search(r"us +(\d+\.\d) ", line))
        and (words := line.split())
        and (device := re.findall(r"c\w+0", line))
    }
    assert shares == {
        ("conv", "cuda0"): 60.0,
        ("shape", "cpu0"): 30.0,
        ("Total", "cpu0"): 80.0,
        ("Total", "cuda0"): 100.0,
    }
    printed = {line.split()[0]: line.split()[2] for line in TWO.table().splitlines()[1:3]}
    assert printed == {"conv": "60.00", "shape": "30.00"}


def test_the_page_shows_which_device() -> None:
    page = TWO.html()
    assert "In no row, cpu0" in page
    assert "Total, cuda0" in page
    # The column is shown, not only on demand.
    one = Report(TWO.calls[:1], {"cuda0": total("cuda0", 100.0)}, {})
    assert page.count("hidden") < one.html().count("hidden")


@pytest.mark.parametrize(("percent", "verdict"), [(30.0, Verdict.HOLDS), (37.5, Verdict.FAILS)])
def test_the_audit_holds_percent_against_the_longest(percent: float, verdict: Verdict) -> None:
    report = Report(
        (TWO.calls[0], call("shape", "cpu0", 30.0, percent)), TWO.device_metrics, TWO.configuration
    )
    found = {finding.subject: finding for finding in audit_report(report).findings}
    assert found["Percent"].verdict is verdict
    assert found["in no row of cpu0"].text.startswith("50.00 us, 50.0 % of Total")
    assert found["in no row of cuda0"].text.startswith("40.00 us, 40.0 % of Total")
