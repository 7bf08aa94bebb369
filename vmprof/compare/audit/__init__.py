"""Is a report believable: its arithmetic, its limits, what the measuring cost."""

from vmprof.compare.audit.audit import Audit, audit_report, between_rows
from vmprof.compare.audit.corrected import corrected_report
from vmprof.compare.audit.cost import Cost
from vmprof.compare.audit.finding import Finding, Verdict

__all__ = [
    "Audit",
    "Cost",
    "Finding",
    "Verdict",
    "audit_report",
    "between_rows",
    "corrected_report",
]
