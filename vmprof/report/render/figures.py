"""Numbers as people read them: three significant digits and a unit."""

from __future__ import annotations

import math

from vmprof.values import Count, Duration, Metric, Percent, Ratio

_COUNTS = ("", "k", "M", "G", "T", "P", "E")
_LEAST_EXPONENT, _MOST_EXPONENT = -3, 6  # of numbers that are written out
_TIMES = (("s", 1e6), ("ms", 1e3), ("us", 1.0), ("ns", 1e-3))


def short(metric: Metric | None) -> str:
    """A value in a few characters: ``147 ms``, ``12.3 M``, ``18.8 %``; text as it is."""
    match metric:
        case Duration(microseconds):
            return short_time(microseconds)
        case Count(value):
            return short_count(value)
        case Percent(percent):
            return f"{three_digits(percent)} %"
        case Ratio(ratio):
            return three_digits(ratio)
        case str():
            return metric
    return ""


def short_time(microseconds: float) -> str:
    """``147 ms``, ``0.46 us`` being ``460 ns``."""
    for unit, size in _TIMES:
        # What rounds up to 1,000 of a unit is one of the next.
        if abs(microseconds) >= 0.9995 * size:
            return f"{three_digits(microseconds / size)} {unit}"
    return f"{three_digits(microseconds * 1e3)} ns"


def short_count(value: float) -> str:
    """``12.3 M``; below a thousand all digits."""
    power = 0
    while abs(value) >= 999.5 and power < len(_COUNTS) - 1:
        value /= 1000
        power += 1
    text = three_digits(value) if power else f"{value:g}"
    return f"{text} {_COUNTS[power]}".rstrip()


def three_digits(value: float) -> str:
    """``0.0902``, ``83.8``, ``1,234``; with an exponent what is very small or large."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    exponent = int(f"{value:.2e}".partition("e")[2])
    if not _LEAST_EXPONENT <= exponent <= _MOST_EXPONENT:
        return f"{value:.3g}"
    return f"{value:,.{max(2 - exponent, 0)}f}"
