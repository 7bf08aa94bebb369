"""Models, profiled where instructions are really counted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import median
from typing import Any

import pytest

from pmu_guest.machine import Machine

EVENTS = "cycles,instructions"
INSTRUCTIONS = "perf::INSTRUCTIONS"


@dataclass
class Profile:
    """The column of instructions; ``empty`` is what the window of an empty call holds.

    ``rows`` are means over repeats, ``steady`` their medians.
    """

    rows: list[tuple[str, int]]
    steady: list[tuple[str, float]]
    total: int
    unprofiled: int
    empty: int

    @classmethod
    def of(cls, result: Any) -> Profile:
        report = result["report"]
        (total,) = report["device_metrics"].values()
        return cls(
            [(row["Name"]["string"], row[INSTRUCTIONS]["count"]) for row in report["calls"]],
            [(row["Name"]["string"], _median(row)) for row in report["calls"]],
            total[INSTRUCTIONS]["count"],
            result["unprofiled"][INSTRUCTIONS],
            report["configuration"][f"Empty call {INSTRUCTIONS}"]["count"],
        )

    @property
    def sum(self) -> int:
        return sum(count for _, count in self.rows)

    def kernels(self) -> dict[str, int]:
        """By name, without the window's own part."""
        return {
            name: count - self.empty
            for name, count in self.rows
            if not name.startswith("vm.builtin.")
        }

    @property
    def in_no_row(self) -> int:
        return self.total - self.sum


def _median(row: Any) -> float:
    repeats = row[f"{INSTRUCTIONS} samples"]["string"].split()
    return median(map(float, repeats))


def profile(machine: Machine, library: str) -> Profile:
    return Profile.of(machine.run("programs/profile_model.py", library, EVENTS).json())


@pytest.fixture(scope="module")
def small(machine: Machine) -> Profile:
    return profile(machine, "mlp-1.so")


@pytest.fixture(scope="module")
def large(machine: Machine) -> Profile:
    return profile(machine, "mlp-32.so")


def test_counts_repeat_from_run_to_run(machine: Machine, small: Profile) -> None:
    """From the second run on: the first finds another heap in each process."""
    again = profile(machine, "mlp-1.so")
    assert [name for name, _ in again.steady] == [name for name, _ in small.steady]
    for (name, now), (_, then) in zip(again.steady, small.steady, strict=True):
        assert now == pytest.approx(then, rel=1e-3 if machine.exact else 0.05), name


def test_rows_add_up_to_the_whole_run(large: Profile) -> None:
    """Where kernels, not the dispatch loop, are most of the run: 32 rows through the same calls."""
    assert 0 < large.in_no_row < 0.01 * large.total


def test_what_is_in_no_row_is_the_dispatch_loop(
    machine: Machine, small: Profile, large: Profile
) -> None:
    """It is the same for the same calls: no instruction of a kernel is lost."""
    assert large.sum > 15 * small.sum
    assert large.in_no_row == pytest.approx(small.in_no_row, rel=0.05 if machine.exact else 0.2)


def test_rows_add_up_to_a_run_without_vmprof(large: Profile) -> None:
    assert large.sum == pytest.approx(large.unprofiled, rel=0.01)


def test_the_command_shows_instructions_per_cycle_of_each_operator(machine: Machine) -> None:
    done = machine.run(
        *("-m", "vmprof", "run", "mlp", "--schedule", "none"),
        *("--repeats", "3", "--counters", "ipc", "--columns", "ipc,cycles,instructions"),
        compiler=True,
    )
    assert done.status == 0, done.err
    cells = re.findall(r"^(\S+) .* ([\d.]+) +([\d,]+) +([\d,]+) *$", done.out, re.MULTILINE)
    rows = {name: columns for name, *columns in cells}
    assert {"fused_matmul_add_relu", "softmax", "Sum", "Total"} <= rows.keys()
    for ipc, *counts in rows.values():
        cycles, instructions = (int(count.replace(",", "")) for count in counts)
        assert instructions > 0
        # Two significant digits are shown.
        assert float(ipc) == pytest.approx(instructions / cycles, rel=0.05)
        assert cycles == 2 * instructions or (not machine.exact and cycles > 0)


def test_a_session_counts_what_a_profile_does(machine: Machine, large: Profile) -> None:
    """By another engine, but for what windows hold of their own."""
    report = machine.run("programs/record_model.py", "mlp-32.so", EVENTS).json()
    recorded = Profile.of({"report": report, "unprofiled": {INSTRUCTIONS: large.unprofiled}})
    expected, found = large.kernels(), recorded.kernels()
    assert len(expected) == 10
    assert found == pytest.approx(expected, rel=1e-3 if machine.exact else 0.05, abs=20)
    assert recorded.total == pytest.approx(large.unprofiled, rel=0.02)
