"""Samples of a PMU, of loops of known length."""

from __future__ import annotations

import math

from pmu_guest.machine import Machine

LENGTHS = (3_000_000, 1_000_000) * 20
CYCLES_PER_ITERATION = 4  # of the emulated machine: two instructions, two cycles each


def sampled(machine: Machine, event: str) -> dict:
    return machine.run("programs/sampled_loop.py", event, *map(str, LENGTHS)).json()


def test_cycles_fall_where_they_are_spent(machine: Machine) -> None:
    result = sampled(machine, "cycles")
    long, short = sum(result["samples"][::2]), sum(result["samples"][1::2])
    number = long + short
    assert number > 200
    assert abs(long - 0.75 * number) < 5 * math.sqrt(number * 0.75 * 0.25)
    assert result["functions"]["__tvm_ffi_spin"] > 0.9 * number
    assert result["lost"] == 0
    if machine.exact:
        for length, weight, found in zip(
            LENGTHS, result["weights"], result["samples"], strict=True
        ):
            # What samples stand for is what was spent, but for one at either end.
            spent = CYCLES_PER_ITERATION * length
            assert abs(weight - spent) <= 2 * weight / found


def test_cycles_are_what_suits_a_machine_whose_pmu_interrupts(machine: Machine) -> None:
    result = sampled(machine, "-")
    assert result["event"].partition(":")[0] == "cycles"
    assert sum(result["samples"]) > 200
