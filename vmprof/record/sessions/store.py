"""Folded invocations in bounded memory.

When there are too many calls, every second invocation of the function that has most of them
is left out, of each turn alike; the first ones stay. What is told of all invocations,
kept or not, is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vmprof.recording.numbers import distinct_pairs
from vmprof.recording.tables import CALL, INVOCATION, SAMPLE, TOTAL, Counts, Table
from vmprof.runs.storages import ALLOCATION

# Of each function, label and turn, whatever is left out.
FIRST_KEPT = 4

_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Folded:
    """What a buffer held: tables as in :class:`vmprof.recording.tables.Recording`."""

    invocations: Table
    calls: Table
    counts: tuple[Counts, ...]
    allocations: Table = field(default_factory=lambda: np.zeros(0, dtype=ALLOCATION))
    samples: Table = field(default_factory=lambda: np.zeros(0, dtype=SAMPLE))

    @property
    def of_invocations(self) -> tuple[Table, ...]:
        """The tables whose rows lie in invocations."""
        calls = (each.calls for each in self.counts)
        return (self.calls, *calls, self.allocations, self.samples)

    @property
    def rows(self) -> int:
        return sum(map(len, (self.invocations, *self.of_invocations)))


@dataclass
class Store:
    """Keeps at most ``budget`` rows (None: all) of ``turns`` recorded turns."""

    budget: int | None
    turns: int
    _chunks: list[Folded] = field(default_factory=list)
    # By function, label and turn: what of `TOTAL` comes behind those.
    _totals: dict[tuple[int, int, int], npt.NDArray[np.int64]] = field(default_factory=dict)
    _strides: dict[tuple[int, int], int] = field(default_factory=dict)  # by function and label

    def add(self, folded: Folded) -> None:
        self._count(folded.invocations)
        self._chunks.append(_chosen(folded, self._is_kept(folded.invocations)))
        if self.budget is None:
            return
        while sum(chunk.rows for chunk in self._chunks) > self.budget:
            whole = self.kept()
            crowded = self._most_crowded(whole)
            if crowded is None:
                return
            self._strides[crowded] = 2 * self._strides.get(crowded, 1)
            self._chunks = [_chosen(whole, self._is_kept(whole.invocations))]

    def kept(self) -> Folded:
        """All that was kept."""
        if len(self._chunks) != 1:
            self._chunks = [_joined(self._chunks)] if self._chunks else []
        return self._chunks[0] if self._chunks else Folded(_nothing(INVOCATION), _nothing(CALL), ())

    def totals(self) -> Table:
        """Of all invocations, kept or not: dtype `TOTAL`."""
        table = np.zeros(len(self._totals), dtype=TOTAL)
        for number, (key, sums) in enumerate(sorted(self._totals.items())):
            table[number] = (*key, self._strides.get(key[:2], 1), *sums.tolist())
        return table

    def _count(self, invocations: Table) -> None:
        sums = np.stack(
            [
                np.ones(len(invocations), dtype=np.int64),
                invocations["failed"] != 0,
                invocations["dropped"] > 0,
                invocations["dropped"],
                invocations["end_ns"] - invocations["begin_ns"],
            ],
            axis=1,
        )
        called, which = distinct_pairs(invocations["function"], invocations["label"])
        kinds, which = distinct_pairs(which, invocations["turn"])
        added = np.zeros((len(kinds), sums.shape[1]), dtype=np.int64)
        np.add.at(added, which, sums)
        for (number, turn), more in zip(kinds.tolist(), added, strict=True):
            function, label = called[number].tolist()
            before = self._totals.get((function, label, turn), 0)
            self._totals[function, label, turn] = before + more

    def _is_kept(self, invocations: Table) -> _Mask:
        # The turns of a function follow one another: each has its place in each cycle.
        place = invocations["number"] // (self.turns + 1)
        stride = np.ones(len(invocations), dtype=np.int64)
        for (function, label), each in self._strides.items():
            stride[(invocations["function"] == function) & (invocations["label"] == label)] = each
        kept: _Mask = (place < FIRST_KEPT) | (place % stride == 0)
        return kept

    def _most_crowded(self, whole: Folded) -> tuple[int, int] | None:
        """The function and label with most rows of those that can be thinned."""
        invocations = whole.invocations
        rows = np.ones(len(invocations), dtype=np.int64)
        order = np.argsort(invocations["id"])
        for table in whole.of_invocations:
            at = order[np.searchsorted(invocations["id"], table["invocation"], sorter=order)]
            np.add.at(rows, at, 1)
        place = invocations["number"] // (self.turns + 1)
        unique, which = distinct_pairs(invocations["function"], invocations["label"])
        spare = place >= FIRST_KEPT
        of_each = np.bincount(which[spare], weights=rows[spare], minlength=len(unique))
        if not of_each.any():
            return None
        function, label = unique[int(np.argmax(of_each))].tolist()
        return function, label


def _nothing(dtype: np.dtype[np.void]) -> Table:
    return np.zeros(0, dtype=dtype)


def _chosen(folded: Folded, kept: _Mask) -> Folded:
    """Those invocations, with their calls."""
    if kept.all():
        return folded
    ids = np.sort(folded.invocations["id"][kept])

    def of_kept(calls: Table) -> _Mask:
        at = np.minimum(np.searchsorted(ids, calls["invocation"]), max(len(ids) - 1, 0))
        chosen: _Mask = (
            ids[at] == calls["invocation"] if len(ids) else np.zeros(len(calls), dtype=bool)
        )
        return chosen

    return Folded(
        folded.invocations[kept],
        folded.calls[of_kept(folded.calls)],
        tuple(
            Counts(
                each.calls[chosen],
                each.values[chosen],
                each.shares[chosen] if each.shares is not None else None,
            )
            for each in folded.counts
            for chosen in [of_kept(each.calls)]
        ),
        folded.allocations[of_kept(folded.allocations)],
        folded.samples[of_kept(folded.samples)],
    )


def _joined(chunks: list[Folded]) -> Folded:
    counts = []
    for parts in zip(*(chunk.counts for chunk in chunks), strict=True):
        shares = [part.shares for part in parts if part.shares is not None]
        counts.append(
            Counts(
                np.concatenate([part.calls for part in parts]),
                np.concatenate([part.values for part in parts]),
                np.concatenate(shares) if shares else None,
            )
        )
    return Folded(
        np.concatenate([chunk.invocations for chunk in chunks]),
        np.concatenate([chunk.calls for chunk in chunks]),
        tuple(counts),
        np.concatenate([chunk.allocations for chunk in chunks]),
        np.concatenate([chunk.samples for chunk in chunks]),
    )
