"""A thread's buffers -> tables: all invocations that they hold at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vmprof.native import ffi, lib
from vmprof.record.sessions.storages import EVENT, storage_table
from vmprof.record.sessions.store import Folded
from vmprof.recording.numbers import distinct
from vmprof.recording.tables import (
    ALLOCATION,
    CALL,
    INVOCATION,
    TIMED,
    Counts,
    Table,
)
from vmprof.runs.faults import COUNTED_LESS, NOT_OPENED, STAYED_OFF, faults
from vmprof.runs.layout import Layout
from vmprof.runs.readings import amounts, in_turns, record_dtype
from vmprof.runs.run import NOTHING
from vmprof.runs.signature import signature_text
from vmprof.runs.work import Ints, Work

# vmprof_invocation of native/api.h.
_NATIVE = np.dtype(
    [
        ("function", np.int32),
        ("label", np.int32),
        ("turn", np.int32),
        ("failed", np.int32),
        ("number", np.int64),
        ("first", np.int64),
        ("records", np.int64),
        ("dropped", np.int64),
        ("uncounted", np.int64),
        ("begin_ns", np.int64),
        ("end_ns", np.int64),
    ]
)
assert _NATIVE.itemsize == ffi.sizeof("vmprof_invocation")
_UNCOUNTED = {
    lib.VMPROF_STAYED_OFF: STAYED_OFF,
    lib.VMPROF_COUNTED_LESS: COUNTED_LESS,
    lib.VMPROF_NOT_OPENED: NOT_OPENED,
}


@dataclass
class Signatures:
    """The distinct signatures of a session, numbered as they come up."""

    texts: list[str] = field(default_factory=list)
    _numbers: dict[tuple[int, ...], int] = field(default_factory=dict)

    def number(self, words: tuple[int, ...]) -> int:
        """Of a signature as the recorder writes it."""
        if words not in self._numbers:
            self._numbers[words] = len(self.texts)
            self.texts.append(signature_text(words))
        return self._numbers[words]


def fold(
    caller: Any, layouts: Sequence[Layout], signatures: Signatures, first_id: int, *, opened: bool
) -> Folded:
    """The complete invocations of ``caller``, a ``vmprof_caller``, numbered from ``first_id``.

    ``layouts`` are those of the passes; the thread counts in them if they ``opened`` there.
    """
    count = lib.vmprof_caller_count(caller)
    buffer = ffi.buffer(lib.vmprof_caller_invocations(caller), count * _NATIVE.itemsize)
    native = np.frombuffer(buffer, _NATIVE)
    invocations = np.zeros(count, dtype=INVOCATION)
    for name in ("function", "label", "turn", "number", "failed", "dropped", "begin_ns", "end_ns"):
        invocations[name] = native[name]
    invocations["id"] = np.arange(first_id, first_id + count)
    invocations["thread"] = lib.vmprof_caller_thread(caller)
    calls = np.zeros(0, dtype=CALL)
    allocations = np.zeros(0, dtype=ALLOCATION)
    counts: list[Counts] = []
    for turn, layout in enumerate([NOTHING, *layouts]):
        of_turn = np.flatnonzero(native["turn"] == turn)
        recorder = lib.vmprof_caller_recorder(caller, turn)
        counted = layout if opened else NOTHING
        records, words = _records(recorder, counted, native[of_turn])
        work = Work(records) if len(records) else None
        rows = _rows(records, work, invocations["id"][of_turn])
        rows["signature"] = _numbered(rows["signature"], rows["callee"] >= 0, words, signatures)
        if turn == TIMED:
            calls = rows
            allocations = storage_table(
                _storage_events(recorder, native[of_turn]),
                native["first"][of_turn],
                invocations["id"][of_turn],
                work.rows if work is not None else np.zeros(0, dtype=np.int64),
            )
            continue
        rows["begin_ns"] = rows["end_ns"] = rows["dispatch_ns"] = 0
        if not opened:
            invocations["fault"][of_turn] = NOT_OPENED
            values = np.zeros((len(rows), len(layout.columns)), dtype=np.int64)
            counts.append(
                Counts(rows, values, np.zeros(values.shape) if layout.multiplexed else None)
            )
            continue
        firsts = native["first"][of_turn]
        found = faults(records, layout, firsts)
        for uncounted, fault in _UNCOUNTED.items():
            found[native["uncounted"][of_turn] == uncounted] = fault
        invocations["fault"][of_turn] = found
        counts.append(_counts(records, work, layout, rows))
    return Folded(invocations, calls, tuple(counts), allocations)


def _storage_events(recorder: Any, invocations: Table) -> Table:
    """Those of complete invocations."""
    size = lib.vmprof_storage_events_count(recorder) * EVENT.itemsize
    events = np.frombuffer(ffi.buffer(lib.vmprof_storage_events(recorder), size), EVENT)
    last = invocations[-1:]
    behind = int((last["first"] + last["records"] + last["dropped"]).sum())
    return events[events["before"] <= behind]


def _records(recorder: Any, layout: Layout, invocations: Table) -> tuple[Table, Ints]:
    """The records of complete invocations, and the words of signatures."""
    dtype = record_dtype(layout)
    assert dtype.itemsize == lib.vmprof_recorder_stride(recorder)
    last = invocations[-1:]
    count = int((last["first"] + last["records"]).sum())
    records = np.frombuffer(ffi.buffer(lib.vmprof_records(recorder), count * dtype.itemsize), dtype)
    size = lib.vmprof_signatures_size(recorder)
    return records, np.frombuffer(ffi.buffer(lib.vmprof_signatures(recorder), 8 * size), np.int64)


def _rows(records: Table, work: Work | None, ids: Ints) -> Table:
    """Rows of `CALL` for the invocations and their calls; signatures are still offsets."""
    if work is None:
        return np.zeros(0, dtype=CALL)
    numbers = work.rows
    sites = records["site"][numbers]
    is_call = sites >= 0
    # The invocations' own rows come first of each.
    own_rows = np.flatnonzero(~is_call)
    whole = np.cumsum(~is_call) - 1
    rows = np.zeros(len(numbers), dtype=CALL)
    rows["invocation"] = ids[whole]
    for name in ("signature", "failed", "begin_ns", "end_ns"):
        rows[name] = records[name][numbers]
    open_ns = records["end_ns"] - records["begin_ns"]
    rows["dispatch_ns"] = open_ns[numbers] - work.of_callers(open_ns[:, None])[:, 0]
    rows["callee"] = np.where(is_call, sites, -1)
    rows["parent"] = np.where(is_call, work.parents() - own_rows[whole], -1)
    return rows


def _numbered(offsets: Any, is_call: Any, words: Ints, signatures: Signatures) -> Any:
    """Offsets into ``words`` as numbers of ``signatures``; -1 for what is no call."""
    numbers = np.full(len(words) + 1, -1, dtype=np.int32)  # the last is of what is no call
    of_calls = np.where(is_call, offsets, len(words))
    as_list: list[int] = words.tolist()
    for offset in distinct(of_calls[is_call]).tolist():
        numbers[offset] = signatures.number(_signature(as_list, offset))
    return numbers[of_calls]


def _signature(words: list[int], offset: int) -> tuple[int, ...]:
    end = offset + 1
    for _ in range(words[offset]):
        end += 2 + words[end + 1]
    return tuple(words[offset:end])


def _counts(records: Table, work: Work | None, layout: Layout, rows: Table) -> Counts:
    if work is None:
        nothing = np.zeros((0, len(layout.columns)), dtype=np.int64)
        return Counts(rows, nothing, np.zeros(nothing.shape) if layout.multiplexed else None)
    values = work.of(amounts(records, layout))
    if not layout.multiplexed:
        return Counts(rows, values)
    return Counts(rows, *in_turns(records, work, layout, values))
