"""Makes the pictures of reports and recordings in docs/, in headless Chromium.

python docs/scripts/make_report_pictures.py [--before COMMIT]

They are of docs/pictures/resnet50.json, and of examples/llm, which is recorded for them. With
--before, only those pictures that docs/reference/reports.md has of the vmprof of that commit.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tarfile
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

DOCS = Path(__file__).parents[1]
PICTURES = DOCS / "pictures"
# Of terminals, in columns, and how many rows of the table they show.
COLUMNS, NARROW = 118, 80
ROWS = {COLUMNS: 14, NARROW: 22}
HEIGHT = 1080
# Of a telephone, in pixels.
PHONE = (400, 800)
OPERATORS = "document.getElementById('operators').scrollIntoView()"
# What a vmprof of another time makes of the report: the page, and the narrow table.
OF_THAT_TIME = """
import sys
folder, report, page, table, columns, rows = sys.argv[1:]
# Not the vmprof that is installed, which may be this one.
sys.meta_path = [each for each in sys.meta_path if "editable" not in f"{each!r}".lower()]
sys.path.insert(0, folder)
from vmprof import Report
from vmprof.report.render import terminal
from vmprof.report.render.view import View
assert sys.modules["vmprof"].__file__.startswith(folder)
report = Report.from_json(open(report).read())
open(page, "w").write(report.html())
text = terminal.render(report, View(top=int(rows)), width=int(columns), colour=True)
open(table, "w").write(text)
"""
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
    parser = argparse.ArgumentParser(description="Make the pictures in docs/.")
    parser.add_argument("--before", metavar="COMMIT", help="those of the vmprof of that commit")
    commit = parser.parse_args().before
    with tempfile.TemporaryDirectory() as folder:
        browser = start(folder)
        if commit is None:
            everything(browser, Path(folder))
        else:
            of_commit(browser, commit, Path(folder))
        browser.quit()


def everything(browser: Chrome, folder: Path) -> None:
    report = Report.from_json((PICTURES / "resnet50.json").read_text())
    page = folder / "report.html"
    page.write_text(report.html(), encoding="utf-8")
    size(browser, 1280, HEIGHT)
    browser.get(page.as_uri())
    save(browser, "report")
    save(browser, "counters", "#counters")
    save(browser, "roofline", "#roofline")
    browser.execute_script("document.querySelector('#row-1 button').click()")
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    save(browser, "operators-dark", "#operators", height=900)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    save_phone(browser, page, "phone")
    recorded = folder / "recording.html"
    record(recorded)
    browser.get(f"{recorded.as_uri()}#report-0")
    save(browser, "recording")
    browser.execute_script(GROWING)
    save(browser, "grows", "#operators", height=620)
    save_terminal(browser, folder, "terminal", terminal_text(report, COLUMNS), COLUMNS)
    save_terminal(browser, folder, "terminal-80", terminal_text(report, NARROW), NARROW)


def of_commit(browser: Chrome, commit: str, folder: Path) -> None:
    """What docs/reference/reports.md shows of how it was before."""
    archive = ["git", "-C", str(DOCS.parent), "archive", commit, "vmprof"]
    files = subprocess.run(archive, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603
    with tarfile.open(fileobj=io.BytesIO(files)) as packed:
        packed.extractall(folder, filter="data")
    page, table = folder / "before.html", folder / "before.txt"
    arguments = [
        str(folder),
        str(PICTURES / "resnet50.json"),
        str(page),
        str(table),
        str(NARROW),
        str(ROWS[NARROW]),
    ]
    command = [sys.executable, "-c", OF_THAT_TIME, *arguments]
    subprocess.run(command, check=True)  # noqa: S603
    save_phone(browser, page, "before-phone")
    save_terminal(browser, folder, "before-terminal-80", table.read_text(), NARROW)


def record(page: Path) -> None:
    """The page of the example's recording."""
    command = [sys.executable, "-m", "vmprof", "record", "--counters", "none", "--html", str(page)]
    program = [str(DOCS.parent / "examples" / "llm" / "chat.py"), "--tokens", "128"]
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
    mobile = width < PHONE[0] + 1
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
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


def save_phone(browser: Chrome, page: Path, name: str) -> None:
    """The operators as a telephone shows them."""
    size(browser, *PHONE)
    browser.get(page.as_uri())
    browser.execute_script(OPERATORS)
    browser.save_screenshot(str(PICTURES / f"{name}.png"))
    size(browser, 1280, HEIGHT)


def terminal_text(report: Report, columns: int) -> str:
    return terminal.render(report, View(top=ROWS[columns]), width=columns, colour=True)


def save_terminal(browser: Chrome, folder: Path, name: str, text: str, columns: int) -> None:
    """``text`` as a terminal of so many ``columns`` shows it."""
    console = Console(record=True, width=columns, file=io.StringIO())
    console.print(Text(f"$ vmprof show resnet50.json --top {ROWS[columns]}\n", "bold"))
    console.print(Text.from_ansi(text))
    code = console.export_html(inline_styles=True, code_format="{code}")
    page = folder / "terminal.html"
    page.write_text(TERMINAL.format(code=code.rstrip()), encoding="utf-8")
    browser.get(page.as_uri())
    save(browser, name, "#shown")


if __name__ == "__main__":
    main()
