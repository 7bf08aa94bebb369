"""Reports as one HTML file that needs nothing else: :func:`render`, :func:`render_several`."""

from vmprof.report.render.html.operators import Cell, Changes
from vmprof.report.render.html.page import fragment, render
from vmprof.report.render.html.several import render as render_several

__all__ = ["Cell", "Changes", "fragment", "render", "render_several"]
