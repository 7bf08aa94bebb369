"""Headless Chromium, driven by its own driver; the tests are skipped where it is not installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

# Where this is set, a browser that cannot be had is a failure.
REQUIRED = "VMPROF_REQUIRE_BROWSER"
_MISSING = (
    "chromium and chromedriver are not installed; on Debian, as root: tests/browser/install-tools"
)
# Without its own connections, which would show among what the page does.
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1000",
)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Once, instead of for each test."""
    if _programs() is None and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line(f"skipped: {_MISSING}")


def _programs() -> tuple[str, str] | None:
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    programs = _programs()
    if programs is None:
        if os.environ.get(REQUIRED):
            pytest.fail(f"{_MISSING} ({REQUIRED} is set)", pytrace=False)
        pytest.skip(_MISSING)
    options = ChromeOptions()
    options.binary_location = programs[0]
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(programs[1]))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def artefacts(pytestconfig: pytest.Config) -> Path:
    """Where screenshots are kept."""
    folder = pytestconfig.rootpath / "build" / "html-report"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
