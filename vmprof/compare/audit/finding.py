"""What a check of a report found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """Of one check. ``UNKNOWN``: the report does not hold what it takes to tell."""

    HOLDS = "ok"
    FAILS = "FAILS"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """``subject`` is what was looked at; ``text`` says what was found, with numbers."""

    subject: str
    verdict: Verdict
    text: str


def judge(subject: str, text: str, *, fails: bool) -> Finding:
    return Finding(subject, Verdict.FAILS if fails else Verdict.HOLDS, text)


def unknown(subject: str, text: str) -> Finding:
    return Finding(subject, Verdict.UNKNOWN, text)
