"""Kinds of operators: kernels that the compiler told apart by a number at the end of their name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from vmprof.values import Count, Duration, Row

_YEARS = 1e15  # microseconds: thirty years
_NUMBER = re.compile(r"(?<=.)_?\d+$")


@dataclass(frozen=True)
class Kind:
    """What all calls of a kind took together."""

    name: str
    microseconds: float
    calls: int


def kind_of(row: Row) -> str:
    """``fused_conv2d_add_relu`` of ``fused_conv2d_add_relu_3``; the rest of a name counts."""
    name = row.get("Name")
    return _without_number(name) if isinstance(name, str) else ""


@lru_cache(maxsize=4096)
def _without_number(name: str) -> str:
    return _NUMBER.sub("", name)


def kinds(calls: Iterable[Row]) -> list[Kind]:
    """The kinds of ``calls``, longest first."""
    groups: dict[str, list[Row]] = {}
    for call in calls:
        groups.setdefault(kind_of(call), []).append(call)
    found = [
        Kind(name, sum(map(microseconds, rows)), sum(map(calls_of, rows)))
        for name, rows in groups.items()
    ]
    return sorted(found, key=lambda kind: -kind.microseconds)


def calls_of(row: Row) -> int:
    """How many calls the row stands for."""
    count = row.get("Count")
    return count.value if isinstance(count, Count) else 1


def microseconds(row: Row) -> float:
    """How long it took; 0 where nobody knows, or what is said is no duration."""
    duration = row.get("Duration (us)")
    if isinstance(duration, Duration) and 0 <= duration.microseconds < _YEARS:
        return duration.microseconds
    return 0.0
