"""Is a report believable?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vmprof.compare.audit.arithmetic import check_arithmetic
from vmprof.compare.audit.cost import Cost
from vmprof.compare.audit.disturbance import check_disturbance
from vmprof.compare.audit.finding import ALPHA, Finding, Verdict, judge, undecided
from vmprof.compare.audit.limits import check_limits
from vmprof.compare.audit.repeats import repeats_of
from vmprof.compare.rows import merged_rows
from vmprof.compare.significance import binomial_tail
from vmprof.report.aggregate import sum_columns
from vmprof.report.model import Report
from vmprof.report.noise import Level, Noise, noise_of
from vmprof.uncollected import uncollected
from vmprof.values import Count, Duration, Metric, Row, is_inclusive

_DECLARED = "Empty call "


@dataclass(frozen=True)
class Audit:
    """What was found in ``report``, whose merged rows are ``rows``.

    ``costs`` has the cost of measuring of each event whose rows sufficed to fit it. Noise is no
    fault of a report's, but of too much of it there is nothing to believe.
    """

    report: Report
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    costs: Mapping[str, Cost]
    noise: Noise | None = None

    @property
    def failed(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.verdict is Verdict.FAILS)

    @property
    def undecided(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.verdict is Verdict.UNDECIDED)

    @property
    def is_too_noisy(self) -> bool:
        """Whether its numbers say next to nothing, however right they are."""
        return self.noise is not None and self.noise.level is Level.TOO_NOISY

    @property
    def is_believable(self) -> bool:
        return not self.failed and not self.is_too_noisy

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.failed:
            return "not believable"
        return "too noisy to believe" if self.is_too_noisy else "believable"


@uncollected()
def audit_report(report: Report, printed_sum: Row | None = None) -> Audit:
    """Check ``report``; ``printed_sum`` is the line Sum where it was read from a table."""
    rows = tuple(merged_rows(report))
    costs: dict[str, Cost] = {}
    empty = report.configuration.get(f"{_DECLARED}(us)")
    empty_us = empty.microseconds if isinstance(empty, Duration) else 0.0
    findings = [*check_arithmetic(report, printed_sum)]
    for event in _events(report):
        from vmprof.compare.audit.fit import fit_cost  # numpy, for those that need it

        cost = fit_cost(event, rows, _declared(report, event), empty_us)
        if cost is not None:
            costs[event] = cost
        findings.append(_judge_cost(event, cost, report, rows, empty_us))
    threads = report.configuration.get("Number of threads")
    findings += check_limits(
        report, rows, costs, threads.value if isinstance(threads, Count) else None
    )
    findings += check_disturbance(report)
    noise = noise_of(report)
    if noise is not None:
        findings.append(_judge_noise(noise))
    return Audit(report, rows, tuple(findings), costs, noise)


def _events(report: Report) -> list[str]:
    """The columns that were counted: of a component (``perf::CYCLES``), or with a declared cost.

    Not those that include the calls inside: no window is in them that is not in another column.
    """
    return sorted(
        {
            name
            for call in report.calls
            for name, metric in call.items()
            if isinstance(metric, Count)
            and not is_inclusive(name)
            and ("::" in name or f"{_DECLARED}{name}" in report.configuration)
        }
    )


def _declared(report: Report, event: str) -> float | None:
    declared = report.configuration.get(f"{_DECLARED}{event}")
    return float(declared.value) if isinstance(declared, Count) else None


def _judge_noise(noise: Noise) -> Finding:
    if noise.level in (Level.TOO_NOISY, Level.UNKNOWN):
        return undecided("noise", noise.verdict)
    return judge("noise", noise.verdict, fails=False)


def _judge_cost(
    event: str, cost: Cost | None, report: Report, rows: Sequence[Row], empty_us: float
) -> Finding:
    subject = f"cost of measuring {event}"
    if cost is None:
        return undecided(subject, "too few rows, and too few of those near-empty, to fit it")
    sums = sum_columns(report.calls)
    text = "; ".join(_describe_cost(cost, sums.get(event), sums.get("Count"), report))
    if not cost.is_hidden or all(repeats_of(row, event) is None for row in rows):
        return judge(subject, text, fails=cost.is_hidden)
    from vmprof.compare.audit.fit import refit_cost

    repeats = refit_cost(cost, rows, empty_us)
    hidden = sum(each.is_hidden for each in repeats)
    # If it were as likely as not in a single repeat.
    if binomial_tail(hidden, len(repeats)) <= ALPHA:
        return judge(subject, text, fails=True)
    return undecided(subject, f"{text}; hidden in {hidden} of {len(repeats)} repeats, may be noise")


def _describe_cost(
    cost: Cost, total: Metric | None, calls: Metric | None, report: Report
) -> Iterator[str]:
    fitted = f"{cost.per_call:,.0f} ± {cost.spread:,.0f} per call"
    if cost.is_hidden and isinstance(total, Count) and isinstance(calls, Count):
        yield f"{fitted}, {100 * cost.per_call * calls.value / total.value:.0f} % of Sum"
    elif cost.declared is None:
        yield f"none that stands out ({fitted})"
    else:
        yield fitted
    if cost.declared is not None:
        yield (
            f"the report declares {cost.declared:,.0f}, "
            f"{cost.declared_cost:,.0f} of it beyond its time"
        )
    if cost.near_empty:
        yield f"of {cost.near_empty} near-empty rows; fitted over all rows {cost.over_all:,.0f}"
    else:
        yield "fitted over all rows, of which too few are near-empty"
    if cost.is_hidden and (between := between_rows(cost.event, report)) is not None:
        yield f"between the rows, per call, {between:,.0f} more"


def between_rows(event: str, report: Report) -> float | None:
    """What Total counts beyond the rows, per call."""
    sums, totals = sum_columns(report.calls), sum_columns(report.device_metrics.values())
    match sums.get(event), totals.get(event), sums.get("Count"):
        case Count(rows), Count(total), Count(calls) if calls > 0:
            return (total - rows) / calls
    return None
