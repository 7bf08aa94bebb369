"""The documentation's site, opened from a file: what it loads, how it looks, what its search finds.

`make docs` builds it. What the pictures show is in build/html-report afterwards.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait
from support.browsing import complaints, cut, faint, overflowing, picture, seen

SITE = Path(__file__).parents[2] / "build/docs"
PAGES = ("index.html", "how-to/sessions.html", "reference/commands/run.html")
PAGES += ("reference/python.html", "explanation/threads.html")


@pytest.fixture(autouse=True)
def built() -> None:
    if not (SITE / "index.html").exists():
        reason = "the site is not built: make docs"
        if os.environ.get("VMPROF_REQUIRE_BROWSER"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def load(browser: Chrome, page: str) -> None:
    for log in ("browser", "performance"):
        browser.get_log(log)  # which forgets what was in it
    browser.get(f"{SITE.as_uri()}/{page}")


def loaded(browser: Chrome) -> list[str]:
    """Addresses of all that the page asked for."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [each for each in messages if each["method"] == "Network.requestWillBeSent"]
    return [each["params"]["request"]["url"] for each in sent]


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (400, "dark")])
@pytest.mark.parametrize("page", PAGES)
def test_pages(browser: Chrome, artefacts: Path, page: str, width: int, scheme: str) -> None:
    with seen(browser, width, scheme):
        load(browser, page)
        asked = loaded(browser)
        assert asked
        assert [each for each in asked if not each.startswith(("file:", "data:"))] == []
        assert complaints(browser) == []
        # On a telephone the contents are a drawer, which waits beside the window.
        drawn = [each for each in overflowing(browser) if "sidebar" not in each.split(" from -")[0]]
        assert [each for each in drawn if "toc-" not in each] == []
        assert cut(browser) == []
        assert faint(browser) == []
        name = page.replace("/", "-").removesuffix(".html")
        picture(browser, artefacts / f"site-{name}-{scheme}-{width}.png", width)


def test_search_needs_no_network(browser: Chrome) -> None:
    load(browser, "search.html?q=multiplex")
    WebDriverWait(browser, 30).until(
        lambda driver: "finished" in driver.find_element(By.ID, "search-results").text
    )
    found = [
        link.get_attribute("href") or ""
        for link in browser.find_elements(By.CSS_SELECTOR, "#search-results .search a")
    ]
    assert any("/reference/glossary.html" in link for link in found)
    assert complaints(browser) == []
