"""The HTML report in a browser: it opens from disk, without an error, and does what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from support.browsing import complaints, press, show
from support.reports import hostile, many_calls, network

from vmprof import Report


def names(browser: Chrome) -> list[str]:
    cells = browser.find_elements(By.CSS_SELECTOR, "#table > tbody > tr:not(.detail) > th")
    return [cell.text for cell in cells if cell.is_displayed()]


@pytest.fixture
def page(browser: Chrome, tmp_path: Path) -> Chrome:
    show(browser, network().html(), tmp_path)
    return browser


def test_it_opens_without_a_complaint_and_asks_for_nothing(page: Chrome) -> None:
    assert complaints(page) == []
    assert page.title == "network on cpu0 - vmprof"
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
        # The browser fetches things of its own as it starts.
        and event["params"]["documentURL"] == page.current_url
    ]
    assert [url for url in asked if not url.startswith("data:")] == [page.current_url]


def test_sorting(page: Chrome) -> None:
    longest_first = [
        "fused_conv2d_add_relu",
        "fused_conv2d_add_relu_1",
        "fused_conv2d_add_relu_2",
        "fused_softmax",
        "vm.builtin.alloc_tensor",
    ]
    assert names(page) == longest_first
    head = page.find_element(By.CSS_SELECTOR, '#table th[data-title="Duration (us)"]')
    head.find_element(By.TAG_NAME, "button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    # Of two that took as long, the order is left as it was.
    assert names(page) == [longest_first[i] for i in (4, 3, 1, 2, 0)]
    page.find_element(By.CSS_SELECTOR, '#table th[data-title="FLOPs"] button').click()
    assert head.get_attribute("aria-sort") is None
    # What has no value comes last, whichever way.
    assert names(page)[0] == "fused_conv2d_add_relu"
    assert names(page)[-1] == "vm.builtin.alloc_tensor"
    page.find_element(By.CSS_SELECTOR, '#table th[data-title="FLOPs"] button').click()
    assert names(page)[0] == "fused_softmax"
    assert names(page)[-1] == "vm.builtin.alloc_tensor"


def test_the_filter_from_the_keyboard(page: Chrome) -> None:
    press(page, "/")
    press(page, "CONV 32,")
    assert names(page) == ["fused_conv2d_add_relu_1", "fused_conv2d_add_relu_2"]
    assert page.find_element(By.ID, "found").text == "2 of 5"
    press(page, Keys.ESCAPE)
    assert len(names(page)) == 5


def test_a_row_tells_of_its_calls(page: Chrome) -> None:
    button = page.find_element(By.CSS_SELECTOR, "#row-0 button")
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-expanded") == "true"
    lines = [line.text for line in page.find_elements(By.CSS_SELECTOR, ".detail .scroll tbody tr")]
    assert lines == ["#1 5 us 800 us 720 us 1.04 ms", "#5 939 us 810 us 729 us 1.05 ms"]
    button.send_keys(Keys.ENTER)
    assert page.find_elements(By.CSS_SELECTOR, ".detail") == []


def test_columns_come_and_go(page: Chrome) -> None:
    head = page.find_element(By.CSS_SELECTOR, '#table th[data-title="Device"]')
    assert not head.is_displayed()
    page.find_element(By.CSS_SELECTOR, ".columns summary").click()
    labels = page.find_elements(By.CSS_SELECTOR, "#columns label")
    next(label for label in labels if label.text.strip() == "Device").click()
    assert head.is_displayed()


def test_the_timeline_from_the_keyboard(page: Chrome) -> None:
    canvas = page.find_element(By.ID, "lanes")
    page.execute_script("arguments[0].focus()", canvas)
    status = page.find_element(By.ID, "call")
    press(page, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert status.text == (
        "fused_conv2d_add_relu_1 call 2 of 8: 121 us from 805 us; mean of the repeats 121 us"
    )
    press(page, Keys.END)
    assert status.text.startswith("vm.builtin.alloc_tensor call 8 of 8")
    press(page, "+", "0", Keys.ENTER)
    found = page.find_element(By.CSS_SELECTOR, "tr.found")
    assert found.get_attribute("id") == "row-4"
    assert complaints(page) == []


def test_the_timeline_by_pointer(page: Chrome) -> None:
    canvas = page.find_element(By.ID, "lanes")
    # The first call takes most of the left half.
    ActionChains(page).move_to_element_with_offset(canvas, -300, 0).perform()
    assert page.find_element(By.ID, "call").text.startswith("fused_conv2d_add_relu call 1 of 8")
    drawn = page.execute_script(
        "const c = arguments[0], d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "return new Set(Array.from({length: d.length / 4}, (_, i) =>"
        " d.slice(4 * i, 4 * i + 3).join())).size",
        canvas,
    )
    assert drawn > 3  # a colour for each kind, at least


def test_threads_have_lanes(browser: Chrome, tmp_path: Path) -> None:
    show(browser, network(tasks=True).html(), tmp_path)
    canvas = browser.find_element(By.ID, "lanes")
    assert canvas.size["height"] == 22 + 3 * 30 + 8  # the VM and two threads
    # The lowest lane is the worker's; what lies under the pointer there is its call.
    ActionChains(browser).move_to_element_with_offset(canvas, -300, 45).perform()
    assert browser.find_element(By.ID, "call").text.startswith("fused_conv2d_add_relu call 1 of 8")
    assert complaints(browser) == []


def test_foreign_text_is_text(browser: Chrome, tmp_path: Path) -> None:
    show(browser, hostile().html(), tmp_path)
    assert complaints(browser) == []
    assert not browser.title.startswith("owned")
    assert browser.find_elements(By.CSS_SELECTOR, "img, b:not(#call b)") == []
    buttons = browser.find_elements(By.CSS_SELECTOR, "#table tbody th button")
    assert buttons[0].get_attribute("title") == '</script><script>document.title="owned"</script>'
    for button in buttons:
        button.send_keys(Keys.ENTER)
    canvas = browser.find_element(By.ID, "lanes")
    browser.execute_script("arguments[0].focus()", canvas)
    press(browser, Keys.ARROW_RIGHT, Keys.ENTER)
    assert browser.title != "owned"
    assert complaints(browser) == []


def test_large_reports_stay_small_and_quick(browser: Chrome, tmp_path: Path) -> None:
    report = network(blocks=80)
    assert len(report.calls) == 320
    assert len(report.html().encode()) < 2_000_000
    show(browser, report.html(), tmp_path)
    assert len(names(browser)) == 83
    timing = browser.execute_script(
        "return performance.getEntriesByType('navigation')[0].loadEventEnd"
    )
    assert timing < 10_000  # milliseconds, on a busy machine


def test_two_hundred_thousand_calls(browser: Chrome, tmp_path: Path) -> None:
    show(browser, many_calls(200_000).html(), tmp_path)
    assert complaints(browser) == []
    assert len(names(browser)) == 8
    canvas = browser.find_element(By.ID, "lanes")
    browser.execute_script("arguments[0].focus()", canvas)
    press(browser, Keys.END)
    status = browser.find_element(By.ID, "call")
    assert status.text.startswith("fused_add_7 call 200000 of 200000: ")
    # From far away every pixel of the lane has a call in it, and one colour shows.
    line = browser.execute_script(
        "const c = arguments[0], y = Math.round(35 * c.height / c.clientHeight);"
        "const d = c.getContext('2d').getImageData(0, y, c.width, 1).data;"
        "return Array.from({length: c.width}, (_, x) => d[4 * x + 3])",
        canvas,
    )
    assert sum(alpha == 255 for alpha in line) > 0.95 * len(line)
    browser.find_element(By.CSS_SELECTOR, "#row-0 button").send_keys(Keys.ENTER)
    detail = browser.find_element(By.CSS_SELECTOR, ".detail")
    assert "The 200 longest of 25,000 calls:" in detail.text
    assert len(detail.find_elements(By.CSS_SELECTOR, ".scroll > table > tbody > tr")) == 200
    assert complaints(browser) == []


def test_a_report_without_times_says_so(browser: Chrome, tmp_path: Path) -> None:
    saved = Path(__file__).parents[1] / "data" / "tvm-0.23-mlp" / "report.json"
    show(browser, Report.from_json(saved.read_text()).html(), tmp_path)
    assert complaints(browser) == []
    assert browser.find_elements(By.ID, "lanes") == []
    assert "does not have" in browser.find_element(By.ID, "roofline").text
    assert len(names(browser)) > 5
