"""The insides of operators on a report's page, without a browser (tests/browser has the rest)."""

from __future__ import annotations

import sys
from dataclasses import replace

import msgspec
import pytest
from support.pages import Elements, data_of
from support.recordings import Made
from support.sampled_code import CODE, sampled_report

from vmprof import Report
from vmprof.inside import instructions
from vmprof.inside.code import Function
from vmprof.recording.groups import groups_of
from vmprof.recording.page.function import FunctionView
from vmprof.recording.tables import TIMED
from vmprof.report.render.html import inside, render, render_several
from vmprof.report.render.html.inside import Insides
from vmprof.report.render.inside.near import Gap, near
from vmprof.sampling.model import Hit
from vmprof.values import Duration, Row


def with_rows(*names: str) -> Report:
    """Rows of these names, the first of which has samples in :data:`CODE`."""
    report = sampled_report()
    rows: list[Row] = [
        {"Name": name, "Argument Shapes": f"float32[{at}]", "Duration (us)": Duration(9.0 - at)}
        for at, name in enumerate(names)
    ]
    return replace(report, calls=tuple(rows))


def with_hits(report: Report, *hits: Hit) -> Report:
    assert report.samples is not None
    return replace(report, samples=replace(report.samples, hits=hits))


def test_rows_with_samples_have_their_inside() -> None:
    page = render(with_rows("kernel", "other"))
    assert Elements(page).found["template"] == 1
    text = Elements(page).text
    for part in ("40 samples of cpu-clock", "y[i] = y[i] + x[k]", "vaddss xmm0", "kernel_compute_"):
        assert part in text
    first, second = data_of(page)["details"]
    assert first["inside"] == {"part": 0, "note": ""}
    assert "inside" not in second


def test_what_was_kept_is_used_where_the_library_is_gone() -> None:
    report = with_rows("kernel")
    assert "vaddss" in render(Report.from_json(report.json()))
    # Without it nobody can say more than which functions.
    text = Elements(render(replace(report, code=()))).text
    assert "The code of /models/m.so is not shown: it cannot be read: No such file" in text
    assert "vaddss" not in text
    assert "kernel_compute_" in text


def test_rows_of_one_name_are_told_to_share_it() -> None:
    details = data_of(render(with_rows("kernel", "kernel")))["details"]
    note = "Of all 2 rows of this name together."
    assert [each["inside"] for each in details] == [{"part": 0, "note": note}] * 2


def test_a_report_without_samples_has_none() -> None:
    page = render(replace(with_rows("kernel"), samples=None))
    assert "template" not in Elements(page).found
    assert "by instruction, by function" not in Elements(page).text


def test_what_has_no_room_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    hits = Hit(0, 0, 0x1002, 0, 9, 9), Hit(1, 0, 0x1002, 0, 1, 1)
    report = with_hits(with_rows("hot", "cold"), *hits)
    whole = Insides.of(report)
    monkeypatch.setattr(inside, "_MOST_BYTES", len(whole.parts[0].encode()))
    assert Insides.of(report).place == {"hot": 0}
    notes = [each["inside"]["note"] for each in data_of(render(report))["details"]]
    assert notes == [
        "",
        "There was no room on this page for its inside; vmprof annotate --op shows it.",
    ]


def test_the_page_is_there_where_nothing_reads_machine_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "capstone", None)
    instructions._instructions.cache_clear()  # what was read before
    first, second = data_of(render(with_rows("kernel", "other")))["details"]
    assert first["inside"]["note"].startswith(
        "Its inside is not shown: to read machine code takes capstone"
    )
    assert "inside" not in second


def test_a_long_function_with_samples_everywhere_is_short() -> None:
    """A sample on each of 20,000 instructions: those with most are shown, of others how many."""
    nops = msgspec.structs.replace(
        CODE, functions=(Function("kernel_compute_", 0x1000, b"\x90" * 20_000),)
    )
    report = replace(sampled_report(nops), calls=with_rows("kernel").calls)
    hits = [Hit(0, 0, 0x1000 + at, 0, 1, 1) for at in range(20_000)]
    hits[500] = Hit(0, 0, 0x1000 + 500, 0, 1000, 1000)
    found = Insides.of(with_hits(report, *hits))
    (part,) = found.parts
    assert len(part) < 100_000
    assert "11f4" in part
    assert "instructions, together" in part


def test_pages_of_several_reports_have_each_its_own() -> None:
    page = render_several({"before": with_rows("kernel"), "after": with_rows("kernel")})
    assert page.count('<template id="inside-0">') == 2


def test_rows_that_a_recordings_page_sums_up_have_one_inside() -> None:
    """Hits are of a report's rows by number, and the page of a recording has fewer of them."""
    made = Made()
    made.add(TIMED, 10**6, [(f"op_{n:03}", "", 0, 2000 - n) for n in range(600)])
    (group,) = groups_of(made.recording(), "operator")
    calls: list[Row] = [
        {"Name": f"op_{n:03}", "Duration (us)": Duration(2000.0 - n)} for n in range(600)
    ]
    report = replace(
        with_hits(sampled_report(), *(Hit(n, 0, 0x1002, 0, 1, 1) for n in (3, 500, 599))),
        calls=tuple(calls),
    )
    view = FunctionView.of(group, report, "operator", [])
    assert [*view.sections.insides.place] == ["(100 more)", "op_003"]


def test_near_the_most() -> None:
    samples = [5, *[0] * 9, 1, *[0] * 8, 9]

    def shown(most: int | None) -> list[int | str]:
        found = near(range(20), samples, most)
        return [f"{len(each.items)} more" if isinstance(each, Gap) else each for each in found]

    every = [*range(4), "3 more", *range(7, 20)]  # two left out would be no shorter
    assert shown(None) == every
    assert shown(3) == every
    assert shown(2) == [*range(4), "12 more", *range(16, 20)]
    assert shown(0) == ["20 more"]
