"""The inside of an operator, in its opened row."""

from __future__ import annotations

from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from support.browsing import complaints, overflowing, seen, show
from support.reports import network
from support.sampled_code import sampled_report

from vmprof.report.render.html import render_several


def texts(browser: Chrome, selector: str) -> list[str]:
    found = browser.find_elements(By.CSS_SELECTOR, selector)
    return [element.text for element in found if element.is_displayed()]


def test_a_click_opens_it(browser: Chrome, tmp_path: Path) -> None:
    for width in (1400, 400):
        with seen(browser, width):
            show(browser, sampled_report().html(), tmp_path)
            browser.find_element(By.CSS_SELECTOR, "#row-0 button").click()
            assert texts(browser, ".within h3") == [
                "Loops of the machine code, and what is in them",
                "Lines",
                "Instructions",
                "Functions",
            ]
            assert texts(browser, ".within p")[1].startswith("Vector width: 32 bits")
            hottest = texts(browser, ".within tr.h9")
            assert hottest == [
                "75.0 % 0x1002 1 4 4 1 0 0 6 for k in range(64):",
                "75.0 % 7         y[i] = y[i] + x[k]",
                "100.0 % kernel_compute_ m.so",
            ]
            (summary,) = browser.find_elements(By.CSS_SELECTOR, ".within details summary")
            summary.click()
            steps = texts(browser, ".within details tbody tr")
            assert steps[1] == "75.0 % 1002 7 scalar | vaddss xmm0, xmm0, dword ptr [rdi]"
            # What is wider than a telephone scrolls by itself.
            assert overflowing(browser) == []
            assert complaints(browser) == []


def test_of_several_reports_each_has_its_own(browser: Chrome, tmp_path: Path) -> None:
    page = render_several({"network": network(), "kernel": sampled_report()})
    show(browser, page, tmp_path, "#report-0")
    browser.find_element(By.CSS_SELECTOR, "#row-0 button").click()
    assert texts(browser, ".within") == []
    show(browser, page, tmp_path, "#report-1:row-0")
    assert len(texts(browser, ".within")) == 1
    assert complaints(browser) == []
