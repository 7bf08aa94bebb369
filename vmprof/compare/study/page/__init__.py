"""A study as one HTML file that needs nothing else, in the style of a report's page."""

from vmprof.compare.study.page.page import page

__all__ = ["page"]
