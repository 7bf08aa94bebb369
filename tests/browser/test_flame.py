"""The flame graph, in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select
from support.sampled import sampled_report

from vmprof.report.render.stacks import flame, stacks_of


@pytest.fixture
def page(browser: Chrome, tmp_path: Path) -> Chrome:
    report = sampled_report()
    assert report.samples is not None
    path = tmp_path / "flame.html"
    path.write_text(flame.render(stacks_of(report), "mlp on cpu0", report.samples))
    browser.get(path.as_uri())
    return browser


def _frames(page: Chrome) -> list[WebElement]:
    return page.find_elements(By.CSS_SELECTOR, "#flame button")


def _shares(page: Chrome) -> dict[str, float]:
    """Of each frame's name the part of the graph's width that it has."""
    whole = page.find_element(By.ID, "flame").size["width"]
    return {
        frame.get_attribute("title").partition(" (")[0]: frame.size["width"] / whole
        for frame in _frames(page)
        if "[libc" not in frame.get_attribute("title")
    }


def test_frames_are_as_wide_as_their_share(page: Chrome) -> None:
    shares = _shares(page)
    assert shares["mlp on cpu0"] == pytest.approx(1, abs=0.01)
    assert shares["conv"] == pytest.approx(14 / 21, abs=0.01)
    assert shares["conv_compute_"] == pytest.approx(13 / 21, abs=0.01)
    assert shares["step x3"] == pytest.approx(3 / 21, abs=0.01)


def test_a_click_shows_a_frame_as_wide_as_the_page_and_escape_shows_all(page: Chrome) -> None:
    (conv,) = (each for each in _frames(page) if each.text == "conv")
    conv.click()
    shares = _shares(page)
    assert "main" not in shares
    assert shares["mlp on cpu0"] == pytest.approx(1, abs=0.01)
    assert shares["conv_compute_"] == pytest.approx(13 / 14, abs=0.01)
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)
    assert _shares(page)["conv"] == pytest.approx(14 / 21, abs=0.01)


def test_finding_says_the_share_of_what_was_found(page: Chrome) -> None:
    page.find_element(By.ID, "find").send_keys("LIBC")
    assert page.find_element(By.ID, "found").text == "33.3 %"
    assert len(page.find_elements(By.CSS_SELECTOR, "#flame .found")) == 2


def test_a_thread_can_be_chosen(page: Chrome) -> None:
    Select(page.find_element(By.ID, "graph")).select_by_visible_text("worker 1")
    assert sorted(_shares(page)) == ["conv", "conv_compute_", "mlp on cpu0"]


def test_nothing_overflows_on_a_phone(page: Chrome) -> None:
    page.set_window_size(400, 800)
    assert page.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    page.set_window_size(1280, 1000)
