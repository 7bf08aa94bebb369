"""What rules say of a report, and which of them cannot tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vmprof.errors import VmprofError
from vmprof.expression import alias
from vmprof.report.advice.names import Values, of_rows, of_run
from vmprof.report.advice.rule import Rule, Scope
from vmprof.report.aggregate import merge_calls
from vmprof.report.derive import derive_rows, summed
from vmprof.report.model import Report
from vmprof.uncollected import uncollected
from vmprof.values import Row


@dataclass(frozen=True)
class Case:
    """One operator, or the run, of which a rule holds.

    ``name`` and ``shapes`` are the row's, empty for the run as a whole; ``figures`` is what the
    rule's condition and sentence rest on, ``gain_us`` what could be won at most, if the rule says.
    ``duration_us`` is that of the row, or of Total.
    """

    name: str
    shapes: str
    text: str
    figures: Mapping[str, float | str]
    gain_us: float | None
    duration_us: float


@dataclass(frozen=True)
class Advice:
    """A rule and the cases of it, those with most to win first."""

    rule: Rule
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Advised:
    """What all rules gave: ``untold`` says of those that could not be applied why not."""

    given: tuple[Advice, ...]
    silent: tuple[Rule, ...]
    untold: Mapping[str, str]


@uncollected()
def advise(report: Report, rules: Sequence[Rule]) -> Advised:
    """Apply ``rules`` to ``report``: those that have most to win come first."""
    rows = derive_rows(merge_calls(report.calls), report.derived)
    run = of_run(report)
    named = list(zip(rows, of_rows(rows), strict=True))
    given, silent, untold = [], [], {}
    for rule in rules:
        candidates = [
            (row, {**run, **values, **rule.thresholds})
            for row, values in _candidates(rule, report, named)
        ]
        able = [(row, values) for row, values in candidates if values.keys() >= rule.names]
        if candidates and not able:
            untold[rule.name] = _lacking(rule, report, [values for _, values in candidates])
        elif cases := [case for row, values in able if (case := _case(rule, row, values))]:
            given.append(Advice(rule, tuple(sorted(cases, key=_weight, reverse=True))))
        else:
            silent.append(rule)
    given.sort(key=lambda advice: _weight(*advice.cases), reverse=True)
    return Advised(tuple(given), tuple(silent), untold)


def _candidates(
    rule: Rule, report: Report, named: Sequence[tuple[Row, Values]]
) -> Iterator[tuple[Row, Values]]:
    if rule.scope is Scope.RUN:
        yield {}, {}
        return
    pattern = rule.operators
    chosen = [
        (row, values)
        for row, values in named
        if pattern is None or pattern.search(str(row.get("Name", "")))
    ]
    if rule.scope is Scope.EACH:
        yield from chosen
    elif chosen:
        together = summed([row for row, _ in chosen], report.derived)
        yield {}, next(of_rows([together]))


def _case(rule: Rule, row: Row, values: Values) -> Case | None:
    numbers = {name: value for name, value in values.items() if isinstance(value, float)}
    for name, formula in rule.figures.items():
        if formula.names - numbers.keys():
            continue  # of a figure that nothing uses
        figure = formula.evaluate(numbers)
        if figure is None:
            return None  # a share of nothing
        numbers[name] = values[name] = figure
    try:
        if not rule.when.holds(values, {}):
            return None
    except VmprofError as error:
        raise VmprofError(f"the rule {rule.name}: {error}") from error
    return Case(
        name=str(row.get("Name", "")),
        shapes=str(row.get("Argument Shapes", "")),
        text=rule.finding.say(values),
        figures={name: values[name] for name in sorted(rule.when.names | rule.finding.names)},
        gain_us=rule.gain.evaluate(numbers) if rule.gain else None,
        duration_us=numbers.get("duration_us", numbers.get("total_duration_us", 0.0)),
    )


def _lacking(rule: Rule, report: Report, candidates: Sequence[Values]) -> str:
    """Why the rule cannot be applied: what there is not, and the reasons that the report gives."""
    lacking = min((rule.names - values.keys() for values in candidates), key=len)
    reasons = {alias(column): f"{column}: {why}" for column, why in report.missing.items()}
    known = [reasons[name] for name in sorted(lacking) if name in reasons]
    return "; ".join([f"no {', '.join(sorted(lacking))} in the report: {rule.needs}", *known])


def _weight(*cases: Case) -> tuple[float, float]:
    return sum(case.gain_us or 0.0 for case in cases), sum(case.duration_us for case in cases)
