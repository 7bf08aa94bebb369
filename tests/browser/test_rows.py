"""The rows of the page: what they show when opened, in groups, and what leads to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select
from support.browsing import complaints, press, show
from support.reports import many_calls, network

from vmprof import Report
from vmprof.report.render.html import Cell, Changes, render
from vmprof.values import Samples


def layered() -> Report:
    """A network whose kernels come from layers, and were counted by two threads."""
    report = network(blocks=3)
    calls = [
        {
            **call,
            "Layer": f"/layer{number // 4}/conv/Conv" if number % 4 < 2 else f"/layer{number // 4}",
            "perf::CYCLES per thread": Samples((100.0, 2000.0)),
        }
        for number, call in enumerate(report.calls)
    ]
    return replace(report, calls=tuple(calls))


@pytest.fixture
def page(browser: Chrome, tmp_path: Path) -> Chrome:
    show(browser, layered().html(), tmp_path)
    return browser


def texts(browser: Chrome, selector: str) -> list[str]:
    found = browser.find_elements(By.CSS_SELECTOR, selector)
    return [element.text for element in found if element.is_displayed()]


def test_an_opened_row_shows_all_that_is_known(page: Chrome) -> None:
    page.find_element(By.CSS_SELECTOR, "#row-1 button").click()
    assert texts(page, ".detail .whole") == ["fused_conv2d_add_relu_1"]
    told = dict(zip(texts(page, ".detail dt"), texts(page, ".detail dd:not(.note)"), strict=True))
    shape = "float32[1, 32, 56, 56]"
    assert told["Argument Shapes"] == f"{shape}\n{shape}"
    assert told["Layer"] == "/layer0/conv/Conv"
    assert told["Duration (us)"] == "120.500 us"
    assert told["perf::CYCLES"] == "361,500"
    assert told["FLOPs"] == "9,000,000"
    assert told["IPC"] == "1.5"
    assert texts(page, ".figures .note")[0] == "108.45 to 156.65"
    assert texts(page, ".lines tbody tr") == [
        "0, which called 100",
        "1 2,000",
        "#2 805 us 121 us 108 us 157 us",
    ]
    assert complaints(page) == []


def test_groups_have_sums_and_fold(page: Chrome) -> None:
    by = Select(page.find_element(By.ID, "group"))
    assert [option.text for option in by.options] == [
        "nothing",
        "kind",
        "layer",
        "layer, outermost",
    ]
    by.select_by_visible_text("layer, outermost")
    heads = [text.split("\n") for text in texts(page, ".group th")]
    all_three = "/layer0 + /layer1 + /layer2"
    assert heads == [[all_three, "3"], ["/layer0", "1"], ["/layer1", "1"], ["/layer2", "1"]]
    assert texts(page, ".group td.number")[0] == "2,468.25"
    button = page.find_element(By.CSS_SELECTOR, ".group button")
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-expanded") == "false"
    assert len(texts(page, "#table tbody tr[data-row]")) == 3
    page.find_element(By.ID, "filter").send_keys("layer1")
    assert texts(page, ".group th") == ["/layer0 + /layer1 + /layer2\n3", "/layer1\n1"]
    # Whoever is sent to a row in a folded group sees it.
    canvas = page.find_element(By.ID, "lanes")
    page.execute_script("arguments[0].focus()", canvas)
    press(page, Keys.ARROW_RIGHT, Keys.ENTER)
    assert page.find_element(By.CSS_SELECTOR, "tr.found").is_displayed()
    by.select_by_visible_text("nothing")
    assert texts(page, ".group th") == []
    assert complaints(page) == []


def test_the_timeline_leads_to_the_very_call(page: Chrome) -> None:
    canvas = page.find_element(By.ID, "lanes")
    page.execute_script("arguments[0].focus()", canvas)
    # The fifth call is the second of the first row.
    press(page, *[Keys.ARROW_RIGHT] * 5, Keys.ENTER)
    chosen = page.find_element(By.CSS_SELECTOR, "tr.chosen")
    assert chosen.text.startswith("#5 ")
    assert page.switch_to.active_element == chosen
    assert in_view(page, "tr.chosen")


def test_a_click_on_the_timeline_leads_to_the_very_call(page: Chrome) -> None:
    canvas = page.find_element(By.ID, "lanes")
    # In the middle of the run is the second block's long call.
    ActionChains(page).move_to_element_with_offset(canvas, -20, 0).click().perform()
    assert texts(page, "tr.chosen")[0].startswith("#5 ")
    assert page.find_element(By.CSS_SELECTOR, "tr.found").get_attribute("id") == "row-0"
    assert in_view(page, "tr.chosen")


def test_a_call_that_is_short_is_found_too(browser: Chrome, tmp_path: Path) -> None:
    report = many_calls(4000)
    show(browser, report.html(), tmp_path)
    canvas = browser.find_element(By.ID, "lanes")
    browser.execute_script("arguments[0].focus()", canvas)
    press(browser, Keys.HOME, Keys.ARROW_RIGHT, Keys.ENTER)
    assert texts(browser, "tr.chosen")[0].startswith("#2 ")
    lines = browser.find_elements(By.CSS_SELECTOR, ".detail .lines tbody tr")
    assert len(lines) == 200


def test_points_of_the_roofline_lead_to_their_rows(page: Chrome) -> None:
    links = page.find_elements(By.CSS_SELECTOR, "#roofline svg.wide a")
    labels = [link.text for link in links]
    assert labels == ["conv2d_add_relu", "conv2d_add_relu_1", "conv2d_add_relu_2",
                      "conv2d_add_relu_3", "softmax"]  # fmt: skip
    ActionChains(page).move_to_element(links[4]).click().perform()
    (row,) = page.find_elements(By.CSS_SELECTOR, "tr.found")
    assert row.find_element(By.TAG_NAME, "button").get_attribute("title") == "fused_softmax"
    assert in_view(page, "tr.found")
    assert complaints(page) == []


def test_the_address_of_a_row_leads_there(browser: Chrome, tmp_path: Path) -> None:
    show(browser, network().html(), tmp_path, "#row-3")
    assert [row.get_attribute("id") for row in browser.find_elements(By.CLASS_NAME, "found")] == [
        "row-3"
    ]
    assert in_view(browser, "#row-3")


def test_the_menu_of_columns_is_aligned(page: Chrome) -> None:
    page.find_element(By.CSS_SELECTOR, ".columns summary").click()
    lefts = page.execute_script(
        "return ['#columns input', '#columns span'].map((each) => new Set("
        "[...document.querySelectorAll(each)].map((e) => e.getBoundingClientRect().left)).size)"
    )
    assert lefts == [1, 1]


def test_changes_stand_beside_durations(browser: Chrome, tmp_path: Path) -> None:
    report = network()
    shapes = str(report.calls[2]["Argument Shapes"])
    changes = Changes(
        "before.json",
        {("fused_softmax", shapes): Cell("+12 %", "", "from 10.9 us", 12.0, "slower")},
    )
    show(browser, render(report, changes), tmp_path)
    heads = texts(browser, "#table thead th")
    assert heads[: heads.index("Percent")] == ["Name", "Duration (us)", "±", "change"]
    assert texts(browser, "#table td.slower") == ["+12 %"]
    assert complaints(browser) == []


def in_view(browser: Chrome, selector: str) -> bool:
    found: bool = browser.execute_script(
        "const { top, bottom } = document.querySelector(arguments[0]).getBoundingClientRect();"
        "return top >= 0 && bottom <= window.innerHeight",
        selector,
    )
    return found
