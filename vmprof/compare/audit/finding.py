"""What a check of a report found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median

from vmprof.compare.significance import holm, least_p_value, p_value

# A report is called not believable by less than this chance, check by check.
ALPHA = 0.01


class Verdict(Enum):
    """Of one check.

    ``UNTOLD``: the report does not hold what it takes to tell, or what was found may be noise.
    """

    HOLDS = "ok"
    FAILS = "FAILS"
    UNTOLD = "cannot tell"


@dataclass(frozen=True)
class Finding:
    """``subject`` is what was looked at; ``text`` says what was found, with numbers."""

    subject: str
    verdict: Verdict
    text: str


@dataclass(frozen=True)
class Held:
    """A ``value`` held against its ``limit``; ``values`` and ``limits`` of it in each repeat.

    Without repeats (TVM's profiler ran once and says nothing of noise) both are empty, and
    the value alone decides.
    """

    value: float
    limit: float
    values: Sequence[float] = ()
    limits: Sequence[float] = ()

    @property
    def is_over(self) -> bool:
        return self.value > self.limit

    @property
    def is_repeated(self) -> bool:
        return bool(self.values and self.limits)

    @property
    def p(self) -> float:
        """The chance of being over so clearly, if the repeats are not."""
        # The test has two sides; one value far over can lift a mean of repeats below.
        if not median(self.values) > median(self.limits):
            return 1.0
        return p_value(self.values, self.limits)


def judge(subject: str, text: str, *, fails: bool) -> Finding:
    """Of what is right or wrong, whatever the noise."""
    return Finding(subject, Verdict.FAILS if fails else Verdict.HOLDS, text)


def untold(subject: str, text: str) -> Finding:
    return Finding(subject, Verdict.UNTOLD, text)


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
    least = min(least_p_value(len(each.values), len(each.limits)) for each in over)
    if len(tested) * least > ALPHA:
        repeats = max(len(each.values) for each in over)
        return untold(subject, f"{text}; too few repeats to tell it from noise: {repeats}")
    return untold(subject, f"{text}; within what repeats differ by")
