"""The hosts of one operator as marks along a line: how far each is from the median."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import log

from vmprof.compare.study.summary import Summary

# Units of the drawing, which a page shows as pixels.
WIDTH, HEIGHT = 420, 24
_MARGIN, _TALLEST, _LOWEST = 6, 18, 6
# Twice as long or half of it is at the edge at most, 5 % at least.
_MOST, _LEAST = log(2), log(1.05)


@dataclass(frozen=True)
class Scale:
    """What all strips of a page have in common; ``edge`` is the logarithm at their ends."""

    edge: float

    @classmethod
    def of(cls, rows: Iterable[Summary]) -> Scale:
        farthest = max((abs(_logarithm(1 + row.away)) for row in rows), default=0.0)
        return cls(min(max(farthest, _LEAST), _MOST))

    def place(self, ratio: float) -> int:
        """Of a time that is so many times the median; what lies outside is at an end."""
        share = max(-1.0, min(1.0, _logarithm(ratio) / self.edge))
        return round(WIDTH / 2 + share * (WIDTH / 2 - _MARGIN))


def _logarithm(ratio: float) -> float:
    """Of what may be too small or too large for a number."""
    return log(min(max(ratio, 1e-300), 1e300))


@dataclass(frozen=True)
class Strip:
    """``marks`` is the path of the hosts that are no outliers, ``dots`` has point and place."""

    marks: str
    dots: tuple[tuple[str, int], ...]


def strip(row: Summary, scale: Scale) -> Strip:
    """However many hosts there are, a mark for each place: the more at one, the taller."""
    outside = {outlier.point for outlier in row.outliers}
    places = {point: scale.place(time / row.middle) for point, time in row.times.items()}
    at = Counter(place for point, place in places.items() if point not in outside)
    most = max(at.values(), default=1)
    marks = []
    for place, number in sorted(at.items()):
        tall = _LOWEST + (_TALLEST - _LOWEST) * log(number) / log(most) if most > 1 else _LOWEST
        marks.append(f"M{place} {(HEIGHT - tall) / 2:.1f}v{tall:.1f}")
    return Strip("".join(marks), tuple((point, places[point]) for point in sorted(outside)))
