"""Report: the data of a profile, and one module per output."""

from vmprof.report.model import Report
from vmprof.values import Count, Duration, Percent, Ratio, Samples

__all__ = ["Count", "Duration", "Percent", "Ratio", "Report", "Samples"]
