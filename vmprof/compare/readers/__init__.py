"""Saved reports, TVM's or ours: JSON, CSV, printed tables in a log."""

from vmprof.compare.readers.read import STANDARD_INPUT, parse_reports, read_report, read_reports
from vmprof.compare.readers.saved import SavedReport, names_of, reports_of, titles_of

__all__ = [
    "STANDARD_INPUT",
    "SavedReport",
    "names_of",
    "parse_reports",
    "read_report",
    "read_reports",
    "reports_of",
    "titles_of",
]
