"""How pages are laid out: on a wide window and on a telephone, by day and by night, on paper.

What the pictures show is in build/html-report afterwards.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from support.browsing import complaints, covered, cut, faint, overflowing, picture, seen, show
from support.recordings import Made
from support.reports import network
from support.sampled_code import CODE, TEXT, sampled_report

from vmprof import Report
from vmprof.compare.page import page_with_reports
from vmprof.compare.validate import Validation, compare_engines
from vmprof.compare.validate.text import parts_of
from vmprof.recording.page import render as render_recording
from vmprof.recording.tables import TIMED
from vmprof.report.render.html import render_several
from vmprof.values import LIVE_MEMORY, Count, Ratio, Samples

WIDE, NARROW = 1400, 400
RESNET = Path(__file__).parents[2] / "docs" / "pictures" / "resnet50.json"


def full() -> Report:
    """A report with every section of the page, and names of all lengths."""
    report = Report.from_json(RESNET.read_text(encoding="utf-8"))
    memory = Samples((0.0, 1e6, 5e4, 3e8, 1.5e5, 2e6))
    calls = [
        {**call, "Layer": f"/layer{number // 40}/{number % 40}/conv/Conv", "Bound": "memory"}
        for number, call in enumerate(report.calls)
    ]
    provenance = {"Processor": "Some Processor of 2 GHz", "Command": "vmprof run resnet50 " * 9}
    return replace(
        report,
        calls=tuple(calls),
        configuration={
            **report.configuration,
            LIVE_MEMORY: memory,
            "Peak GB/s, L1": Ratio(310.0),
            "L1 cache (bytes)": Count(65_536),
            "Peak GB/s, L2": Ratio(120.0),
            "L2 cache (bytes)": Count(4_194_304),
        },
        provenance=provenance,
    )


def recorded() -> str:
    made = Made()
    for step in range(40):
        made.add(TIMED, 2000 + 50 * step, [("attention" * 12, "float32[1, 17]", 0, 1000 + step)])
    return render_recording(made.recording())


def looked_into() -> str:
    text = {number: line + " + x[k]" * 60 for number, line in TEXT.items()}
    return sampled_report(structs.replace(CODE, text=text), "fused_" * 30).html()


def validated() -> str:
    reports = {"vmprof": network(), "tvm": network(3)}
    agreement = compare_engines(reports, 5.0)
    validation = Validation(reports, agreement, "they differ " * 20, reproducible=True)
    return page_with_reports(parts_of(validation, "network"), "Validation", reports)


PAGES = {
    "report": (lambda: full().html(), ""),
    "several": (lambda: render_several({"before": full(), "after " * 30: network(8)}), ""),
    "one-of-several": (
        lambda: render_several({"before": network(), "now": network()}),
        "#report-1",
    ),
    "recording": (recorded, "#report-0"),
    "inside": (looked_into, ""),
    "validation": (validated, ""),
    "one-of-validation": (validated, "#report-1"),
}


@pytest.mark.parametrize("name", PAGES)
def test_nothing_overflows_covers_or_is_faint(
    browser: Chrome, tmp_path: Path, artefacts: Path, name: str
) -> None:
    make, part = PAGES[name]
    page = make()
    for width in (WIDE, NARROW):
        for scheme in ("light", "dark"):
            with seen(browser, width, scheme):
                show(browser, page, tmp_path, part)
                browser.execute_script(
                    "document.querySelector('#row-0 button')?.click();"
                    "for (const each of document.querySelectorAll('details')) each.open = true"
                )
                assert overflowing(browser) == []
                assert cut(browser) == []
                assert covered(browser) == []
                assert faint(browser) == []
                picture(browser, artefacts / f"{name}-{width}-{scheme}.png", width)
                assert complaints(browser) == []


@pytest.mark.parametrize("name", PAGES)
def test_contents_lead_somewhere(browser: Chrome, tmp_path: Path, name: str) -> None:
    make, part = PAGES[name]
    with seen(browser, WIDE):
        show(browser, make(), tmp_path, part)
        every = browser.find_elements(By.CSS_SELECTOR, ".contents a")
        links = [link for link in every if link.is_displayed()]
        assert len(links) > 1
        for link in links:
            target = (link.get_attribute("href") or "").partition("#")[2]
            (place,) = browser.find_elements(By.ID, target)
            assert place.is_displayed()
            browser.execute_script("arguments[0].click()", link)
            below = browser.execute_script(
                "const [link, place] = arguments;"
                "const bar = link.parentElement.getBoundingClientRect().bottom;"
                "return place.getBoundingClientRect().top - bar",
                link,
                place,
            )
            # The bar is in sight, and the section's beginning is not behind it.
            assert link.is_displayed()
            assert below >= 0


def test_numbers_are_in_reach_on_a_telephone(browser: Chrome, tmp_path: Path) -> None:
    with seen(browser, NARROW):
        show(browser, full().html(), tmp_path)
        on_cards = (
            'td[data-label="Duration (us)"], td[data-label="Percent"], td[data-label="Count"]'
        )
        browser.find_element(By.CSS_SELECTOR, "#row-0 button").click()
        for selector in (on_cards, ".figures dd", ".inside .settings dd"):
            found = browser.execute_script(
                "return [...document.querySelectorAll(arguments[0])]"
                ".filter((each) => each.textContent).map((each) => {"
                "const { left, right, width } = each.getBoundingClientRect();"
                "return width > 0 && left >= 0 && right <= innerWidth })",
                selector,
            )
            assert len(found) > 5
            assert all(found)
        # Rows are sorted by a list, as cards have no heads.
        browser.find_element(By.ID, "sort").send_keys("Count")
        first = browser.find_element(By.CSS_SELECTOR, "#table tbody th button")
        assert first.get_attribute("title") == "vm.builtin.alloc_tensor"


def test_on_paper(browser: Chrome, tmp_path: Path, artefacts: Path) -> None:
    # As wide as A4 across, between the margins.
    with seen(browser, 1032, "dark", "print"):
        show(browser, network(12).html(), tmp_path)
        assert overflowing(browser) == []
        assert faint(browser) == []
        hidden = browser.find_elements(By.CSS_SELECTOR, ".contents, .tools, #save")
        assert hidden
        assert not any(each.is_displayed() for each in hidden)
        right = browser.execute_script(
            "return document.getElementById('table').getBoundingClientRect().right"
        )
        assert right <= 1032
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    content = base64.b64decode(printed["data"])
    assert content.startswith(b"%PDF")
    (artefacts / "report.pdf").write_bytes(content)
