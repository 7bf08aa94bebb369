"""Two engines' reports of one model, operator by operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import count
from statistics import median

from vmprof.compare.diff import TIME, Change
from vmprof.compare.rows import NOT_COMPARED, merged_rows, not_compared
from vmprof.compare.significance import holm, least_p_value, p_value
from vmprof.compare.validate.cost import EngineCost, window_costs
from vmprof.report.columnwise import number
from vmprof.report.model import Report
from vmprof.values import SAMPLES_SUFFIX, Count, Row, Samples

# Of what two engines measured in turn, in one process.
ALPHA = 0.05


class Verdict(Enum):
    """Of one value of an operator.

    ``SMALL`` is more than chance, but less than the tolerance or than what a window
    costs; ``UNDECIDED`` may be more than either, and may be chance: repeats are too few,
    or differ by too much.
    """

    NOISE = "~"
    SMALL = "*"
    DIFFERS = "DIFFERS"
    UNDECIDED = "?"


@dataclass(frozen=True)
class Cell:
    """One value of an operator, by the first engine (``change.before``) and by the second.

    ``spreads`` are from repeat to repeat (1.4826 times the median absolute
    deviation); ``allowed`` is the largest difference that is none.
    """

    change: Change
    spreads: tuple[float, float]
    allowed: float
    verdict: Verdict


@dataclass(frozen=True)
class Operator:
    """All calls of one operator; ``cells`` are by column."""

    name: str
    shapes: str
    count: int
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class Agreement:
    """What two engines' reports say of each other.

    ``engines`` are their names. ``other_call`` says where their calls part, None if
    they do not; then ``operators`` has the longest first. ``tested`` is the number
    of values whose differences were tested together, 0 if ``repeats``, the fewest that
    any of the ``varying`` ones has, are too few for any to be more than chance;
    ``window`` is what a window costs, by column. ``not_compared`` says of numbers that are not
    among ``columns`` why.
    """

    engines: tuple[str, str]
    calls: int
    other_call: str | None
    operators: tuple[Operator, ...]
    columns: tuple[str, ...]
    varying: int
    repeats: int
    tested: int
    tolerance: float
    window: Mapping[str, float]
    costs: tuple[EngineCost, EngineCost]
    not_compared: Mapping[str, str]

    def differing(self) -> list[tuple[Operator, str, Cell]]:
        """The values in which the engines disagree."""
        return [*self._with(Verdict.DIFFERS)]

    def undecided(self) -> list[tuple[Operator, str, Cell]]:
        """The values in which nobody can tell whether they do."""
        return [*self._with(Verdict.UNDECIDED)]

    @property
    def enough_repeats(self) -> int:
        """The least that let a difference be more than chance among so many values."""
        return next(n for n in count(1) if self.varying * least_p_value(n, n) <= ALPHA)

    def _with(self, verdict: Verdict) -> Iterator[tuple[Operator, str, Cell]]:
        for operator in self.operators:
            for column, cell in operator.cells.items():
                if cell.verdict is verdict:
                    yield operator, column, cell


def compare_engines(reports: Mapping[str, Report], tolerance: float) -> Agreement:
    """Compare the reports of two engines, by their names, with each other.

    A difference of up to ``tolerance`` percent is none.
    """
    (one, first), (other, second) = reports.items()
    costs = (EngineCost.of(first), EngineCost.of(second))
    window = window_costs(first, second, costs)
    part = _where_they_part((one, other), first, second)
    pairs = [] if part else list(zip(merged_rows(first), merged_rows(second), strict=True))
    columns = _columns(pairs)
    varying = _varying(pairs, columns)
    changes = _tested(pairs, columns, varying)
    operators = [
        _operator(pair, of_row, window, tolerance)
        for pair, of_row in zip(pairs, changes, strict=True)
    ]
    operators.sort(key=lambda operator: operator.cells[TIME].change.before or 0.0, reverse=True)
    return Agreement(
        engines=(one, other),
        calls=len(first.calls),
        other_call=part,
        operators=tuple(operators),
        columns=tuple(columns),
        varying=len(varying),
        repeats=min((len(each) for both in varying.values() for each in both), default=0),
        tested=sum(change.p is not None for of_row in changes for change in of_row.values()),
        tolerance=tolerance,
        window=window,
        costs=costs,
        not_compared=not_compared(row for pair in pairs for row in pair),
    )


def _where_they_part(engines: tuple[str, str], first: Report, second: Report) -> str | None:
    calls = [
        [f"{call.get('Name')}({call.get('Argument Shapes')})" for call in report.calls]
        for report in (first, second)
    ]
    if calls[0] == calls[1]:
        return None
    same = zip(*calls, strict=False)
    place = next((i for i, (a, b) in enumerate(same) if a != b), min(map(len, calls)))
    names = [each[place] if place < len(each) else "nothing more" for each in calls]
    return (
        f"call {place + 1} of {len(calls[0])} and {len(calls[1])} is "
        f"{names[0]} by {engines[0]}, {names[1]} by {engines[1]}"
    )


def _columns(pairs: Sequence[tuple[Row, Row]]) -> list[str]:
    """Duration, and the counters that both have in every row."""
    counted = [
        name
        for name in (pairs[0][0] if pairs else ())
        if name != "Count"
        and name not in NOT_COMPARED
        and all(isinstance(row.get(name), Count) for pair in pairs for row in pair)
    ]
    return [TIME, *sorted(counted)]


# By row and column, the repeats of both engines.
_Repeats = Mapping[tuple[int, str], tuple[Sequence[float], Sequence[float]]]


def _varying(pairs: Sequence[tuple[Row, Row]], columns: Sequence[str]) -> _Repeats:
    """Of the values whose repeats are not all equal."""
    repeats = {
        (index, column): (_samples(first, column), _samples(second, column))
        for index, (first, second) in enumerate(pairs)
        for column in columns
    }
    return {key: (a, b) for key, (a, b) in repeats.items() if a and b and len({*a, *b}) > 1}


def _tested(
    pairs: Sequence[tuple[Row, Row]], columns: Sequence[str], varying: _Repeats
) -> list[dict[str, Change]]:
    """The changes by column, row by row.

    All that vary are tested together; ``p`` is None for the others, and for
    all if the number of repeats lets no difference be more than chance.
    """
    least = max((least_p_value(*map(len, both)) for both in varying.values()), default=1.0)
    adjusted: dict[tuple[int, str], float] = {}
    if len(varying) * least <= ALPHA:
        ps = holm([p_value(*both) for both in varying.values()])
        adjusted = dict(zip(varying, ps, strict=True))
    return [
        {
            column: Change(
                number(first.get(column)), number(second.get(column)), adjusted.get((index, column))
            )
            for column in columns
        }
        for index, (first, second) in enumerate(pairs)
    ]


def _operator(
    pair: tuple[Row, Row],
    changes: Mapping[str, Change],
    window: Mapping[str, float],
    tolerance: float,
) -> Operator:
    row = pair[0]
    number_of_calls = row.get("Count")
    calls = number_of_calls.value if isinstance(number_of_calls, Count) else 1
    cells = {}
    for column, change in changes.items():
        largest = max(abs(change.before or 0.0), abs(change.after or 0.0))
        allowed = max(calls * window.get(column, 0.0), tolerance / 100 * largest)
        spreads = (_spread(_samples(pair[0], column)), _spread(_samples(pair[1], column)))
        varies = len({*_samples(pair[0], column), *_samples(pair[1], column)}) > 1
        verdict = _verdict(change, allowed, varies=varies)
        cells[column] = Cell(change, spreads, allowed, verdict)
    return Operator(str(row.get("Name", "")), str(row.get("Argument Shapes", "")), calls, cells)


def _verdict(change: Change, allowed: float, *, varies: bool) -> Verdict:
    difference = abs((change.after or 0.0) - (change.before or 0.0))
    if change.p is None:
        return Verdict.UNDECIDED if varies or difference else Verdict.NOISE
    if change.p > ALPHA:
        # So large a difference is not shown to be none by the lack of a proof.
        return Verdict.UNDECIDED if difference > allowed else Verdict.NOISE
    return Verdict.DIFFERS if difference > allowed else Verdict.SMALL


def _samples(row: Row, column: str) -> tuple[float, ...]:
    metric = row.get(f"{column}{SAMPLES_SUFFIX}")
    return metric.values if isinstance(metric, Samples) else ()


def _spread(samples: Sequence[float]) -> float:
    if not samples:
        return 0.0
    middle = median(samples)
    return 1.4826 * median(abs(value - middle) for value in samples)
