"""A recording -> a report for each function that was called."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from vmprof.recording.costs import UNKNOWN, costs_of
from vmprof.recording.groups import Calls, Group, durations_us, groups_of
from vmprof.recording.keys import Floats, Keys, by_invocation
from vmprof.recording.layers import layers_of
from vmprof.recording.memory import UNSEEN, facts_of
from vmprof.recording.numbers import Ints, numbered
from vmprof.recording.sampled import sampled_of
from vmprof.recording.tables import (
    EMPTY_CALL,
    TIMED,
    Counts,
    Recording,
    durations_ns,
)
from vmprof.report.annotated import of_samples, with_vector_widths
from vmprof.report.derive import derive
from vmprof.report.estimator import middle_half
from vmprof.report.kernel_metrics import with_rates
from vmprof.report.model import Report
from vmprof.report.noise import with_provenance
from vmprof.report.peaks import with_peaks
from vmprof.report.sampled import add_samples
from vmprof.runs.faults import (
    COUNTED_LESS,
    FAILED_READING,
    LOST,
    NO_FAULT,
    NOT_OPENED,
    SHARED_PMU,
    STAYED_OFF,
)
from vmprof.values import (
    BYTES,
    CALLS_PER_INVOCATION,
    FLOPS,
    INCLUSIVE_DURATION,
    INVOCATIONS,
    LAYER,
    NOT_COUNTED,
    SAMPLES_SUFFIX,
    Count,
    Duration,
    Metric,
    Percent,
    Ratio,
    Row,
    Samples,
)

# A report keeps the samples of this many invocations at most, evenly spread.
MOST_SAMPLES = 200
SHARE_SUFFIX = " counted"
_FAULTS = {
    FAILED_READING: "a reading of the counters failed; if it is the PMU's, another user of perf "
    "(or the NMI watchdog) has taken it: stop that, and record again",
    SHARED_PMU: "the PMU was shared with others; stop other users of perf (and the NMI watchdog) "
    "or count fewer events",
    STAYED_OFF: "the counters stayed off, for a reason that the kernel did not give",
    NOT_OPENED: "the counters could not be opened in a thread that called",
    COUNTED_LESS: LOST,
}


def reports(
    recording: Recording, by: str = "operator", *, metrics: bool = False
) -> dict[str, Report]:
    """A report for each function and label, by title, those that took longest first.

    Values are per invocation: means over the middle half of the invocations that were
    recorded for them. Rows are by callee and kind of shapes, which become ranges where they
    differ; ``by="shape"`` splits those, ``by="thread"`` functions by the threads that called.
    ``metrics`` adds the columns of :mod:`vmprof.report.kernel_metrics`, of kernels that are known.
    """
    built = ((group, build(group, by, metrics=metrics)) for group in groups_of(recording, by))
    return {group.title: report for group, report in built if report is not None}


def build(group: Group, by: str = "operator", *, metrics: bool = False) -> Report | None:
    """The report of one group; None if no invocation was both timed and returned."""
    timed = group.timed
    if not len(timed):
        return None
    keys = Keys.of(group, by)
    calls = Calls.of(group.recording.calls, timed)
    totals_us = durations_us(timed)
    # If every invocation has shapes of its own, the middle half would leave out half of the rows.
    middle = np.arange(len(timed)) if by == "shape" else middle_half(totals_us)
    own = calls.exclusive(durations_ns(calls.rows)) / 1e3
    key = keys.of_rows(calls)
    times = by_invocation(own, key, calls.owner, len(timed), keys.count)
    counts = by_invocation(np.ones(len(key)), key, calls.owner, len(timed), keys.count)
    inclusive = _inclusive(calls, key, len(timed), keys)
    total = float(totals_us[middle].mean())
    device = group.vm.device
    counted = _CounterCells(group, keys)
    counted.add_all()
    layers = layers_of(group, calls, key)
    costs = costs_of(group.recording, calls, key, len(timed), keys) if metrics else {}
    varying = bool((counts != counts[:1]).any())
    rows: list[tuple[int, Row]] = []  # of the key of that number
    for number in np.flatnonzero(counts[middle].any(axis=0)).tolist():
        mean = float(times[middle, number].mean())
        of_key = counts[middle, number]
        row: dict[str, Metric] = {
            "Name": keys.names[number],
            "Duration (us)": Duration(mean),
            f"Duration (us){SAMPLES_SUFFIX}": _samples(times[:, number]),
            "Percent": Percent(100 * mean / total if total else 0.0),
            "Device": device,
            "Count": Count(round(float(of_key.mean()))),
            "Argument Shapes": keys.shapes[number],
            **({LAYER: layers[number]} if number in layers else {}),
            **counted.rows[number],
            **_known(costs, middle, number),
        }
        if varying:
            low, high = int(counts[:, number].min()), int(counts[:, number].max())
            row[CALLS_PER_INVOCATION] = str(low) if low == high else f"{low}..{high}"
        if inclusive is not None:
            row[INCLUSIVE_DURATION] = Duration(float(inclusive[middle, number].mean()))
        rows.append((number, row))
    in_no_row = float((totals_us - times.sum(axis=1))[middle].mean())
    rows.sort(key=lambda each: _longest(each[1]))
    report = Report(
        calls=tuple(row for _, row in rows),
        device_metrics={
            device: {
                "Name": "Total",
                "Duration (us)": Duration(total),
                f"Duration (us){SAMPLES_SUFFIX}": _samples(totals_us),
                "Device": device,
                "Count": Count(1),
                **counted.total,
            }
        },
        configuration={
            **_facts(group),
            **_configuration(group, len(timed), len(middle)),
            **counted.facts,
            **facts_of(group.memory, "; ".join(filter(None, (group.vm.memory_note, UNSEEN)))),
            "In no row (us)": Duration(in_no_row),
        },
        missing={**group.recording.missing, **counted.missing},
    )
    report = with_provenance(report, group.recording.provenance)
    report = derive(report, group.recording.derived)
    sampled = sampled_of(group, keys, [number for number, _ in rows])
    if sampled is not None:
        report = replace(
            add_samples(report, sampled), code=of_samples(group.recording.code, sampled)
        )
    if not metrics:
        return report
    report = with_vector_widths(report)
    if not any(FLOPS in row or BYTES in row for _, row in rows):
        unknown = dict.fromkeys((FLOPS, BYTES), UNKNOWN)
        report = replace(report, missing={**report.missing, **unknown})
    return with_peaks(with_rates(report), group.recording.peaks)


def _known(costs: Mapping[str, Floats], middle: Ints, number: int) -> dict[str, Metric]:
    means = {column: float(values[middle, number].mean()) for column, values in costs.items()}
    return {column: Count(round(mean)) for column, mean in means.items() if not math.isnan(mean)}


def _inclusive(calls: Calls, key: Ints, invocations: int, keys: Keys) -> Floats | None:
    """How long calls took including the calls inside them; None if no calls nest."""
    if not (calls.rows["parent"] > 0).any():
        return None
    _, names = numbered(keys.names)
    of_rows = np.where(key >= 0, names[key], -1)
    durations = durations_ns(calls.rows) / 1e3
    durations = np.where(calls.is_outermost(of_rows), durations, 0.0)
    return by_invocation(durations, key, calls.owner, invocations, keys.count)


class _CounterCells:
    """The cells of counter columns, for rows and Total, and why columns are missing."""

    def __init__(self, group: Group, keys: Keys) -> None:
        self._group, self._keys = group, keys
        self.rows: list[dict[str, Metric]] = [{} for _ in range(keys.count)]
        self.total: dict[str, Metric] = {}
        self.missing: dict[str, str] = {}
        self.facts: dict[str, Metric] = {}

    def add_all(self) -> None:
        for number, counts in enumerate(self._group.recording.counts, start=TIMED + 1):
            self._add(number, counts)

    def _add(self, turn: int, counts: Counts) -> None:
        one = self._group.recording.passes[turn - 1]
        if one.samples:
            return
        invocations = self._group.of_turn(turn)
        usable = invocations[invocations["fault"] == NO_FAULT]
        if not len(usable):
            reason = self._why_none(invocations["fault"].tolist())
            self.missing.update(dict.fromkeys(one.columns, reason))
            return
        calls = Calls.of(counts.calls, usable)
        key = self._keys.of_rows(calls)
        values = counts.values[calls.chosen]
        shares = counts.shares[calls.chosen] if counts.shares is not None else None
        middle = middle_half(durations_us(usable))
        own = calls.exclusive(values)
        if shares is not None:
            # Scaled-up values may exceed those of the call around them.
            own = np.maximum(own, 0)
        whole = ~calls.is_call
        for at, column in enumerate(one.columns):
            totals = values[whole, at]
            if column in self._group.recording.doubtful and not totals.any():
                self.missing[column] = (
                    "it read 0 when it was checked and 0 throughout: either it did not happen, "
                    "or this PMU does not have it"
                )
                continue
            of_keys = by_invocation(
                own[:, at].astype(np.float64), key, calls.owner, len(usable), self._keys.count
            )
            of_all = np.zeros(len(usable))
            of_all[calls.owner[whole]] = totals
            calls_of = by_invocation(
                np.ones(len(key)), key, calls.owner, len(usable), self._keys.count
            )
            if shares is None:
                self.total |= _cells(column, of_all[middle], of_all)
                for number in np.flatnonzero(calls_of.any(axis=0)).tolist():
                    self.rows[number].update(
                        _cells(column, of_keys[middle, number], of_keys[:, number])
                    )
                continue
            share_sums = by_invocation(
                shares[:, at], key, calls.owner, len(usable), self._keys.count
            )
            part = share_sums / np.maximum(calls_of, 1)
            of_whole = np.zeros(len(usable))
            of_whole[calls.owner[whole]] = shares[whole, at]
            self.total |= _cells_of_shares(column, of_all[middle], of_whole[middle])
            for number in np.flatnonzero(calls_of.any(axis=0)).tolist():
                self.rows[number].update(
                    _cells_of_shares(column, of_keys[middle, number], part[middle, number])
                )
        self.facts[f"Counters, pass {turn}"] = (
            f"{', '.join(one.columns)}; read {one.how}; over the middle {len(middle)} of "
            f"{len(usable)} invocations"
        )

    def _why_none(self, faults: list[int]) -> str:
        for fault in faults:
            if fault in _FAULTS:
                return _FAULTS[fault]
        count = self._group.total("invocations")
        return (
            f"counted in 0 of {count} invocations: each pass takes an invocation of its own, after "
            "that for times; call the function more often, count fewer events, or use --multiplex"
        )


def _cells(column: str, values: Floats, samples: Floats) -> dict[str, Metric]:
    return {
        column: Count(round(float(values.mean()))),
        f"{column}{SAMPLES_SUFFIX}": _samples(samples),
    }


def _cells_of_shares(column: str, values: Floats, shares: Floats) -> dict[str, Metric]:
    """Cells of multiplexed counters, from the invocations in which they had a turn."""
    share = f"{column}{SHARE_SUFFIX}"
    if not (shares > 0).any():
        return {column: NOT_COUNTED, share: Ratio(0.0)}
    mean = float(values[shares > 0].mean())
    return {column: Count(round(mean)), share: Ratio(float(shares.mean()))}


def _facts(group: Group) -> dict[str, Metric]:
    """The recording's facts, with the empty-call figures of this group's engine only."""
    recording = group.recording
    engine = group.vm.engine
    facts: dict[str, Metric] = {}
    for name, value in recording.facts.items():
        of_engine = name.removeprefix(f"{EMPTY_CALL}{engine} ")
        if of_engine != name:
            facts[f"Empty call {of_engine}"] = value
        elif not name.startswith(EMPTY_CALL):
            facts[name] = value
    return facts


def _configuration(group: Group, timed: int, middle: int) -> dict[str, Metric]:
    vm = group.vm
    unrecorded = group.unrecorded_us
    facts: dict[str, Metric] = {
        "Model": group.title,
        "Engine": vm.engine,
        INVOCATIONS: Count(group.total("invocations")),
        "Times": f"per invocation, over the middle {middle} of {timed} invocations",
        "Repeats": Count(timed),
    }
    if len(unrecorded):
        facts |= {
            "Unprofiled mean (us)": Duration(float(unrecorded.mean())),
            "Unprofiled std (us)": Duration(
                float(unrecorded.std(ddof=1)) if len(unrecorded) > 1 else 0.0
            ),
            f"Unprofiled mean (us){SAMPLES_SUFFIX}": _samples(unrecorded),
        }
    dropping, dropped = group.total("dropping"), group.total("dropped")
    if dropping:
        facts["Dropped"] = (
            f"{dropping:,} invocations lost {dropped:,} calls, for which the buffer had no room; "
            "allow more with --max-records"
        )
    if group.total("failed"):
        facts["Failed"] = f"{group.total('failed'):,} invocations raised; no value is of them"
    strides = group.totals["stride"]
    if len(strides) and strides.max() > 1:
        facts["Kept"] = (
            f"every {int(strides.max())}th invocation of each turn, and the first few "
            "(--keep all keeps every one)"
            + ("; of a thread, numbers and sums are of those" if group.thread is not None else "")
        )
    for number, note in enumerate(vm.notes, start=1):
        facts["Not seen" if number == 1 else f"Not seen ({number})"] = note
    return facts


def _samples(values: npt.NDArray[np.float64]) -> Samples:
    if len(values) > MOST_SAMPLES:
        values = values[np.linspace(0, len(values) - 1, MOST_SAMPLES).astype(np.int64)]
    return Samples(tuple(values.tolist()))


def _longest(row: Row) -> float:
    duration = row["Duration (us)"]
    assert isinstance(duration, Duration)
    return -duration.microseconds
