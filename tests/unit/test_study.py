"""Reports of many hosts as one study: what is an outlier, what is on disk, what is shown."""

from __future__ import annotations

import random
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.support.fleet import OPERATORS, host_report
from tests.support.reports import HOSTILE, hostile
from vmprof import json_text
from vmprof.compare import screen
from vmprof.compare.study import Asked, Study, StudyFolder, is_study
from vmprof.compare.study.folder import _file_name, _point
from vmprof.compare.study.gathered import Gathered
from vmprof.compare.study.outliers import enough_hosts, outlying, student_chance
from vmprof.compare.study.page import page
from vmprof.compare.study.page.strip import WIDTH, Scale, strip
from vmprof.compare.study.summary import Summaries, summarised
from vmprof.compare.study.text import parts_of
from vmprof.errors import VmprofError
from vmprof.report.model import Report
from vmprof.values import Duration, Row

ASKED = Asked("small on rasp", {"model": "small", "options": {"repeats": 5}})


def summary_of(reports: list[Report], alpha: float = 0.01) -> Summaries:
    gathered = Gathered([f"host{number}" for number in range(len(reports))])
    for point, report in zip(gathered.points, reports, strict=True):
        gathered.add(point, report)
    return summarised(gathered, alpha)


def study_at(path: Path, reports: dict[str, Report], missing: dict[str, str]) -> Study:
    folder = StudyFolder.made(path, ASKED)
    folder.plan([*reports, *missing])
    for point, report in reports.items():
        folder.keep(point, report)
    for point, reason in missing.items():
        if reason:
            folder.keep_reason(point, reason)
    return Study(path)


@pytest.mark.parametrize("hosts", [3, 5, 9, 24, 80])
def test_alike_hosts_are_called_outliers_no_more_often_than_is_said(hosts: int) -> None:
    chance, alpha, studies = random.Random(hosts), 0.1, 400
    alarms = 0
    for _ in range(studies):
        times = [100 * chance.lognormvariate(0, 0.03) for _ in range(hosts)]
        alarms += bool(outlying(times, [0.0] * hosts, alpha))
    # Three standard deviations above the rate.
    assert alarms <= studies * alpha + 3 * (studies * alpha * (1 - alpha)) ** 0.5


def test_a_study_of_alike_hosts_has_outliers_no_more_often_than_is_said() -> None:
    """All operators together: those of one host are slow together, as hosts are."""
    chance, alpha, studies = random.Random(1), 0.1, 60
    alarms = 0
    for study in range(studies):
        gathered = Gathered([str(number) for number in range(10)])
        for number, point in enumerate(gathered.points):
            host = chance.lognormvariate(0, 0.02)
            slower = dict.fromkeys(OPERATORS, host)
            gathered.add(point, host_report(1000 * study + number, slower=slower))
        alarms += bool(summarised(gathered, alpha).outliers_of())
    assert alarms <= studies * alpha + 3 * (studies * alpha * (1 - alpha)) ** 0.5


@pytest.mark.parametrize(("hosts", "planted"), [(10, 1), (12, 3), (60, 5)])
def test_planted_outliers_are_found_and_no_others(hosts: int, planted: int) -> None:
    reports = [
        host_report(seed, slower={"dense": 1.4} if seed < planted else {}) for seed in range(hosts)
    ]
    summary = summary_of(reports)
    by_operator = {
        row.operator.name: {outlier.point for outlier in row.outliers} for row in summary.operators
    }
    assert by_operator["dense"] == {f"host{number}" for number in range(planted)}
    assert not any(by_operator[name] for name in OPERATORS if name != "dense")


def test_an_outlier_has_its_counters_beside_those_of_the_rest() -> None:
    summary = summary_of([host_report(0, slower={"dense": 2.0}), *map(host_report, range(1, 12))])
    (dense,) = [row for row in summary.operators if row.operator.name == "dense"]
    (outlier,) = dense.outliers
    there, rest = outlier.beside["perf::CYCLES"]
    assert outlier.point == dense.furthest == "host0"
    assert there == pytest.approx(3000 * 1000, rel=0.1)
    assert rest == pytest.approx(3000 * 500, rel=0.1)
    assert outlier.percent == pytest.approx(100, abs=10)


def test_a_host_whose_own_repeats_differ_as_much_is_none() -> None:
    times = [*(100 + number / 10 for number in range(11)), 130.0]
    assert 11 in outlying(times, [0.0] * 12, 0.01)
    assert outlying(times, [*[0.0] * 11, 30.0**2], 0.01) == {}


def test_hosts_that_agree_to_the_last_digit_make_no_outlier_of_a_step_of_the_clock() -> None:
    assert outlying([10.0] * 11 + [10.001], [0.0] * 12, 0.01) == {}
    assert outlying([10.0] * 11 + [11.0], [0.0] * 12, 0.01).keys() == {11}


