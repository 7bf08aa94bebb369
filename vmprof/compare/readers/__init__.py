"""Saved reports, TVM's or ours: JSON, CSV, printed tables in a log."""

from vmprof.compare.readers.read import parse_reports, read_report, read_reports
from vmprof.compare.readers.saved import SavedReport

__all__ = ["SavedReport", "parse_reports", "read_report", "read_reports"]
