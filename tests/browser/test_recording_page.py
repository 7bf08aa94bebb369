"""The page of a recording in a browser: the switch, and the charts of time by invocation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait
from support.browsing import complaints
from support.recordings import Made
from support.reports import HOSTILE

from vmprof.record.sessions.store import Folded, Store
from vmprof.recording.page import render
from vmprof.recording.tables import TIMED, UNRECORDED, Function, Recording


def recording() -> Recording:
    """Two functions: one that grows, one of hostile names."""
    made = Made()
    for step in range(40):
        cost = 80_000 if step == 0 else 1000 + 50 * step
        if step % 4 == 3:
            made.add(UNRECORDED, cost + 900)
        else:
            calls = [("attention", f"float32[1, {17 + step}]", 0, cost), ("inner", "", 1, 300)]
            made.add(TIMED, cost + 1000, calls)
    for _ in range(5):
        made.add(TIMED, 5000, [(name, "", 0, 1000) for name in HOSTILE])
    whole = made.recording()
    invocations = whole.invocations.copy()
    invocations["function"][40:] = 1
    invocations["number"][40:] -= 40
    store = Store(None, 1)
    store.add(Folded(invocations, whole.calls, ()))
    functions = (*whole.functions, Function(HOSTILE[0], 0))
    return replace(whole, invocations=invocations, totals=store.totals(), functions=functions)


@pytest.fixture
def page(browser: Chrome, tmp_path: Path) -> Chrome:
    path = tmp_path / "recording.html"
    path.write_text(render(recording()), encoding="utf-8")
    browser.get_log("browser")
    browser.get(path.as_uri())
    return browser


def shown(browser: Chrome, selector: str) -> list[str]:
    found = browser.find_elements(By.CSS_SELECTOR, selector)
    return [element.text for element in found if element.is_displayed()]


def becomes(browser: Chrome, selector: str, texts: list[str]) -> None:
    """The page follows its address a moment later."""
    WebDriverWait(browser, 60).until(lambda _: shown(browser, selector) == texts)


def choose(browser: Chrome, number: int) -> None:
    switch = Select(browser.find_element(By.ID, "switch"))
    switch.select_by_index(number)
    becomes(browser, ".title", [switch.options[number].text])


def test_it_begins_with_all_functions(page: Chrome) -> None:
    assert shown(page, ".functions tbody th") == ["main", HOSTILE[0]]
    assert shown(page, "#view") == []
    assert page.title == "A recording - vmprof"
    assert complaints(page) == []


def test_the_switch_and_the_way_back(page: Chrome) -> None:
    page.find_element(By.LINK_TEXT, "main").click()
    becomes(page, ".title", ["main"])
    assert shown(page, "#summary") == []
    assert shown(page, "#table tbody th") == ["attention", "inner"]
    choose(page, 2)
    page.back()
    becomes(page, ".title", ["main"])
    page.back()
    becomes(page, ".functions tbody th", ["main", HOSTILE[0]])
    assert Select(page.find_element(By.ID, "switch")).first_selected_option.text == "all functions"
    assert complaints(page) == []


def test_a_function_is_as_it_was_left(page: Chrome) -> None:
    choose(page, 1)
    page.find_element(By.CSS_SELECTOR, "#row-0 button").click()
    choose(page, 2)
    choose(page, 1)
    assert len(page.find_elements(By.CSS_SELECTOR, ".detail")) == 1
    # A link within a function stays in it.
    page.find_element(By.PARTIAL_LINK_TEXT, "Operators").click()
    assert shown(page, ".title") == ["main"]
    page.find_element(By.ID, "filter").send_keys("inner")
    assert page.find_element(By.ID, "found").text == "1 of 2"


def test_time_by_invocation(page: Chrome) -> None:
    choose(page, 1)
    (caption,) = shown(page, "#whole figcaption")
    assert caption.startswith("first 81 us; rest 3 us (median); main grows by 50.0 ns with each")
    assert len(page.find_elements(By.CSS_SELECTOR, "#whole .beside")) == 10
    assert len(page.find_elements(By.CSS_SELECTOR, "#whole circle:not(.beside)")) == 29
    assert len(page.find_elements(By.CSS_SELECTOR, "#whole .beyond.first")) == 1
    assert len(page.find_elements(By.CSS_SELECTOR, "#whole .slope")) == 1
    svg = page.find_element(By.CSS_SELECTOR, "#whole svg")
    page.execute_script("arguments[0].focus()", svg)
    ActionChains(page).send_keys(Keys.END, Keys.ARROW_LEFT).perform()
    assert shown(page, "#whole figcaption") == ["invocation 38: 3.9 us"]
    ActionChains(page).send_keys(Keys.ARROW_RIGHT).perform()
    assert shown(page, "#whole figcaption") == ["invocation 39: 3.85 us, not recorded"]
    assert complaints(page) == []


def test_an_operators_row_has_its_own_chart(page: Chrome) -> None:
    choose(page, 1)
    page.find_element(By.CSS_SELECTOR, "#row-0 button").click()
    (caption,) = shown(page, ".detail figcaption")
    assert caption.startswith("first 79.7 us; rest 1.7 us (median); main: attention grows by")
    assert len(page.find_elements(By.CSS_SELECTOR, ".detail .by-invocation circle")) == 29
    svg = page.find_element(By.CSS_SELECTOR, ".detail svg.chart")
    ActionChains(page).move_to_element_with_offset(svg, svg.size["width"] // 2 - 20, 0).perform()
    assert shown(page, ".detail figcaption") == ["invocation 38: 2.6 us"]
    assert shown(page, ".detail table thead") == ["Call Begins Time"]


def test_the_timeline_of_a_function(page: Chrome) -> None:
    choose(page, 1)
    canvas = page.find_element(By.ID, "lanes")
    page.execute_script("arguments[0].focus()", canvas)
    ActionChains(page).send_keys(Keys.ARROW_RIGHT).perform()
    assert page.find_element(By.ID, "call").text.startswith("attention call 1 of 2: ")
    assert "repeats" not in page.find_element(By.ID, "call").text


def test_foreign_text_is_text(page: Chrome) -> None:
    choose(page, 2)
    for button in page.find_elements(By.CSS_SELECTOR, "#table tbody th button"):
        button.send_keys(Keys.ENTER)
    assert len(page.find_elements(By.CSS_SELECTOR, ".detail figure")) == len(HOSTILE)
    assert page.find_elements(By.CSS_SELECTOR, "img, #view b") == []
    assert page.title == "A recording - vmprof"
    assert complaints(page) == []


def test_counted_invocations_are_diamonds_that_say_so(browser: Chrome, tmp_path: Path) -> None:
    made = Made(columns=("cycles",))
    for step in range(9):
        made.add((TIMED, 1, UNRECORDED)[step % 3], 1000, [("a", "", 0, 100)])
    path = tmp_path / "recording.html"
    path.write_text(render(made.recording()), encoding="utf-8")
    browser.get_log("browser")
    browser.get(path.as_uri())
    choose(browser, 1)
    assert len(browser.find_elements(By.CSS_SELECTOR, "#whole path.counted")) == 3
    assert len(browser.find_elements(By.CSS_SELECTOR, "#whole circle.beside")) == 3
    svg = browser.find_element(By.CSS_SELECTOR, "#whole svg")
    browser.execute_script("arguments[0].focus()", svg)
    ActionChains(browser).send_keys(Keys.HOME, Keys.ARROW_RIGHT).perform()
    assert shown(browser, "#whole figcaption") == ["invocation 1: 1 us, counted: cycles"]
    assert complaints(browser) == []
