"""What a study says of each operator: what is usual, how much hosts differ, and which stand out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, isnan
from statistics import median, quantiles

from vmprof.compare.diff.side import TIME
from vmprof.compare.study.gathered import Facts, Gathered, Operator, Row
from vmprof.compare.study.outliers import LEAST_HOSTS, enough_hosts, outlying

# At most 1 of 100 studies of hosts that are alike finds any outlier.
ALPHA = 0.01


@dataclass(frozen=True)
class Outlier:
    """A point whose operator differs from the rest by more than these differ.

    ``value`` is its time and ``rest`` the median of the others, in microseconds; ``chance`` that
    of any such difference in the study, if there is none. ``beside`` has, of each other column,
    its value and the median of the others.
    """

    point: str
    value: float
    rest: float
    chance: float
    beside: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def percent(self) -> float:
        return 100 * (self.value / self.rest - 1)


@dataclass(frozen=True)
class Summary:
    """One operator over all points that have it.

    ``times`` are microseconds by point; ``low``, ``middle`` and ``high`` their quartiles.
    ``furthest`` is the point farthest from the median of the rest, ``away`` how far: 0.1 is 10 %
    more.
    """

    operator: Operator
    times: Mapping[str, float]
    low: float
    middle: float
    high: float
    furthest: str
    away: float
    outliers: Sequence[Outlier]

    @property
    def spread(self) -> float:
        """Half of what lies between the quartiles, in percent of the median."""
        return 50 * (self.high - self.low) / self.middle if self.middle else 0.0


@dataclass(frozen=True)
class Summaries:
    """``wholes`` are of the run, ``operators`` of its parts, the longest first.

    With fewer than ``enough`` points it takes more than 12 times the spread of the others to be
    told from chance, at the rate ``alpha`` of false alarms for all rows together.
    """

    wholes: Sequence[Summary]
    operators: Sequence[Summary]
    columns: Sequence[str]
    facts: Mapping[str, Facts]
    model: str
    alpha: float
    enough: int

    @property
    def rows(self) -> Sequence[Summary]:
        return [*self.operators, *self.wholes]

    def outliers_of(self) -> dict[str, list[tuple[Summary, Outlier]]]:
        """By point, those of the largest differences first."""
        found: dict[str, list[tuple[Summary, Outlier]]] = {}
        for summary in self.rows:
            for outlier in summary.outliers:
                found.setdefault(outlier.point, []).append((summary, outlier))
        for each in found.values():
            each.sort(key=lambda pair: -abs(pair[1].value - pair[1].rest))
        return dict(sorted(found.items(), key=lambda item: -_cost(item[1])))


def summarised(gathered: Gathered, alpha: float = ALPHA) -> Summaries:
    """All rows of ``gathered`` that have times.

    ``alpha`` is shared out evenly among them: it is the chance that any host is called an outlier
    in any row, if there is none.
    """
    timed = {
        operator: places
        for operator, row in gathered.rows.items()
        if (places := _timed(row)) and TIME in row.columns
    }
    tested = max(1, sum(len(places) >= LEAST_HOSTS for places in timed.values()))
    found = [
        _summary(
            operator, gathered.rows[operator], places, gathered.points, rate=alpha, tested=tested
        )
        for operator, places in timed.items()
    ]
    parts = [each for each in found if not each.operator.is_whole]
    names = dict.fromkeys(name for row in gathered.rows.values() for name in row.columns)
    return Summaries(
        wholes=[each for each in found if each.operator.is_whole],
        operators=sorted(parts, key=lambda each: -each.middle),
        columns=[*names],
        facts=gathered.facts,
        model=gathered.model,
        alpha=alpha,
        enough=enough_hosts(tested, alpha),
    )


def _summary(
    operator: Operator,
    row: Row,
    places: Sequence[int],
    points: Sequence[str],
    *,
    rate: float,
    tested: int,
) -> Summary:
    """``rate`` of false alarms is for all ``tested`` rows."""
    times = row.columns[TIME]
    values = [times[place] for place in places]
    chances = outlying(
        [row.tested[place] for place in places],
        [row.noise[place] for place in places],
        rate / tested,
    )
    outside = {places[index]: chance * tested for index, chance in chances.items()}
    inside = [place for place in places if place not in outside]
    rest = median(times[place] for place in inside)
    away = {place: times[place] / rest - 1 for place in places}
    furthest = max(places, key=lambda place: abs(away[place]))
    low, middle, high = quantiles(values, n=4) if len(values) > 1 else values * 3
    usual = _usual(row, inside) if outside else {}
    outliers = [
        Outlier(points[place], times[place], rest, chance, _beside(row, place, usual))
        for place, chance in sorted(outside.items(), key=lambda each: each[1])
    ]
    return Summary(
        operator,
        {points[place]: times[place] for place in places},
        low,
        middle,
        high,
        points[furthest],
        away[furthest],
        outliers,
    )


def _timed(row: Row) -> list[int]:
    """Where it took time; what took none cannot be so many percent slower."""
    times = row.columns.get(TIME, ())
    return [
        place for place, time in enumerate(times) if _is_time(time) and _is_time(row.tested[place])
    ]


def _is_time(microseconds: float) -> bool:
    return isfinite(microseconds) and microseconds > 0


def _usual(row: Row, inside: Sequence[int]) -> dict[str, float]:
    """Of each column but times, the median of those inside."""
    found = {}
    for column, values in row.columns.items():
        known = [values[place] for place in inside if not isnan(values[place])]
        if column != TIME and known:
            found[column] = median(known)
    return found


def _beside(row: Row, place: int, usual: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    there = {column: row.columns[column][place] for column in usual}
    return {column: (value, usual[column]) for column, value in there.items() if not isnan(value)}


def _cost(pairs: Sequence[tuple[Summary, Outlier]]) -> float:
    return max(abs(outlier.value - outlier.rest) for _, outlier in pairs)
