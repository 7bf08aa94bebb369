"""The rows of a recording's report, and sums of their calls in each invocation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vmprof.recording.groups import Calls, Group
from vmprof.recording.numbers import Ints, distinct_pairs
from vmprof.recording.shapes import kind_of, ranges

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Keys:
    """The rows of a report: callees with their shapes.

    ``numbers`` maps the number of a callee and that of a signature to a row's index.
    """

    names: list[str]
    shapes: list[str]
    numbers: Mapping[tuple[int, int], int]

    @property
    def count(self) -> int:
        return len(self.names)

    @classmethod
    def of(cls, group: Group, by: str) -> Keys:
        recording = group.recording
        found: set[tuple[int, int]] = set()
        for turn, table in enumerate([recording.calls, *(each.calls for each in recording.counts)]):
            rows = Calls.of(table, group.of_turn(turn)).rows
            rows = rows[rows["callee"] >= 0]
            pairs, _ = distinct_pairs(rows["callee"], rows["signature"])
            found |= {(callee, signature) for callee, signature in pairs.tolist()}
        folded: dict[tuple[str, object], list[tuple[int, int]]] = {}
        for callee, signature in sorted(found):
            text = recording.signatures[signature]
            kind: object = text if by == "shape" else kind_of(text)
            folded.setdefault((recording.callees[callee], kind), []).append((callee, signature))
        return cls(
            [name for name, _ in folded],
            [ranges(recording.signatures[s] for _, s in pairs) for pairs in folded.values()],
            {pair: number for number, pairs in enumerate(folded.values()) for pair in pairs},
        )

    def of_rows(self, calls: Calls) -> Ints:
        """The index of the report's row that each call belongs to; -1 for an invocation itself."""
        pairs, which = distinct_pairs(calls.rows["callee"], calls.rows["signature"])
        keys = np.array([self.numbers.get((c, s), -1) for c, s in pairs.tolist()], dtype=np.int64)
        return keys[which]


def by_invocation(
    values: npt.NDArray[np.float64], key: Ints, place: Ints, invocations: int, keys: int
) -> Floats:
    """Sums of the calls' ``values``, shape (invocations, keys).

    ``key`` and ``place`` are the report's row and the invocation of each call; calls whose key is
    -1 are left out.
    """
    is_row = key >= 0
    at = place[is_row] * keys + key[is_row]
    sums = np.bincount(at, weights=values[is_row], minlength=invocations * keys)
    return sums.reshape(invocations, keys).astype(np.float64)
