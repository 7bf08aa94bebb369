"""Both engines on one model: do they agree?"""

from vmprof.compare.validate.agreement import Agreement, Cell, Operator, Verdict, compare_engines
from vmprof.compare.validate.conclusion import Conclusion, Validation

__all__ = [
    "Agreement",
    "Cell",
    "Conclusion",
    "Operator",
    "Validation",
    "Verdict",
    "compare_engines",
]
