"""The page of several reports, and the reports that pages hold."""

from __future__ import annotations

from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait
from support.browsing import complaints, show
from support.reports import HOSTILE, hostile, network

from vmprof import Report
from vmprof.report.render.html import render_several

REPORTS = {"before": network(), "after": network(3), HOSTILE[0]: hostile()}


def switch_to(browser: Chrome, number: int) -> None:
    switch = Select(browser.find_element(By.ID, "switch"))
    switch.select_by_index(number)
    title = switch.options[number].text
    WebDriverWait(browser, 60).until(
        lambda _: [each.text for each in browser.find_elements(By.CLASS_NAME, "title")] == [title]
    )


def test_it_begins_with_all_of_them_side_by_side(browser: Chrome, tmp_path: Path) -> None:
    show(browser, render_several(REPORTS), tmp_path)
    assert browser.title == "3 reports - vmprof"
    lines = browser.find_elements(By.CSS_SELECTOR, "#all tbody th")
    assert [line.text for line in lines] == [*REPORTS]
    row = browser.find_element(By.CSS_SELECTOR, "#beside tbody tr")
    assert row.text.split("\n")[2:] == ["1.61 ms 2.43 ms", "1.51 x \u2013"]
    assert row.find_elements(By.CSS_SELECTOR, ".slower") == []  # nobody said that it is
    assert complaints(browser) == []


def test_a_time_leads_to_the_row_of_its_report(browser: Chrome, tmp_path: Path) -> None:
    show(browser, render_several(REPORTS), tmp_path)
    browser.find_element(By.LINK_TEXT, "2.43 ms").click()
    WebDriverWait(browser, 60).until(lambda _: browser.find_elements(By.CSS_SELECTOR, "tr.found"))
    assert browser.find_element(By.CLASS_NAME, "title").text == "after"
    assert browser.find_element(By.CSS_SELECTOR, "tr.found").get_attribute("id") == "row-0"
    switch_to(browser, 3)
    assert browser.find_elements(By.CSS_SELECTOR, "img, #view b:not(#call b)") == []
    switch_to(browser, 1)
    assert len(browser.find_elements(By.CSS_SELECTOR, "#table tbody tr[data-row]")) == 5
    assert complaints(browser) == []


def test_what_is_shown_is_saved_as_json(browser: Chrome, tmp_path: Path) -> None:
    show(browser, render_several(REPORTS), tmp_path)
    switch_to(browser, 2)
    assert [*map(Report.from_json, saved(browser))] == [REPORTS["after"]]
    Select(browser.find_element(By.ID, "switch")).select_by_index(0)
    WebDriverWait(browser, 60).until(lambda _: browser.find_element(By.ID, "all").is_displayed())
    assert [*map(Report.from_json, saved(browser))] == [*REPORTS.values()]
    assert complaints(browser) == []


def saved(browser: Chrome) -> list[str]:
    """The lines of the file that a click on the button saves."""
    text: str = browser.execute_async_script(
        "const done = arguments[0], made = URL.createObjectURL;"
        "URL.createObjectURL = (blob) => {"
        "  URL.createObjectURL = made; blob.text().then(done); return '#'; };"
        "HTMLAnchorElement.prototype.click = () => {};"
        "document.getElementById('save').click()"
    )
    return text.rstrip("\n").split("\n")
