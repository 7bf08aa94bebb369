"""Both engines on one model: do they agree?"""

from vmprof.compare.validate.agreement import Agreement, Cell, Operator, Verdict, compare_engines
from vmprof.compare.validate.run import Conclusion, Validation, validate_model

__all__ = [
    "Agreement",
    "Cell",
    "Conclusion",
    "Operator",
    "Validation",
    "Verdict",
    "compare_engines",
    "validate_model",
]
