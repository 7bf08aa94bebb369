"""Report: the data of a profile, and one module per output."""

from vmprof.report.model import Count, Duration, Percent, Ratio, Report, Samples

__all__ = ["Count", "Duration", "Percent", "Ratio", "Report", "Samples"]
