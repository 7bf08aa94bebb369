"""What changed from one report to another, and whether that is more than chance."""

from vmprof.compare.diff.change import Change, Sureness
from vmprof.compare.diff.diff import Diff, Operator, diff_reports
from vmprof.compare.diff.match import MatchedBy
from vmprof.compare.diff.regressions import Limit, Regressions, regressions
from vmprof.compare.diff.side import TIME

__all__ = [
    "TIME",
    "Change",
    "Diff",
    "Limit",
    "MatchedBy",
    "Operator",
    "Regressions",
    "Sureness",
    "diff_reports",
    "regressions",
]
