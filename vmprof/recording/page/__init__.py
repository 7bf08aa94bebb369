"""A recording as one HTML file that needs nothing else: :func:`render`."""

from vmprof.recording.page.page import render

__all__ = ["render"]
