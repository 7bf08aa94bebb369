"""A report as one HTML file that needs nothing else: :func:`render`."""

from vmprof.report.render.html.page import fragment, render

__all__ = ["fragment", "render"]
