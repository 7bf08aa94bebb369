"""Numbers as people read them: three significant digits and a unit."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Callable, Mapping
from typing import Any

from vmprof.values import Count, Duration, Metric, Percent, Ratio

_COUNTS = ("", "k", "M", "G", "T", "P", "E")
_LEAST_EXPONENT, _MOST_EXPONENT = -3, 6  # of numbers that are written out
_TIMES = (("s", 1e6), ("ms", 1e3), ("us", 1.0), ("ns", 1e-3))


def short(metric: Metric | None) -> str:
    """A value in a few characters: ``147 ms``, ``12.3 M``, ``18.8 %``; text as it is."""
    text_of = _SHORT.get(type(metric))
    return "" if text_of is None else text_of(metric)


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
    form = _FORMS[bisect(_LEAST, abs(value))]
    return form.format(value) if math.isfinite(value) else str(value)


def like(metric: Metric | None, value: float) -> Metric:
    """``value`` in the unit of ``metric``."""
    match metric:
        case Duration():
            return Duration(value)
        case Ratio():
            return Ratio(value)
        case Percent():
            return Percent(value)
    return Count(round(value))


def _least(exponent: int) -> float:
    """The least number that is written with this power of ten, which may be rounded up to it."""
    edge = float(f"9.995e{exponent - 1}")
    return edge if f"{edge:.2e}".endswith(f"e{exponent:+03d}") else math.nextafter(edge, math.inf)


_EXPONENTS = range(_LEAST_EXPONENT, _MOST_EXPONENT + 1)
# From each of these numbers on there is one digit more before the point.
_LEAST = [_least(exponent) for exponent in (*_EXPONENTS, _MOST_EXPONENT + 1)]
_FORMS = ["{:.3g}", *(f"{{:,.{max(2 - exponent, 0)}f}}" for exponent in _EXPONENTS), "{:.3g}"]
_SHORT: Mapping[type, Callable[[Any], str]] = {
    Duration: lambda duration: short_time(duration.microseconds),
    Count: lambda count: short_count(count.value),
    Percent: lambda share: f"{three_digits(share.percent)} %",
    Ratio: lambda quotient: three_digits(quotient.ratio),
    str: str,
}
