"""What running both engines came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from vmprof.compare.validate.agreement import Agreement
from vmprof.report.model import Report


class Conclusion(Enum):
    """Do the engines agree? ``UNDECIDED``: they may, and they may not."""

    AGREE = "the engines agree"
    DIFFER = "the engines disagree"
    UNDECIDED = "cannot tell whether the engines agree"


@dataclass(frozen=True)
class Validation:
    """``reports`` are by engine. ``other_output`` says how outputs differ, if they do.

    ``reproducible`` is False if two runs of TVM's VM, unprofiled, differ already: then
    nothing can be told of the engines' outputs.
    """

    reports: Mapping[str, Report]
    agreement: Agreement
    other_output: str | None
    reproducible: bool

    @property
    def conclusion(self) -> Conclusion:
        if self.other_output or self.agreement.other_call or self.agreement.differing():
            return Conclusion.DIFFER
        if self.agreement.undecided() or not self.reproducible:
            return Conclusion.UNDECIDED
        return Conclusion.AGREE

    @property
    def agrees(self) -> bool | None:
        """None if it cannot be told."""
        conclusion = self.conclusion
        return None if conclusion is Conclusion.UNDECIDED else conclusion is Conclusion.AGREE
