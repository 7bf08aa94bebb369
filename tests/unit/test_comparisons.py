"""Diff, audit and validation before people: fitted to a terminal, plain into pipes, as a page.

The files in tests/data/comparisons are looked at before they are put there:
``UPDATE_GOLDEN=1 pytest tests/unit/test_comparisons.py`` writes them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.support.reports import HOSTILE, network
from vmprof.compare import screen
from vmprof.compare.audit import audit_report
from vmprof.compare.audit.text import METHOD
from vmprof.compare.audit.text import parts_of as audit_parts
from vmprof.compare.diff import diff_reports
from vmprof.compare.diff.beside import changes_since
from vmprof.compare.diff.text import LEGEND
from vmprof.compare.diff.text import parts_of as diff_parts
from vmprof.compare.page import page, page_with_reports
from vmprof.compare.parts import Heading, Part, Prose, Table, plain
from vmprof.compare.readers import read_reports
from vmprof.compare.readers.read import parse_reports
from vmprof.compare.validate import compare_engines
from vmprof.compare.validate.conclusion import Validation
from vmprof.compare.validate.text import parts_of as validation_parts
from vmprof.report.model import Report
from vmprof.report.render.html import render as render_page
from vmprof.report.starts import joined
from vmprof.values import Duration, Row, Samples

DATA = Path(__file__).parents[1] / "data"
TIME = "Duration (us)"


def started(seed: int, faster: float = 1.0, times: int = 8) -> Report:
    """A start of the network, in which convolutions are so much faster."""
    generator = random.Random(seed)
    report = network(3)
    start = generator.lognormvariate(0, 0.02)

    def measured(call: Row) -> Row:
        middle = call[TIME]
        assert isinstance(middle, Duration)
        factor = start / (faster if "conv2d" in str(call["Name"]) else 1.0)
        repeats = [
            middle.microseconds * factor * generator.lognormvariate(0, 0.01) for _ in range(times)
        ]
        return {
            **call,
            TIME: Duration(sum(repeats) / times),
            f"{TIME} samples": Samples((*repeats,)),
        }

    return replace(report, calls=tuple(map(measured, report.calls)), device_metrics={})


def diff() -> list[Part]:
    before, after = (
        [started(seed) for seed in range(5)],
        [started(seed, 1.3) for seed in range(5, 10)],
    )
    found = diff_reports(before, after, in_turn=True)
    return [*diff_parts(found, "before.json", "after.json", top=4), Prose(LEGEND, is_note=True)]


def audit() -> list[Part]:
    (saved,) = read_reports(DATA / "tvm-relay-papi-mlp.txt")
    parts = audit_parts(audit_report(saved.report, saved.printed_sum), "mlp", top=5)
    return [*parts, Prose(METHOD, is_note=True)]


def validation() -> list[Part]:
    reports = {"vmprof": started(1), "tvm": started(2, 1.3)}
    agreement = compare_engines(reports, 5.0)
    return validation_parts(Validation(reports, agreement, None, reproducible=True), "network")


ALL = pytest.mark.parametrize("make", [diff, audit, validation])


@ALL
@pytest.mark.parametrize("width", [80, 120, 200])
def test_on_a_terminal(make: Callable[[], list[Part]], width: int) -> None:
    text = screen.render(make(), width=width, colour=False)
    golden(f"{make.__name__}-{width}.txt", text)
    assert max(map(cell_len, text.split("\n"))) <= width
    coloured = screen.render(make(), width=width, colour=True)
    assert "\x1b[" in coloured
    assert "\x1b[" not in text


@ALL
def test_in_a_pipe(make: Callable[[], list[Part]]) -> None:
    golden(f"{make.__name__}-plain.txt", plain(make()))


def test_the_page_of_a_validation_has_both_engines_too() -> None:
    reports = {"vmprof": started(1), "tvm": started(2, 1.3)}
    text = page_with_reports(validation(), "Validation", reports)
    reader, alone = _Cells(), _Cells()
    reader.feed(text)
    alone.feed(page(validation(), "Validation"))
    said = {found for found in alone.found if found[0] in ("td", "pre", "h2")}
    assert said
    assert said <= {*reader.found}
    assert ("option", "tvm") in reader.found
    assert [saved.report for saved in parse_reports(text, "v.html")] == [*reports.values()]


def golden(name: str, text: str) -> None:
    file = DATA / "comparisons" / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


class _Cells(HTMLParser):
    """The texts of a page's elements, by tag."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag

    def handle_data(self, data: str) -> None:
        self.found.append((self._tag, data))


@ALL
def test_the_page_says_all(make: Callable[[], list[Part]]) -> None:
    parts = make()
    reader = _Cells()
    reader.feed(page(parts, "title"))
    cells = [text for tag, text in reader.found if tag in ("td", "th")]
    (table, *_) = [part for part in parts if isinstance(part, Table) and len(part.rows) > 3]
    for row in table.lines:
        assert {cell for cell in row if cell} <= {*cells}


def test_what_strangers_wrote_is_text() -> None:
    parts: list[Part] = [
        Heading(HOSTILE[0]),
        Prose(HOSTILE[1]),
        Table(["Name", HOSTILE[2]], [[text, "1 *"] for text in HOSTILE], names=0, note=HOSTILE[0]),
    ]
    reader = _Cells()
    text = page(parts, HOSTILE[0])
    reader.feed(text)
    assert text.count("<script") == page([], "t").count("<script")
    assert "<img" not in text
    shown = plain(parts) + screen.render(parts, width=80, colour=False)
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_page_beside_its_baseline() -> None:
    before, after = started(1), started(2, 1.3)
    changes = changes_since([before], after, "last week")
    text = render_page(after, changes)
    assert "that of last week" in text
    cell = changes.cells["fused_conv2d_add_relu", "float32[1, 64, 56, 56], float32[1, 64, 56, 56]"]
    assert cell.text.startswith("-2")
    assert (cell.unit, cell.mark) == ("%", "unsure")
    assert cell.exact.endswith("us; not told from chance")
    sides = [[started(seed) for seed in range(5)], [started(seed, 9.0) for seed in range(5, 10)]]
    many = [joined(side) for side in sides]
    sure = changes_since([many[0]], many[1], "b").cells
    assert {each.mark for (name, _), each in sure.items() if "conv2d" in name} == {"faster"}
