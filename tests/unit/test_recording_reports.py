"""Recordings made up from numbers: what reports, the summary and growth say of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from support.recordings import Made
from support.reports import HOSTILE

from vmprof import VmprofError
from vmprof.compare.audit import Verdict, audit_report
from vmprof.record.sessions.store import Folded, Store
from vmprof.recording import text
from vmprof.recording.groups import groups_of
from vmprof.recording.growth import growths
from vmprof.recording.reports import reports
from vmprof.recording.summary import summary
from vmprof.recording.tables import TIMED, UNRECORDED, Function, Recording
from vmprof.report.model import Report
from vmprof.report.render.json import parse
from vmprof.values import Count, Duration, Samples


def report_of(made: Made, by: str = "operator") -> Report:
    (report,) = reports(made.recording(), by).values()
    return report


def microseconds(report: Report, name: str) -> float:
    (row,) = [row for row in report.calls if row["Name"] == name]
    duration = row["Duration (us)"]
    assert isinstance(duration, Duration)
    return duration.microseconds


def test_rows_and_what_is_in_no_row_add_up_to_total() -> None:
    made = Made()
    for ns in (9000, 1000, 2000, 3000, 100_000, 2500, 1500, 50):
        made.add(TIMED, ns, [("a", "float32[2]", 0, ns // 2), ("b", "", 0, ns // 4)])
    report = report_of(made)
    total = report.device_metrics["cpu0"]["Duration (us)"]
    # The middle half of eight: 1.5, 2, 2.5 and 3 us.
    assert total == Duration(pytest.approx(2.25))
    assert microseconds(report, "a") == pytest.approx(1.125)
    in_no_row = report.configuration["In no row (us)"]
    assert isinstance(in_no_row, Duration)
    rows = microseconds(report, "a") + microseconds(report, "b")
    assert rows + in_no_row.microseconds == pytest.approx(2.25)
    assert report.configuration["Times"] == "per invocation, over the middle 4 of 8 invocations"


def test_a_call_inside_another_is_not_counted_twice() -> None:
    made = Made()
    made.add(
        TIMED, 10_000, [("outer", "", 0, 8000), ("inner", "", 1, 3000), ("inner", "", 1, 1000)]
    )
    report = report_of(made)
    assert microseconds(report, "outer") == 4.0
    assert microseconds(report, "inner") == 4.0
    (outer,) = [row for row in report.calls if row["Name"] == "outer"]
    assert outer["Duration incl. (us)"] == Duration(8.0)
    (inner,) = [row for row in report.calls if row["Name"] == "inner"]
    assert inner["Count"] == Count(2)


def test_shapes_fold_into_ranges_or_are_split() -> None:
    made = Made()
    for length in (17, 40, 80):
        made.add(TIMED, 1000, [("attention", f"float32[1, 8, {length}, 64]", 0, 500)])
    (row,) = report_of(made).calls
    assert row["Argument Shapes"] == "float32[1, 8, 17..80, 64]"
    shapes = {str(row["Argument Shapes"]) for row in report_of(made, by="shape").calls}
    assert shapes == {f"float32[1, 8, {length}, 64]" for length in (17, 40, 80)}


def test_calls_whose_number_differs_say_how_many() -> None:
    made = Made()
    for count in (1, 2, 2, 3):
        made.add(TIMED, 1000, [("step", "", 0, 100)] * count)
    (row,) = report_of(made).calls
    assert row["Calls per invocation"] == "1..3"
    assert row["Count"] == Count(2)


def test_counters_are_of_their_own_invocations() -> None:
    made = Made(columns=("cycles",))
    made.add(TIMED, 1000, [("a", "", 0, 500)])
    for cycles in (10_000, 12_000, 14_000):
        made.add(1, cycles, [("a", "", 0, cycles // 2)])
    report = report_of(made)
    assert report.calls[0]["cycles"] == Count(6000)
    assert report.device_metrics["cpu0"]["cycles"] == Count(12_000)
    assert "over the middle 1 of 3 invocations" in str(report.configuration["Counters, pass 1"])


def test_unrecorded_invocations_tell_the_undisturbed_time() -> None:
    made = Made()
    made.add(TIMED, 2000)
    made.add(UNRECORDED, 1000)
    made.add(UNRECORDED, 3000)
    configuration = report_of(made).configuration
    assert configuration["Unprofiled mean (us)"] == Duration(2.0)
    assert configuration["Unprofiled mean (us) samples"] == Samples((1.0, 3.0))


def test_the_summary_has_first_and_rest() -> None:
    made = Made()
    for ns in (50_000, 1000, 2000, 3000):
        made.add(TIMED, ns)
    made.add(TIMED, 9000, failed=1)
    (row,) = summary(groups_of(made.recording()))
    assert row["Invocations"] == Count(5)
    assert row["Sum (us)"] == Duration(65.0)
    assert row["First (us)"] == Duration(50.0)
    assert row["Rest (us)"] == Duration(2.0)
    assert row["Failed"] == Count(1)


def test_operators_that_grow_are_named() -> None:
    made = Made()
    for step in range(40):
        cost = 1000 + 50 * step
        calls = [
            ("attention", f"float32[1, {17 + step}, 64], float32[{17 + step}]", 0, cost),
            ("matmul", "float32[1, 64]", 0, 700 + 10 * (step % 3)),
        ]
        made.add(TIMED, cost + 1000, calls)
    recording = made.recording()
    (group,) = groups_of(recording)
    found = {(each.operator, each.what): each for each in growths(group)}
    assert set(found) == {
        (None, "invocation"),
        ("attention", "invocation"),
        ("attention", "dimension 2 of tensor 1"),
    }
    by_size = found["attention", "dimension 2 of tensor 1"]
    assert by_size.slope.value == pytest.approx(0.05)
    assert (by_size.first, by_size.last) == (17, 56)
    shown = text.render(recording)
    assert "main: attention grows by 50.0 ns for each 1 of dimension 2 of tensor 1" in shown
    assert "matmul grows" not in shown


def test_one_call_of_another_size_is_no_growth() -> None:
    made = Made()
    for step in range(20):
        length = 5 if step == 0 else 1
        made.add(TIMED, 9000 * length, [("a", f"float32[{length}, 64]", 0, 5000 * length)])
    (group,) = groups_of(made.recording())
    assert growths(group) == []


def test_what_was_not_seen_is_said() -> None:
    made = Made()
    made.add(TIMED, 1000)
    shown = text.render(made.recording())
    assert "one problem" in shown
    assert "VM 1: something is not seen" in shown
    assert "cycles: there is no PMU" in shown


def test_an_empty_recording_says_so() -> None:
    assert "no attached VM was called" in text.render(Made().recording())


def test_every_renderer_takes_its_reports() -> None:
    made = Made(columns=("cycles",))
    for turn in (TIMED, 1, UNRECORDED) * 2:
        made.add(turn, 4000, [("a", "float32[2]", 0, 3000), ("b", "float32[2]", 1, 1000)])
    report = report_of(made)
    assert parse(report.json()) == report
    for rendered in (report.table(), report.csv(), report.html()):
        assert "float32[2]" in rendered
    with pytest.raises(VmprofError, match="does not say when its calls were"):
        report.trace()  # a row stands for calls of many invocations
    verdicts = [finding.verdict for finding in audit_report(report).findings]
    assert Verdict.FAILS not in verdicts
    assert Verdict.HOLDS in verdicts


# ---- edges --------------------------------------------------------------------------------


def functions(names: Sequence[str], labels: Sequence[str] = ()) -> Recording:
    """Each is called twice, and each has a label if there are any; all take the same time."""
    made = Made()
    for name in names:
        for _ in range(2):
            made.add(TIMED, 1000, [(f"kernel of {name}", "", 0, 500)])
    whole = made.recording()
    invocations = whole.invocations.copy()
    invocations["function"] = np.repeat(np.arange(len(names)), 2)
    invocations["number"] = [0, 1] * len(names)
    if labels:
        invocations["label"] = np.repeat(np.arange(len(names)), 2)
    store = Store(None, 1)
    store.add(Folded(invocations, whole.calls, ()))
    return replace(
        whole,
        invocations=invocations,
        totals=store.totals(),
        functions=tuple(Function(name, 0) for name in names),
        labels=tuple(labels or ("",)),
    )


def test_of_many_functions_those_that_took_most_have_tables() -> None:
    shown = text.render(functions([f"f{number}" for number in range(300)]))
    assert shown.count("Evaluate vm inference cost") == 3
    assert "\n\n297 functions have no table here, as less than 1 % of the time went there" in shown
    assert len(re.findall(r"^f\d+ +2 ", shown, re.MULTILINE)) == 300
    shown = text.render(functions([f"f{number}" for number in range(50)]))
    assert shown.count("Evaluate vm inference cost") == 50
    assert "no table here" not in shown


def test_long_names_leave_the_summary_readable() -> None:
    recording = functions(["x" * 3000, "y"])
    summary_lines = text.render(recording).split("\n\n")[0].splitlines()
    assert max(map(len, summary_lines)) < 250
    assert f"{'x' * 39}…{'x' * 40} " in summary_lines[1] + summary_lines[2]
    assert "x" * 3000 in reports(recording)


def test_titles_that_would_be_the_same_are_told_apart() -> None:
    recording = functions(["f [x]", "f"], labels=["", "x"])
    assert [*reports(recording)] == ["f [x]", "f [x] (2)"]
    shown = text.render(recording)
    assert "kernel of f [x] " in shown
    assert "kernel of f " in shown


def test_foreign_text_is_one_line_that_steers_no_terminal() -> None:
    made = Made()
    for step in range(40):
        made.add(TIMED, 1000 + 100 * step, [(HOSTILE[3], "", 0, 500 + 100 * step)])
    recording = replace(made.recording(), problems=("a\x1b[31m\nb",))
    shown = text.render(recording)
    assert "grows by" in shown
    assert not [c for c in shown if not c.isprintable() and c != "\n"]
    assert "\na\ufffd[31m\ufffdb\n" in shown


def test_a_summary_leaves_columns_out_where_there_is_no_room() -> None:
    recording = functions(["prefill", "decode"])
    whole, *_ = text.render(recording).split("\n\n")
    assert len(whole.splitlines()[0].rstrip()) > 80
    narrow, *_ = text.render(recording, width=80).split("\n\n")
    header, *_, told = narrow.splitlines()
    assert len(header.rstrip()) <= 80
    assert "First (us)" in header
    assert told.startswith("Not shown, for want of room: p10 (us), p90 (us)")
    # The function and what it took stay in any case.
    header, *_ = text.render(recording, width=1).splitlines()
    assert header.split("  ")[0] == "Function"
    assert "Sum (us)" in header
