"""The invocations of one function under one label, maybe of one thread, and the calls in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from vmprof.recording.memory import Memory, memory_in
from vmprof.recording.numbers import Ints
from vmprof.recording.tables import TIMED, UNRECORDED, Recording, Table, Vm


@dataclass(frozen=True)
class Group:
    """The calls of a function under a label: one line of the summary.

    ``invocations`` are those that the recording kept. With ``thread``, they are those of that
    thread; its totals count the kept ones only, since the recording has no totals by thread.
    """

    recording: Recording
    function: int
    label: int
    title: str
    invocations: Table
    thread: int | None = None

    def of_turn(self, turn: int) -> Table:
        """Invocations that did not raise; those that lost calls only if every one did."""
        chosen: Table = self.invocations[
            (self.invocations["turn"] == turn) & (self.invocations["failed"] == 0)
        ]
        whole: Table = chosen[chosen["dropped"] == 0]
        return whole if len(whole) else chosen

    @property
    def turns(self) -> list[int]:
        """The turns that have kept invocations, in order."""
        turns: list[int] = np.unique(self.invocations["turn"]).tolist()
        return turns

    @cached_property
    def timed(self) -> Table:
        return self.of_turn(TIMED)

    @cached_property
    def unrecorded_us(self) -> npt.NDArray[np.float64]:
        """How long the unrecorded invocations took."""
        return durations_us(self.of_turn(UNRECORDED))

    @cached_property
    def memory(self) -> Memory | None:
        """None if no storage was seen, or calls were lost in every invocation that was timed."""
        timed = self.timed[self.timed["dropped"] == 0]
        rows = Calls.of(self.recording.calls, timed).rows
        allocations = self.recording.allocations
        allocations = allocations[np.isin(allocations["invocation"], timed["id"])]
        return memory_in(rows, allocations, self.recording.callees)

    @property
    def vm(self) -> Vm:
        """The VM whose function this is."""
        return self.recording.vms[self.recording.functions[self.function].vm]

    @cached_property
    def totals(self) -> Table:
        """Totals of all invocations, a row for each turn."""
        totals = self.recording.totals
        of_group = (totals["function"] == self.function) & (totals["label"] == self.label)
        found: Table = totals[of_group]
        return found if self.thread is None else _totals_of(found, self.invocations)

    def total(self, name: str) -> int:
        return int(self.totals[name].sum())


def _totals_of(totals: Table, invocations: Table) -> Table:
    """The same table as ``totals``, counted from ``invocations`` only."""
    counted = totals.copy()
    for row in counted:
        of_turn = invocations[invocations["turn"] == row["turn"]]
        row["invocations"] = len(of_turn)
        row["failed"] = (of_turn["failed"] != 0).sum()
        row["dropping"] = (of_turn["dropped"] > 0).sum()
        row["dropped"] = of_turn["dropped"].sum()
        row["sum_ns"] = (of_turn["end_ns"] - of_turn["begin_ns"]).sum()
    return counted


def durations_us(invocations: Table) -> npt.NDArray[np.float64]:
    durations: npt.NDArray[np.float64] = (invocations["end_ns"] - invocations["begin_ns"]) / 1e3
    return durations


def groups_of(recording: Recording, by: str = "operator") -> list[Group]:
    """A group for each function and label that was called; the longest total time first.

    With ``by="thread"``, there is one for each thread that called.
    """
    totals = recording.totals
    keys = sorted({(int(row["function"]), int(row["label"])) for row in totals})
    names = [recording.functions[function].name for function, _ in keys]
    groups = []
    for (function, label), name in zip(keys, names, strict=True):
        called = recording.functions[function]
        vms = {recording.functions[f].vm for f, _ in keys if recording.functions[f].name == name}
        title = name if len(vms) == 1 else f"{name}, VM {called.vm + 1}"
        if label:
            title += f" [{recording.labels[label]}]"
        invocations = recording.invocations
        chosen = (invocations["function"] == function) & (invocations["label"] == label)
        group = Group(recording, function, label, title, invocations[chosen])
        groups += _of_threads(group) if by == "thread" else [group]
    return _told_apart(sorted(groups, key=lambda group: -group.total("sum_ns")))


def _told_apart(groups: list[Group]) -> list[Group]:
    """Make titles unique: a function called ``f [x]`` looks like ``f`` with the label ``x``."""
    taken: set[str] = set()
    found = []
    for group in groups:
        title, number = group.title, 2
        while title in taken:
            title, number = f"{group.title} ({number})", number + 1
        taken.add(title)
        found.append(group if title == group.title else replace(group, title=title))
    return found


def _of_threads(group: Group) -> list[Group]:
    invocations = group.invocations
    return [
        replace(
            group,
            title=f"{group.title}, thread {thread}",
            invocations=invocations[invocations["thread"] == thread],
            thread=thread,
        )
        for thread in np.unique(invocations["thread"]).tolist()
    ]


def _places(ids: Ints, wanted: Ints) -> Ints:
    """Where each of ``wanted`` stands among ``ids``; -1 if it does not."""
    if not len(ids):
        return np.full(len(wanted), -1)
    order = np.argsort(ids)
    at = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    return np.where(ids[at] == wanted, at, -1)


@dataclass(frozen=True)
class Calls:
    """The rows (dtype `CALL`) of some invocations, with the invocations themselves.

    For each row, ``owner`` is the index of its invocation, ``around`` that of the row whose window
    it lies in (an invocation's own row: itself), and ``chosen`` that of the row in the table.
    """

    rows: Table
    owner: Ints
    around: Ints
    chosen: Ints

    @classmethod
    def of(cls, table: Table, invocations: Table) -> Calls:
        # Rows of one invocation stand together, its own first.
        is_first = table["callee"] < 0
        which = np.cumsum(is_first) - 1
        owner = _places(invocations["id"], table["invocation"][is_first])[which]
        chosen = np.flatnonzero(owner >= 0)
        rows = table[chosen]
        firsts = np.flatnonzero(is_first[chosen])
        first = firsts[np.cumsum(is_first[chosen]) - 1]
        around = np.where(rows["parent"] >= 0, first + rows["parent"], np.arange(len(rows)))
        return cls(rows, owner[chosen], around, chosen)

    @property
    def is_call(self) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = self.rows["callee"] >= 0
        return found

    def exclusive(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """``values`` (rows, ...) without what the calls inside each row add to it."""
        own = values.copy()
        inside = self.is_call
        np.subtract.at(own, self.around[inside], values[inside])
        return own

    def is_outermost(self, names: Ints) -> npt.NDArray[np.bool_]:
        """Which calls do not lie inside another of the same name."""
        outermost = self.is_call.copy()
        around = self.around.copy()
        while True:
            inside = self.rows["callee"][around] >= 0
            if not inside.any():
                return outermost
            outermost &= ~(inside & (names[around] == names))
            around = np.where(inside, self.around[around], around)
