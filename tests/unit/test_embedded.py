"""Pages hold the reports that they show, and every command that reads reports reads pages."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pages import embedded_of
from support.recordings import Made
from support.reports import hostile, network

from vmprof import Report
from vmprof.compare.readers import parse_reports, read_reports, titles_of
from vmprof.compare.readers.saved import SavedReport
from vmprof.errors import VmprofError
from vmprof.recording import page as recording_page
from vmprof.recording.reports import reports as reports_of_recording
from vmprof.recording.tables import TIMED
from vmprof.report.render import embedded
from vmprof.report.render.html import render_several


@pytest.mark.parametrize("report", [network(tasks=True), hostile(), Report((), {}, {})])
def test_a_page_is_read_as_the_report_that_it_shows(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(report.html(), encoding="utf-8")
    assert read_reports(path) == [SavedReport(report, str(path))]


def test_a_page_of_several_has_them_all() -> None:
    reports = {"before": network(), "</script>": hostile(), "after": network(3)}
    found = parse_reports(render_several(reports), "page.html")
    assert [(saved.report, saved.where) for saved in found] == [
        (report, f"page.html, {title}") for title, report in reports.items()
    ]


def test_the_page_of_a_recording_has_the_reports_of_its_functions() -> None:
    made = Made()
    for _ in range(5):
        made.add(TIMED, 1000, [("a", "", 0, 100), ("b", "float32[2]", 0, 200)])
    recording = made.recording()
    found = parse_reports(recording_page.render(recording), "page.html")
    assert [saved.report for saved in found] == [*reports_of_recording(recording).values()]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda page: page.replace('id="reports"', 'id="others"'), "holds no report of vmprof's"),
        (lambda page: page.replace("vmprof page 1", "vmprof page 7"), "not of the format"),
        (lambda page: page.replace('"deflated"', '"deflatec"'), "damaged: 'deflated'"),
        (lambda page: page.replace('"deflated":"', '"deflated":"!'), "damaged"),
        (lambda page: re.sub(r'("deflated":")[^"]{40}', r"\1", page), "damaged"),
        (lambda page: re.sub(r'"deflated":"[^"]*"', '"deflated":7', page), "damaged"),
        (lambda page: re.sub(r'("reports":)\[.*?\]', r"\1[]", page), "shows no report"),
        (lambda page: re.sub(r'("reports":)\[.*?\]', r"\1[3]", page), "damaged"),
        (lambda page: re.sub(r'(id="reports">)[^<]*', r"\1[", page), "damaged"),
        (lambda page: re.sub(r'(id="reports">)[^<]*', r"\1[]", page), "damaged"),
    ],
)
def test_what_is_damaged_is_an_error_of_one_line(
    change: Callable[[str], str], message: str
) -> None:
    with pytest.raises(VmprofError, match=re.escape(message)) as raised:
        parse_reports(change(network().html()), "page.html")
    assert str(raised.value).startswith("page.html: ")
    assert "\n" not in str(raised.value)


@given(st.integers(0, 400), st.binary(max_size=3))
def test_any_damage_is_an_error_or_harmless(at: int, bytes_: bytes) -> None:
    page = network().html()
    place = page.index('id="reports">') + at
    damaged = page[:place] + bytes_.decode("latin-1") + page[place + 1 :]
    try:
        found = parse_reports(damaged, "page.html")
    except VmprofError as error:
        assert "\n" not in str(error)  # noqa: PT017 # it may be harmless too
    else:
        assert len(found) == 1


def test_a_small_page_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_MOST", 10_000)
    bomb = base64.b64encode(zlib.compress(b" " * 20_000)).decode()
    text = json.dumps({"format": "vmprof page 1", "reports": [{"title": "", "deflated": bomb}]})
    page = network().html()
    with pytest.raises(VmprofError, match="has more than"):
        parse_reports(page.replace(embedded_of(page), text), "page.html")


def test_other_pages_are_told_apart() -> None:
    for text in ("<html></html>", "\n<!-- a -->\n<!DOCTYPE HTML>\n<p>Name  Duration (us)"):
        with pytest.raises(VmprofError, match="a web page that holds no report of vmprof's"):
            parse_reports(text, "other.html")
    with pytest.raises(VmprofError, match="is no report: neither"):
        parse_reports("<htmlish>", "other.txt")


def test_titles_tell_reports_apart() -> None:
    def saved(model: str, where: str) -> SavedReport:
        return SavedReport(Report((), {}, {"Model": model} if model else {}), where)

    reports = [
        saved("resnet18", "a.json"),
        saved("resnet18", "b.json"),
        saved("mlp", "b.json, line 7"),
        saved("", "old.csv"),
        saved("resnet18", "b.json"),
    ]
    assert titles_of(reports) == [
        "resnet18 (a.json)",
        "resnet18 (b.json)",
        "mlp",
        "old.csv",
        "resnet18 (b.json) #2",
    ]
