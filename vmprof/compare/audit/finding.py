"""What a check of a report found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median

from vmprof.compare.audit.repeats import Repeats
from vmprof.compare.significance import holm, least_p_value, p_value

# A report is called not believable by less than this chance, check by check.
ALPHA = 0.01


class Verdict(Enum):
    """Of one check.

    ``UNDECIDED``: the report does not hold what it takes to tell, or what was found may be noise.
    """

    HOLDS = "ok"
    FAILS = "FAILS"
    UNDECIDED = "cannot tell"


@dataclass(frozen=True)
class Finding:
    """``subject`` is what was looked at; ``text`` says what was found, with numbers."""

    subject: str
    verdict: Verdict
    text: str


@dataclass(frozen=True)
class Held:
    """A ``value`` compared with its ``limit``; ``values`` and ``limits`` are of the repeats.

    Without repeats one of them is None, and the value alone decides.
    """

    value: float
    limit: float
    values: Repeats | None = None
    limits: Repeats | None = None

    @property
    def is_over(self) -> bool:
        return self.value > self.limit

    @property
    def is_repeated(self) -> bool:
        return self.values is not None and self.limits is not None

    @property
    def p(self) -> float:
        """The chance of being over so clearly, if the repeats are not."""
        if not self.values or not self.limits:
            return 1.0
        # The test has two sides; one value far over can lift a mean of repeats below.
        if not median(self.values) > median(self.limits):
            return 1.0
        return p_value(self.values, self.limits)

    @property
    def least_p(self) -> float:
        """The least that so many repeats can give."""
        return least_p_value(len(self.values or ()), len(self.limits or ()))


def judge(subject: str, text: str, *, fails: bool) -> Finding:
    """Of what is right or wrong, whatever the noise."""
    return Finding(subject, Verdict.FAILS if fails else Verdict.HOLDS, text)


def undecided(subject: str, text: str) -> Finding:
    return Finding(subject, Verdict.UNDECIDED, text)


def judge_held(subject: str, text: str, held: Sequence[Held]) -> Finding:
    """Of what was measured: fails if a value is over its limit, and not by chance.

    Where there are repeats, theirs must be over theirs by a Mann-Whitney U test, adjusted for
    all that were held.
    """
    over = [each for each in held if each.is_over]
    if not over:
        return Finding(subject, Verdict.HOLDS, text)
    if not all(each.is_repeated for each in over):
        return Finding(subject, Verdict.FAILS, text)
    tested = [each for each in held if each.is_repeated]
    ps = holm([each.p for each in tested])
    if any(each.is_over and p <= ALPHA for each, p in zip(tested, ps, strict=True)):
        return Finding(subject, Verdict.FAILS, text)
    if len(tested) * min(each.least_p for each in over) > ALPHA:
        repeats = max(len(each.values or ()) for each in over)
        return undecided(subject, f"{text}; too few repeats to tell it from noise: {repeats}")
    return undecided(subject, f"{text}; within what repeats differ by")
