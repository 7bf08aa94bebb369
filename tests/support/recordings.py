"""Recordings made up from numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vmprof.record.sessions.store import Folded, Store
from vmprof.recording.tables import (
    CALL,
    INVOCATION,
    TIMED,
    UNRECORDED,
    CountedPass,
    Counts,
    Function,
    Recording,
    Vm,
)
from vmprof.values import Count

Call = tuple[str, str, int, int]  # callee, signature, parent's row, nanoseconds


@dataclass
class Made:
    """Invocations of one function, added one by one; the turns are the caller's choice."""

    columns: tuple[str, ...] = ()
    callees: list[str] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    invocations: list[tuple[int, int, int]] = field(default_factory=list)  # turn, ns, failed
    rows: dict[int, list[tuple[int, ...]]] = field(default_factory=dict)
    values: list[Sequence[int]] = field(default_factory=list)

    def add(self, turn: int, ns: int, calls: Sequence[Call] = (), *, failed: int = 0) -> None:
        number = len(self.invocations)
        self.invocations.append((turn, ns, failed))
        if turn == UNRECORDED:
            return
        begin = 1_000_000 * number
        rows = self.rows.setdefault(turn, [])
        rows.append((number, -1, -1, -1, failed, begin, begin + ns, 0))
        next_begin = [begin]  # inside each row
        for callee, signature, parent, spent in calls:
            begin = next_begin[parent]
            next_begin[parent] += spent
            next_begin.append(begin)
            rows.append(
                (
                    number,
                    _number(self.callees, callee),
                    _number(self.signatures, signature),
                    parent,
                    0,
                    begin,
                    begin + spent,
                    0,
                )
            )
        if turn != TIMED:
            self.values += [(ns,) * len(self.columns)]
            self.values += [(spent,) * len(self.columns) for *_, spent in calls]

    def recording(self) -> Recording:
        table = np.zeros(len(self.invocations), dtype=INVOCATION)
        for number, (turn, ns, failed) in enumerate(self.invocations):
            begin = 1_000_000 * number
            table[number] = (number, 0, 0, 1, turn, number, failed, 0, 0, begin, begin + ns)
        counts = ()
        if self.columns:
            shape = (-1, len(self.columns))
            values = np.array(self.values, dtype=np.int64).reshape(shape)
            counts = (Counts(np.array(self.rows.get(1, []), dtype=CALL), values),)
        store = Store(None, 1 + len(counts))
        store.add(Folded(table, np.array(self.rows.get(TIMED, []), dtype=CALL), counts))
        return Recording(
            vms=(Vm("tvm", "cpu0", ("something is not seen",)),),
            functions=(Function("main", 0),),
            labels=("",),
            callees=tuple(self.callees),
            signatures=tuple(self.signatures),
            passes=(CountedPass(self.columns, "by hand"),) if self.columns else (),
            invocations=table,
            totals=store.totals(),
            calls=store.kept().calls,
            counts=counts,
            missing={"cycles": "there is no PMU"},
            facts={"Number of threads": Count(1)},
            problems=("one problem",),
        )


def _number(texts: list[str], text: str) -> int:
    if text not in texts:
        texts.append(text)
    return texts.index(text)
