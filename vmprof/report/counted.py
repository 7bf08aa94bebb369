"""What was counted, as cells of rows: means over the runs of a pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vmprof.report.align import Alignment
from vmprof.report.balance import in_no_row_of
from vmprof.report.estimator import middle_half, rounded_means, samples_of
from vmprof.report.sampled import SAMPLES
from vmprof.report.threads import per_thread
from vmprof.runs.run import Counts, Run
from vmprof.runs.work import Floats, Ints
from vmprof.sampling.fold import SampledRuns
from vmprof.values import INCLUSIVE, NOT_COUNTED, SAMPLES_SUFFIX, Count, Metric, Ratio, Samples

# Beside a column whose counters took turns: which part of the time it was counted.
SHARE_SUFFIX = " counted"


@dataclass(frozen=True)
class CountedPass:
    """``runs`` of one pass, in which ``columns`` were counted.

    ``doubtful`` are columns that mean nothing if they read 0 in all of it:
    nobody has seen them count.
    """

    columns: tuple[str, ...]
    runs: Sequence[Run]
    doubtful: frozenset[str] = frozenset()


@dataclass
class Counted:
    """Cells of what was counted, by call and of the run; and why columns are not there.

    ``left_out`` says which runs are not in them.
    """

    calls: list[dict[str, Metric]]
    missing: dict[str, str]
    total: dict[str, Metric] = field(default_factory=dict)
    in_no_row: dict[str, Metric] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def add(self, one: CountedPass, alignment: Alignment, inclusive_rows: Sequence[bool]) -> None:
        """Add the columns of one pass."""
        counts = usable_counts(one, alignment)
        faults = [run.fault for run in one.runs if run.fault]
        if not counts:
            self.missing.update(dict.fromkeys(one.columns, faults[0]))
            return
        if faults:
            columns = ", ".join(one.columns)
            self.left_out.append(
                f"{len(faults)} of {len(one.runs)} that counted {columns}: {faults[0]}"
            )
        for number, column in enumerate(one.columns):
            reason = _why_not(column, number, counts, one)
            if reason is not None:
                self.missing[column] = reason
            elif counts[0].shares is not None:
                self._add_in_turns(column, number, counts, alignment.calls, inclusive_rows)
            else:
                self._add(column, number, counts, alignment.calls, inclusive_rows)

    def leave_out(self, sampled: SampledRuns | None) -> None:
        """Say which of the sampled runs are left out, and why; and if none is left."""
        if sampled is None or not sampled.faults:
            return
        if not sampled.runs:
            self.missing[SAMPLES] = sampled.faults[0]
            return
        number = len(sampled.runs) + len(sampled.faults)
        self.left_out.append(
            f"{len(sampled.faults)} of {number} that were sampled: {sampled.faults[0]}"
        )

    def _add(
        self,
        column: str,
        number: int,
        counts: Sequence[Counts],
        calls: Run,
        inclusive_rows: Sequence[bool],
    ) -> None:
        """Add a column that was counted all the time."""
        totals = np.array([c.total[number] for c in counts])
        own = calls.exclusive(np.array([c.values[:, number] for c in counts]).T).T
        kept = middle_half(totals)
        outside = totals - own.sum(axis=1)
        parts = rounded_means(np.column_stack([own, outside])[kept])
        rows, in_no_row = parts[:-1], int(parts[-1])
        self.total |= _count(column, sum(parts.tolist()), totals)
        self.in_no_row[in_no_row_of(column)] = Count(in_no_row)
        inclusive = calls.inclusive(rows).tolist()
        beside, around = f"{column}{SAMPLES_SUFFIX}", f"{column}{INCLUSIVE}"
        for cells, mean, samples, holds, whole in zip(
            self.calls, rows.tolist(), samples_of(own), inclusive_rows, inclusive, strict=True
        ):
            cells[column], cells[beside] = Count(mean), samples
            if holds:
                cells[around] = Count(whole)
        sums = own[kept].sum(axis=0)
        before = np.cumsum(sums) - sums
        of_kept = [counts[run] for run in kept]
        holding_others = set(calls.parents.tolist())
        for i, of_threads in per_thread(column, number, of_kept, before).items():
            # They are known of whole calls, with those inside.
            if i not in holding_others:
                self.calls[i].update(of_threads)

    def _add_in_turns(
        self,
        column: str,
        number: int,
        counts: Sequence[Counts],
        calls: Run,
        inclusive_rows: Sequence[bool],
    ) -> None:
        """Add a column whose counter took turns with others.

        Values scaled up from different parts of the time need not fit into one another: these
        do not add up.
        """
        values = np.array([c.values[:, number] for c in counts])
        shares = np.array([c.shares[:, number] for c in counts if c.shares is not None])
        totals = np.array([c.total[number] for c in counts])
        total_shares = np.array(
            [c.total_shares[number] for c in counts if c.total_shares is not None]
        )
        own = np.maximum(calls.exclusive(values.T).T, 0)
        had_their_turn = np.flatnonzero(total_shares > 0)
        kept = had_their_turn[middle_half(totals[had_their_turn])]
        self.total |= _count_in_turns(column, totals, total_shares, kept)
        for i, cells in enumerate(self.calls):
            cells.update(_count_in_turns(column, own[:, i], shares[:, i], kept))
            if inclusive_rows[i]:
                inclusive = _count_in_turns(column, values[:, i], shares[:, i], kept)
                cells[f"{column}{INCLUSIVE}"] = inclusive[column]


def usable_counts(one: CountedPass, alignment: Alignment) -> list[Counts]:
    """The counts of those runs of a pass that have any."""
    aligned = [alignment.of(run) for run in one.runs]
    return [run.counts for run in aligned if run.counts is not None]


def _count(column: str, mean: int, samples: Ints) -> dict[str, Metric]:
    return {
        column: Count(mean),
        f"{column}{SAMPLES_SUFFIX}": Samples(tuple(map(float, samples.tolist()))),
    }


def _count_in_turns(column: str, values: Ints, shares: Floats, kept: Ints) -> dict[str, Metric]:
    """Mean, samples and share of one row, all of shape (runs,).

    Runs in which the counter never had its turn say nothing; a row for which none of them
    does is not counted.
    """
    had_its_turn = shares > 0
    share: dict[str, Metric] = {f"{column}{SHARE_SUFFIX}": Ratio(float(np.mean(shares)))}
    if not had_its_turn.any():
        return {column: NOT_COUNTED, **share}
    used = kept[had_its_turn[kept]]
    mean = values[used if len(used) else had_its_turn].mean()
    return {**_count(column, round(float(mean)), values[had_its_turn]), **share}


def _why_not(column: str, number: int, counts: Sequence[Counts], one: CountedPass) -> str | None:
    """Why a column that was read says nothing after all."""
    shares = [c.total_shares[number] for c in counts if c.total_shares is not None]
    if shares and not any(shares):
        return "its counter never had its turn; run longer (--repeats), or without --multiplex"
    if column in one.doubtful and not any(c.total[number] for c in counts):
        return (
            "it read 0 when it was checked and 0 in the whole run: either it did not happen, "
            "or this PMU does not have it"
        )
    return None
