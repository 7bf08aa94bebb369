"""The memory that a VM function holds while it runs: how much at most, when, and what for.

It is that of the storages which the program allocates for its tensors, in the sizes that it
asks for, from the call that allocates one until nothing refers to it any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vmprof.recording.numbers import Ints
from vmprof.recording.tables import Table
from vmprof.runs.storages import ALIVE
from vmprof.values import (
    ALIVE_AT_PEAK,
    LIVE_MEMORY,
    PEAK_AT,
    PEAK_MEMORY,
    Count,
    Metric,
    Samples,
)

UNSEEN = (
    "constants, arguments and what earlier invocations left; what kernels and builtins allocate by "
    "themselves, such as workspaces and KV caches; and what the allocator keeps for later"
)
# Builtins of the VM prepare the call of an operator, and are not named in its place.
_BUILTIN = "vm.builtin."
# More steps than this cannot be told apart in a picture.
MOST_STEPS = 1000
# How many operators a report names for what is alive at the peak.
MOST_NAMED = 8


@dataclass(frozen=True)
class Held:
    """``storages`` of ``bytes`` together that were allocated just before ``operator`` was called.

    ``operator`` is empty for those after which no operator was called.
    """

    operator: str
    bytes: int
    storages: int


@dataclass(frozen=True)
class Memory:
    """The memory that a function's timed invocations held.

    ``peaks`` has each invocation's peak in bytes. All other fields describe the invocation with
    the highest one: it was reached by call ``call`` of ``calls``, before ``operator`` was called;
    ``alive`` is what was alive then, the largest first; ``left`` is what was still alive at the
    end (bytes), mostly results. ``curve`` has the bytes alive from each of ``times_us`` (since the
    begin) on; a released storage counts until the next call begins.
    """

    peaks: Ints
    operator: str
    call: int
    calls: int
    alive: tuple[Held, ...]
    left: int
    times_us: npt.NDArray[np.float64]
    curve: Ints

    @property
    def peak(self) -> int:
        return int(self.peaks.max())

    @property
    def where(self) -> str:
        """At which call the peak is."""
        before = f"before {self.operator}, " if self.operator else ""
        return f"{before}call {self.call:,} of {self.calls:,}"


def memory_in(calls: Table, allocations: Table, callees: Sequence[str]) -> Memory | None:
    """The memory of the invocations with the rows ``calls`` (`CALL`) and these ``allocations``.

    None without allocations.
    """
    if not len(allocations):
        return None
    firsts = np.flatnonzero(calls["callee"] < 0)
    live = live_bytes(calls, firsts, allocations)
    peaks = np.maximum.reduceat(live, firsts)
    highest = int(np.argmax(peaks))
    first = int(firsts[highest])
    rows = calls[first : int(firsts[highest + 1]) if highest + 1 < len(firsts) else None]
    live = live[first : first + len(rows)]
    allocations = allocations[allocations["invocation"] == rows["invocation"][0]]
    at = int(np.argmax(live))
    operators = _operators_after(rows, callees)
    is_alive = (allocations["call"] <= at) & (
        (allocations["end"] == ALIVE) | (allocations["end"] > at)
    )
    left = int(allocations["bytes"][allocations["end"] == ALIVE].sum())
    return Memory(
        peaks,
        operators[at],
        at,
        len(rows) - 1,
        _held(allocations[is_alive], operators),
        left,
        *_curve(rows, live, left),
    )


def facts_of(
    memory: Memory | None, unseen: str = UNSEEN, among: str = "invocations"
) -> dict[str, Metric]:
    """What a report says of it; ``among`` is what the peak is the highest of."""
    if memory is None:
        return {}
    named = [
        f"{held.bytes:,} before {held.operator or 'the end'}"
        + (f" ({held.storages} storages)" if held.storages > 1 else "")
        for held in memory.alive[:MOST_NAMED]
    ]
    others = memory.alive[MOST_NAMED:]
    if others:
        named.append(f"{sum(held.bytes for held in others):,} before {len(others)} others")
    where, least = memory.where, int(memory.peaks.min())
    if least < memory.peak:
        where += f", in that of {len(memory.peaks):,} {among} with most; the least is {least:,}"
    return {
        PEAK_MEMORY: Count(memory.peak),
        PEAK_AT: where,
        ALIVE_AT_PEAK: ", ".join(named),
        "Left at the end (bytes)": Count(memory.left),
        "Memory does not tell": unseen,
        LIVE_MEMORY: Samples(
            tuple(np.stack([memory.times_us, memory.curve], axis=1).ravel().tolist())
        ),
    }


def live_bytes(rows: Table, firsts: Ints, allocations: Table) -> Ints:
    """Bytes alive when each of ``rows`` (`CALL`) had returned.

    ``firsts`` are the indices of the invocations' own rows; ``allocations`` are made in them.
    """
    ids = rows["invocation"][firsts]
    order = np.argsort(ids)
    which = order[np.searchsorted(ids, allocations["invocation"], sorter=order)]
    behind = np.append(firsts[1:], len(rows))
    end = np.where(allocations["end"] == ALIVE, behind[which], firsts[which] + allocations["end"])
    change = np.zeros(len(rows) + 1, dtype=np.int64)
    np.add.at(change, firsts[which] + allocations["call"], allocations["bytes"])
    np.subtract.at(change, end, allocations["bytes"])
    live: Ints = np.cumsum(change)[:-1]
    return live


def _operators_after(rows: Table, callees: Sequence[str]) -> list[str]:
    """For each row, the next callee that is not a builtin of the VM; empty if there is none."""
    following = ""
    names: list[str] = []
    for callee in reversed(rows["callee"].tolist()):
        names.append(following)
        if callee >= 0 and not callees[callee].startswith(_BUILTIN):
            following = callees[callee]
    return names[::-1]


def _held(alive: Table, operators: list[str]) -> tuple[Held, ...]:
    sums: dict[str, tuple[int, int]] = {}
    for call, size in zip(alive["call"].tolist(), alive["bytes"].tolist(), strict=True):
        before, storages = sums.get(operators[call], (0, 0))
        sums[operators[call]] = before + size, storages + 1
    held = [Held(name, size, storages) for name, (size, storages) in sums.items()]
    return tuple(sorted(held, key=lambda each: -each.bytes))


def _curve(rows: Table, live: Ints, left: int) -> tuple[npt.NDArray[np.float64], Ints]:
    """Times and bytes: a step wherever the bytes change, and one at the invocation's end."""
    steps = np.flatnonzero(np.diff(live, prepend=-1))
    if len(steps) > MOST_STEPS:
        # Keep the highest of neighbouring steps, and with it the peak.
        groups = np.array_split(steps, MOST_STEPS)
        steps = np.array([each[np.argmax(live[each])] for each in groups])
    begin = rows["begin_ns"][0]
    times = np.append(rows["begin_ns"][steps], rows["end_ns"][0]) - begin
    return times / 1e3, np.append(live[steps], left)