@given(st.lists(st.floats(5e-324, 1e308), min_size=1, max_size=12), st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_whatever_the_times_chances_are_chances(times: list[float], seed: int) -> None:
    order = [*range(len(times))]
    random.Random(seed).shuffle(order)
    found = outlying(times, [0.0] * len(times), 0.05)
    assert all(0 <= chance <= 0.05 for chance in found.values())
    # Who comes first says nothing; hosts that are equally far are told apart by nothing else.
    shuffled = outlying([times[place] for place in order], [0.0] * len(times), 0.05)
    assert sorted(shuffled.values()) == pytest.approx(sorted(found.values()), abs=1e-9)


def test_times_that_no_host_takes(tmp_path: Path) -> None:
    times = [1e-320, 1e-300, 1.0, 2.0, 1e300, 1e308, float("inf"), float("nan"), 0.0, -1.0]
    rows: list[Row] = [{"Name": "add", "Duration (us)": Duration(time)} for time in times]
    reports = {f"h:{place}": Report((row,), {}, {}) for place, row in enumerate(rows)}
    study = study_at(tmp_path / "s", reports, {})
    (row,) = study.summary.operators
    assert row.times == {f"h:{place}": time for place, time in enumerate(times[:6])}
    assert "add" in str(study)
    assert "add" in page(study)
    assert json_text.loads(study.json())["operators"][0]["hosts"] == 6


def test_student_by_approximation() -> None:
    exact = {(2.0, 31): 0.054325, (4.0, 60): 0.00017697, (6.0, 200): 9.0e-9}
    for (t, freedom), chance in exact.items():
        assert student_chance(t, freedom) == pytest.approx(chance, rel=0.05)


def test_few_hosts_tell_nothing() -> None:
    summary = summary_of([host_report(0, slower={"dense": 1.3}), host_report(1), host_report(2)])
    assert summary.enough == enough_hosts(5, 0.01) > 3
    assert summary.outliers_of() == {}


def test_operators_that_not_all_hosts_have() -> None:
    alone = host_report(1, operators=("conv2d", "only_here"))
    summary = summary_of([host_report(0), alone, host_report(2)])
    assert {row.operator.name: len(row.times) for row in summary.operators} == {
        "conv2d": 3, "dense": 2, "softmax": 2, "add": 2, "only_here": 1,
    }  # fmt: skip


def test_reports_come_back_from_the_folder(tmp_path: Path) -> None:
    reports = {f"10.0.0.{number}:9090": host_report(number) for number in range(3)}
    study = study_at(tmp_path / "study", reports, {"h:1": "it hangs", "h:2": ""})
    assert dict(study) == reports
    assert study.missing == {"h:1": "it hangs", "h:2": "it was not asked yet"}
    with pytest.raises(VmprofError, match="there is no report of h:1: it hangs"):
        study["h:1"]
    # What arrives later replaces why it had not.
    study.folder.keep("h:1", host_report(9))
    assert [*Study(study.folder.path)] == [*reports, "h:1"]
    assert is_study(study.folder.path)
    assert not is_study(tmp_path)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_every_point_has_a_file_of_its_own(point: str) -> None:
    name = _file_name(point)
    assert _point(name) == point
    assert not {"/", "\0"} & set(name)
    assert not name.startswith(".")


def test_nothing_that_is_there_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path, words in ((tmp_path, "exists, and is not empty"), (tmp_path / "file", "no folder")):
        with pytest.raises(VmprofError, match=words):
            StudyFolder.made(path, ASKED)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    StudyFolder.made(tmp_path / "study", ASKED)
    with pytest.raises(VmprofError, match="--resume completes it"):
        StudyFolder.made(tmp_path / "study", ASKED)
    with pytest.raises(VmprofError, match="cannot make the folder"):
        StudyFolder.made(tmp_path / "no" / "folder", ASKED)


def test_a_folder_takes_only_what_was_asked_for_it(tmp_path: Path) -> None:
    folder = StudyFolder.made(tmp_path / "study", ASKED)
    opened = StudyFolder.opened(folder.path)
    opened.check(ASKED)
    with pytest.raises(VmprofError, match=r'model was "small", now "large"; give'):
        opened.check(Asked("", {**ASKED.about, "model": "large"}))
    with pytest.raises(VmprofError, match=r'options was \{"repeats": 5\}, now not given'):
        opened.check(Asked("", {"model": "small"}))


def test_two_at_once_do_not_write_into_one_folder(tmp_path: Path) -> None:
    folder = StudyFolder.made(tmp_path / "study", ASKED)
    with folder.held(), pytest.raises(VmprofError, match="another vmprof is at work"):
        StudyFolder.opened(folder.path).held().__enter__()
    with folder.held():
        pass


OTHER = '{"vmprof study": 2, "title": "", "about": {}, "points": []}'


@pytest.mark.parametrize(
    ("text", "words"), [("", "damaged"), ("{}", "does not say"), (OTHER, "another version")]
)
def test_damaged_studies(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(VmprofError, match=words):
        Study(tmp_path)


def test_a_damaged_report_costs_its_row(tmp_path: Path) -> None:
    study = study_at(tmp_path / "s", {f"h:{n}": host_report(n) for n in range(4)}, {})
    study.folder.file("h:2").write_text("{")
    study = Study(study.folder.path)
    assert [*study.summary.facts] == ["h:0", "h:1", "h:3"]
    assert "damaged" in study.missing["h:2"]


def test_hosts_are_called_by_their_names_where_these_differ(tmp_path: Path) -> None:
    names = {"a:1": "one", "b:1": "two", "c:1": "two", "d:1": ""}
    reports = {
        point: host_report(number, name=name) for number, (point, name) in enumerate(names.items())
    }
    study = study_at(tmp_path / "s", reports, {})
    assert study.names() == {"a:1": "one", "b:1": "b:1", "c:1": "c:1", "d:1": "d:1"}
    assert study.find("one") == study.find("a:1") == "a:1"
    with pytest.raises(VmprofError, match="there is no report of 'two'"):
        study.find("two")


def test_the_text_fits_and_names_what_matters(tmp_path: Path) -> None:
    reports = {
        f"10.0.0.{number}:9090": host_report(number, slower={"dense": 1.5} if number == 3 else {})
        for number in range(12)
    }
    study = study_at(tmp_path / "s", reports, {"10.0.0.99:9090": "it hangs " + 40 * "long "})
    for width in (60, 80, 120):
        text = screen.render(parts_of(study), width=width, colour=False)
        assert max(map(cell_len, text.splitlines())) <= width
        assert "small on rasp: 12 of 13 servers" in text
        assert "10.0.0.3:9090" in text
        assert "+5" in text
        assert "it hangs long" in text
    shortened = screen.render(parts_of(study, top=1), width=80, colour=False)
    assert "3 more operators are not shown (--top)" in shortened
    assert "conv2d" in shortened
    assert "softmax" not in shortened


def test_what_an_outlier_has_that_others_have_not(tmp_path: Path) -> None:
    reports = {f"h:{number}": host_report(number, processor="fast") for number in range(12)}
    reports["h:3"] = host_report(3, slower=dict.fromkeys(OPERATORS, 1.5), processor="another")
    text = screen.render(parts_of(study_at(tmp_path / "s", reports, {})), width=200, colour=False)
    (line,) = [line for line in text.splitlines() if "4 of 4" in line]
    assert "another" in line
    assert "fast" not in text


def test_the_json_says_all_of_it(tmp_path: Path) -> None:
    reports = {
        f"h:{number}": host_report(number, slower={"dense": 1.5} if number == 3 else {})
        for number in range(12)
    }
    document = json_text.loads(study_at(tmp_path / "s", reports, {"h:99": "gone"}).json())
    assert document["about"] == ASKED.about
    assert document["missing"] == {"h:99": "gone"}
    assert document["hosts"][0]["report"] == "reports/h_0.json"
    (dense,) = [row for row in document["operators"] if row["name"] == "dense"]
    assert [outlier["server"] for outlier in dense["outliers"]] == ["h:3"]
    assert dense["outliers"][0]["chance"] <= document["alpha"]


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "a":
            self.links.append(dict(attributes)["href"] or "")


def test_the_page_links_to_each_host(tmp_path: Path) -> None:
    reports = {
        f"h:{number}": host_report(number, slower={"dense": 1.5} if number == 3 else {})
        for number in range(12)
    }
    study = study_at(tmp_path / "s p", reports, {"h:99": "gone"})
    text = page(study, tmp_path / "page.html")
    found = _Page(text)
    assert set(found.links) == {f"s%20p/reports/h_{number}.json" for number in range(12)}
    assert found.links[0] == "s%20p/reports/h_3.json"  # of the whole, then in dense
    assert "gone" in text
    assert found.tags.count("circle") == 2


def test_a_strip_has_no_more_marks_than_places() -> None:
    (row, *_) = summary_of([host_report(seed) for seed in range(20)]).operators
    few = strip(row, Scale.of([row])).marks
    times = {str(number): row.middle * (1 + number / 100_000) for number in range(10_000)}
    many = strip(replace(row, times=times), Scale.of([row])).marks
    assert 10 < few.count("M") <= 20
    assert many.count("M") <= WIDTH


def test_what_strangers_say_is_text(tmp_path: Path) -> None:
    reports = {f"{text}:{number}": hostile() for number, text in enumerate(HOSTILE)}
    study = study_at(tmp_path / "s", reports, {HOSTILE[0]: HOSTILE[0]})
    found = _Page(page(study))
    assert found.tags.count("script") == 3
    assert "img" not in found.tags
    for text in (str(study), screen.render(parts_of(study), width=80, colour=False)):
        assert all(line.isprintable() for line in text.splitlines())
    assert json_text.loads(study.json())["missing"] == {HOSTILE[0]: HOSTILE[0]}
