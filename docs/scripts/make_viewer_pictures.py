"""Makes the pictures of the viewer in docs/, in headless Chromium.

python docs/scripts/make_viewer_pictures.py

They are of docs/pictures/resnet50.json, and of the mlp, which is sampled for them.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from make_report_pictures import PICTURES, size, start
from selenium.webdriver import Chrome

from vmprof import Report
from vmprof.report.render.view import View
from vmprof.viewer.app import Viewer
from vmprof.viewer.sheet import ReportSheet

# Of the terminal, in columns and lines; of a picture, in pixels.
SHAPE = (100, 28)
WIDTH = 1180
# Textual's picture of a screen names a font that a browser would fetch.
_FONTS = re.compile(r"@font-face \{.*?\}\n", re.DOTALL)


def main() -> None:
    resnet50 = Report.from_json((PICTURES / "resnet50.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        browser = start(folder)
        for name, report, keys in (
            ("viewer", resnet50, ()),
            ("viewer-operator", resnet50, ("enter",)),
            ("viewer-inside", sampled(Path(folder)), ("enter", "4")),
        ):
            drawn = asyncio.run(screen(report, keys))
            save(browser, Path(folder), name, _FONTS.sub("", drawn))
        browser.quit()


def sampled(folder: Path) -> Report:
    saved = folder / "report.json"
    command = [sys.executable, "-m", "vmprof", "run", "mlp", "--sample", "--json", str(saved)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    return Report.from_json(saved.read_text())


async def screen(report: Report, keys: Sequence[str]) -> str:
    """The screen after these ``keys``, as SVG."""
    viewer = Viewer([ReportSheet.of("report", report, View())])
    async with viewer.run_test(size=SHAPE) as pilot:
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        return viewer.export_screenshot()


def save(browser: Chrome, folder: Path, name: str, drawn: str) -> None:
    page = folder / f"{name}.html"
    html = "<!DOCTYPE html><meta charset=utf-8><body style='margin:0'><style>svg *{font-family:"
    page.write_text(f"{html}'DejaVu Sans Mono',monospace!important}}</style>{drawn}", "utf-8")
    size(browser, WIDTH, WIDTH)
    browser.get(page.as_uri())
    browser.find_element("css selector", "svg").screenshot(str(PICTURES / f"{name}.png"))


if __name__ == "__main__":
    main()
