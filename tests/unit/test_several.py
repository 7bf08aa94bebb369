"""The page of several reports, without a browser (tests/browser has the rest)."""

from __future__ import annotations

from dataclasses import replace

from support.pages import Elements, data_of
from support.reports import HOSTILE, hostile, network

from vmprof.report.render.html import Cell, Changes, render, render_several
from vmprof.values import Count, Ratio, Samples


def test_foreign_text_adds_no_element() -> None:
    page = Elements(render_several(dict.fromkeys(HOSTILE, hostile()), HOSTILE[0]))
    assert page.found["script"] == 3
    assert page.found["template"] == len(HOSTILE)
    assert "img" not in page.found
    assert all(link.startswith("#") or link == "data:," for link in page.links)


def test_what_differs_is_told_and_nothing_else() -> None:
    one = network()
    other = replace(
        one,
        configuration={**one.configuration, "Number of threads": Count(4)},
        provenance={"Governor": "powersave"},
    )
    page = render_several({"a": one, "b": other})
    differing = page[page.index('id="differing"') : page.index('id="view"')]
    assert '<th scope="row">Number of threads</th>' in differing
    assert '<td data-label="b">powersave</td>' in differing
    assert differing.count("<tr>") == 1 + 2
    assert 'id="differing"' not in render_several({"a": one, "b": one})


def test_each_has_data_of_its_own() -> None:
    data = data_of(render_several({"a": network(1), "b": network(2)}))
    assert [view["made"] for view in data] == [4, 8]


def test_details_of_rows() -> None:
    report = network(1)
    calls = [
        {**call, "perf::CYCLES per thread": Samples((5.0, 7.0)), "X": Ratio(2.0), "X samples": s}
        for call, s in zip(
            report.calls, [Samples(()), Samples((1.0,)), Samples((1.5, 2.5))] * 2, strict=False
        )
    ]
    details = data_of(replace(report, calls=tuple(calls)).html())["details"]
    assert details[0] == {
        "spreads": {"Duration (us)": "720.00 to 1,040.00"},
        "threads": {"perf::CYCLES": ["5", "7"]},
    }
    # What one repeat measured is no spread.
    assert [row["spreads"].get("X") for row in details] == [None, None, "1.5 to 2.5", None]


def test_changes_are_of_their_rows() -> None:
    report = network()
    row = report.calls[0]
    key = str(row["Name"]), str(row["Argument Shapes"])
    cell = Cell("+5 %", "", "from 1.5 ms; more than chance", 5.0, "slower")
    page = render(report, Changes("<before>", {key: cell}))
    assert page.count("+5 %") == 1
    assert 'class="number slower" data-label="change" data-key="5.0"' in page
    assert "above or below that of &lt;before&gt;" in page
