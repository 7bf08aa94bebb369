"""A comparison as one HTML file that needs nothing else, in the style of a report's page."""

from vmprof.compare.page.page import page, page_with_reports

__all__ = ["page", "page_with_reports"]
