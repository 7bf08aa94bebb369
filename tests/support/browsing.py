"""Looking at pages in a browser, and finding what is wrong with how they are laid out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import ActionChains, Chrome

_LAYOUT = Path(__file__).with_name("layout.js").read_text(encoding="utf-8")


def show(browser: Chrome, page: str, folder: Path, part: str = "") -> None:
    """``page`` in the browser, from a file; ``part`` is the address within it."""
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    for log in ("browser", "performance"):
        browser.get_log(log)  # which forgets what was in it
    browser.get("about:blank")  # so that another part of the same file is loaded anew
    browser.get(f"{path.as_uri()}{part}")


def complaints(browser: Chrome) -> list[str]:
    """What the browser's console says."""
    return [entry["message"] for entry in browser.get_log("browser")]


def press(browser: Chrome, *keys: str) -> None:
    ActionChains(browser).send_keys(*keys).perform()


@contextmanager
def seen(browser: Chrome, width: int, scheme: str = "light", media: str = "") -> Iterator[None]:
    """A window so wide, of a telephone if it is narrow, in the ``scheme`` light or dark."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 700}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def overflowing(browser: Chrome) -> list[str]:
    """What reaches beyond the window."""
    found: list[str] = browser.execute_script(f"{_LAYOUT} return overflowing();")
    return found


def cut(browser: Chrome) -> list[str]:
    """Texts of which a part cannot be seen."""
    found: list[str] = browser.execute_script(f"{_LAYOUT} return cut();")
    return found


def covered(browser: Chrome, drawings: str = "svg.chart") -> list[str]:
    """Texts in the same of the ``drawings`` that cover one another."""
    found: list[str] = browser.execute_script(f"{_LAYOUT} return covered(arguments[0]);", drawings)
    return found


def faint(browser: Chrome) -> list[str]:
    """Texts that stand out too little."""
    found: list[str] = browser.execute_script(f"{_LAYOUT} return faint();")
    return found


def picture(browser: Chrome, path: Path, width: int) -> None:
    """The whole page, of at most 16,000 pixels."""
    height = browser.execute_script("return document.documentElement.scrollHeight")
    size = {"width": width, "height": min(height, 16_000), "deviceScaleFactor": 1}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**size, "mobile": width < 700})
    assert browser.save_screenshot(str(path))
