"""What names and files say steers no terminal, in no text that vmprof prints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.reports import HOSTILE, hostile

from vmprof import Report, VmprofError
from vmprof.compare.audit import audit_report
from vmprof.compare.audit.text import parts_of as audit_parts
from vmprof.compare.diff import diff_reports
from vmprof.compare.diff.text import parts_of as diff_parts
from vmprof.compare.grid import grid
from vmprof.compare.parts import plain
from vmprof.compare.readers import parse_reports
from vmprof.report.render import terminal
from vmprof.report.render.view import View, text
from vmprof.values import Count, Duration
from vmprof.visible import cell, quoted, setting, unquoted, visible

TITLE = "\x1b]0;owned\x07 a\nb \ud800"


def assert_visible(shown: str) -> None:
    assert all(line.isprintable() for line in shown.split("\n"))


def test_every_text_of_a_report() -> None:
    report = hostile()
    report = replace(report, calls=(*report.calls, {"Name": TITLE, "Duration (us)": Duration(1.0)}))
    other = replace(report, configuration={"Model": "x"}, calls=report.calls[:2])
    for shown in (
        report.heading() + report.table(),
        report.table(aggregate=False, by_path=True),
        text(report, View(top=2)),
        terminal.render(report, View(), width=90, colour=False),
        plain(diff_parts(diff_reports(report, other), TITLE, TITLE)),
        plain(audit_parts(audit_report(report), TITLE)),
        grid(["a", TITLE], [[TITLE, "1"]]),
    ):
        assert_visible(shown)
    # Four kernels of a stranger and ours: as many rows, whatever their names say.
    (saved,) = parse_reports(report.heading() + report.table(sort=False), "t")
    assert [call["Name"] for call in saved.report.calls] == [*HOSTILE, TITLE]


def test_names_of_lines_that_are_no_calls() -> None:
    names = ("Total", "----------", "Sum", "Configuration", "Name", "", "a\nTotal  1.00")
    calls = [{"Name": name, "Duration (us)": Duration(1.0), "Count": Count(1)} for name in names]
    report = Report(tuple(calls), {"cpu0": {"Duration (us)": Duration(9.0)}}, {"Model": "m"})
    (saved,) = parse_reports(report.table(sort=False), "t")
    assert [call["Name"] for call in saved.report.calls] == list(names)
    assert saved.report.device_metrics == {"": {"Name": "Total", "Duration (us)": Duration(9.0)}}
    assert saved.printed_sum == {"Name": "Sum", "Duration (us)": Duration(7.0), "Count": Count(7)}


def test_ordinary_text_stays_as_it_is() -> None:
    for name in (
        "fused_conv2d_add_relu_1",
        "vm.builtin.alloc_storage",
        "a b",
        "float32[1, 3]",
        "é",
    ):
        assert visible(name) == cell(name, is_name=True) == setting(name) == name


@given(st.text() | st.sampled_from(["\\", '\\"', "\\n", "  ", "\ud800"]))
def test_quotes_lose_nothing(content: str) -> None:
    shown = quoted(content)
    assert shown.isprintable()
    assert "  " not in shown
    assert unquoted(shown) == content


def test_save_in_the_form_of_the_name(tmp_path: Path) -> None:
    report = parse_reports(hostile().json(), "t")[0].report
    forms = {
        "r.json": report.json(),
        "R.JSON": report.json(),
        "r.csv": report.csv(),
        "r.html": report.html(),
        "r.trace.json": report.trace(),
        "r.txt": report.heading() + report.table(),
    }
    for name, content in forms.items():
        report.save(tmp_path / name)
        assert (tmp_path / name).read_text() == content
    report.to_html(str(tmp_path / "page"))
    assert (tmp_path / "page").read_text() == report.html()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*forms, "page"])
    (tmp_path / "r.csv").write_text("old")
    report.save(str(tmp_path / "r.csv"))
    assert (tmp_path / "r.csv").read_text() == report.csv()


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    report = Report(({"Name": "f"},), {}, {})
    with pytest.raises(VmprofError, match=r"what to write into r\.pdf; it has to end in one of"):
        report.save("r.pdf")
    with pytest.raises(VmprofError, match=r"cannot write .*r\.json: No such file or directory"):
        report.save(tmp_path / "none" / "r.json")
    with pytest.raises(VmprofError, match="does not say when its calls were"):
        report.save(tmp_path / "r.trace.json")
    assert not list(tmp_path.iterdir())
