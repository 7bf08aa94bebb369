"""A fleet of hosts that do not exist: reports of a small model, alike but for chance."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

from vmprof.report.model import Report
from vmprof.values import Count, Duration, Metric, Samples

OPERATORS = ("conv2d", "dense", "softmax", "add")


def host_report(
    seed: int,
    *,
    slower: Mapping[str, float] | None = None,
    spread: float = 0.02,
    repeats: int = 5,
    operators: tuple[str, ...] = OPERATORS,
    name: str = "",
    processor: str = "",
) -> Report:
    """Of one host; ``slower`` says how many times as long operators take there."""
    chance = random.Random(seed)
    calls = []
    for number, operator in enumerate(operators):
        factor = (slower or {}).get(operator, 1.0)
        middle = 1000 / (number + 1) * factor * chance.lognormvariate(0, spread)
        times = tuple(middle * chance.lognormvariate(0, spread / 4) for _ in range(repeats))
        row: dict[str, Metric] = {
            "Name": operator,
            "Argument Shapes": "float32[8]",
            "Device": "cpu0",
            "Count": Count(1),
            "Duration (us)": Duration(sum(times) / repeats),
            "Duration (us) samples": Samples(times),
            "perf::CYCLES": Count(round(3000 * middle)),
        }
        calls.append(row)
    total = {
        "Name": "Total",
        "Duration (us)": Duration(sum(_us(row) for row in calls)),
        "Duration (us) samples": Samples(
            tuple(map(sum, zip(*(_samples(row) for row in calls), strict=True)))
        ),
    }
    report = Report(tuple(calls), {"cpu0": total}, {"Model": "small"})
    said = {"Host": name, "Processor": processor}
    return replace(report, provenance={what: text for what, text in said.items() if text})


def _us(row: Mapping[str, Metric]) -> float:
    metric = row["Duration (us)"]
    assert isinstance(metric, Duration)
    return metric.microseconds


def _samples(row: Mapping[str, Metric]) -> tuple[float, ...]:
    metric = row["Duration (us) samples"]
    assert isinstance(metric, Samples)
    return metric.values
