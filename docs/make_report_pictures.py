"""Makes the pictures of reports and recordings in docs/, in headless Chromium.

python docs/make_report_pictures.py

They are of docs/pictures/resnet50.json, and of examples/llm, which is recorded for them.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from vmprof import Report
from vmprof.report.render import terminal
from vmprof.report.render.view import View

HERE = Path(__file__).parent
PICTURES = HERE / "pictures"
COLUMNS = 118
HEIGHT = 1080
# The operator of whose growth the text tells.
GROWING = """
const row = [...document.querySelectorAll("#table tbody tr")]
  .find((row) => row.cells[0].textContent.includes("decode_paged_kv"));
row.querySelector("button").click();
row.parentElement.prepend(row, row.nextElementSibling);
"""
TERMINAL = """<!DOCTYPE html><meta charset="utf-8"><body style="margin:0;background:#16191d">
<pre id="shown" style="display:inline-block;margin:0;padding:18px 22px;color:#d8dce0;
font:14px/1.35 'DejaVu Sans Mono',monospace">{code}</pre>"""


def main() -> None:
    report = Report.from_json((PICTURES / "resnet50.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        browser = start(folder)
        page = Path(folder) / "report.html"
        page.write_text(report.html(), encoding="utf-8")
        size(browser, 1280, HEIGHT)
        browser.get(page.as_uri())
        save(browser, "report")
        browser.execute_script("document.querySelector('#row-1 button').click()")
        dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
        save(browser, "operators-dark", "#operators", height=900)
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        save(browser, "counters", "#counters")
        save(browser, "roofline", "#roofline")
        recorded = Path(folder) / "recording.html"
        record(recorded)
        browser.get(f"{recorded.as_uri()}#function-0")
        save(browser, "recording")
        browser.execute_script(GROWING)
        save(browser, "grows", "#operators", height=430)
        page.write_text(on_terminal(report), encoding="utf-8")
        browser.get(page.as_uri())
        save(browser, "terminal", "#shown")
        browser.quit()


def record(page: Path) -> None:
    """The page of the example's recording."""
    command = [sys.executable, "-m", "vmprof", "record", "--counters", "none", "--html", str(page)]
    program = [str(HERE.parent / "examples" / "llm" / "chat.py"), "--tokens", "128"]
    everything = [*command, "--", *program]
    subprocess.run(everything, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def start(folder: str) -> Chrome:
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"):
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={folder}/profile")
    return Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def size(browser: Chrome, width: int, height: int) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def save(browser: Chrome, name: str, part: str = "", height: float = 0) -> None:
    """The window, or a part of the page of at most ``height``."""
    path = PICTURES / f"{name}.png"
    if not part:
        browser.save_screenshot(str(path))
        return
    element = browser.find_element(By.CSS_SELECTOR, part)
    whole = browser.execute_script("return document.documentElement.scrollHeight")
    size(browser, 1280, whole)
    room = "padding: 14px 16px;" if part != "#shown" else ""
    limit = f"height: {height}px; overflow: hidden;" if height else ""
    browser.execute_script("arguments[0].style.cssText += arguments[1]", element, room + limit)
    element.screenshot(str(path))
    size(browser, 1280, HEIGHT)


def on_terminal(report: Report) -> str:
    text = terminal.render(report, View(top=14), width=COLUMNS, colour=True)
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text("$ vmprof show resnet50.json --top 14\n", "bold"))
    console.print(Text.from_ansi(text))
    code = console.export_html(inline_styles=True, code_format="{code}")
    return TERMINAL.format(code=code.rstrip())


if __name__ == "__main__":
    main()
