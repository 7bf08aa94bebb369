"""A thread's buffers -> tables: all invocations that they hold at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vmprof.native import ffi, lib
from vmprof.record.recorder import native_records, native_storage_events
from vmprof.record.sessions.store import Folded
from vmprof.recording.tables import CALL, INVOCATION, SAMPLE, TIMED, Counts, Table
from vmprof.runs.faults import COUNTED_LESS, NOT_OPENED, STAYED_OFF
from vmprof.runs.layout import Layout
from vmprof.runs.recorded import RecordedRuns
from vmprof.runs.run import NOTHING
from vmprof.runs.signature import signature_texts
from vmprof.runs.storages import ALLOCATION, storage_table
from vmprof.runs.work import Ints

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
    _numbers: dict[str, int] = field(default_factory=dict)

    def number(self, text: str) -> int:
        if text not in self._numbers:
            self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return self._numbers[text]


def fold(
    caller: Any,
    layouts: Sequence[Layout],
    signatures: Signatures,
    first_id: int,
    *,
    opened: Sequence[bool],
    sampled: Callable[[RecordedRuns, Ints], Table] | None = None,
) -> Folded:
    """The complete invocations of ``caller``, a ``vmprof_caller``, numbered from ``first_id``.

    ``layouts`` are those of the passes; the thread counts in those that ``opened`` there.
    ``sampled`` gives the samples of runs of the last pass, which are those invocations.
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
    samples = np.zeros(0, dtype=SAMPLE)
    for turn, layout in enumerate([NOTHING, *layouts]):
        of_turn = np.flatnonzero(native["turn"] == turn)
        recorder = lib.vmprof_caller_recorder(caller, turn)
        is_open = turn > TIMED and opened[turn - 1]
        counted = layout if is_open else NOTHING
        records, words = _records(recorder, counted, native[of_turn])
        runs = RecordedRuns(records, counted)
        ids = invocations["id"][of_turn]
        rows = _rows(runs, ids, _numbered(runs, words, signatures))
        if turn == TIMED:
            calls = rows
            last = native[of_turn][-1:]
            behind = int((last["first"] + last["records"] + last["dropped"]).sum())
            allocations = storage_table(
                native_storage_events(recorder, behind),
                native["first"][of_turn],
                ids,
                runs.numbers,
            )
            continue
        rows["begin_ns"] = rows["end_ns"] = rows["dispatch_ns"] = 0
        if is_open:
            values, shares = runs.counts(runs.amounts())
            found = runs.faults()
            for uncounted, fault in _UNCOUNTED.items():
                found[native["uncounted"][of_turn] == uncounted] = fault
        else:
            values = np.zeros((len(rows), len(layout.columns)), dtype=np.int64)
            shares = np.zeros(values.shape) if layout.multiplexed else None
            found = np.full(len(of_turn), NOT_OPENED)
        invocations["fault"][of_turn] = found
        counts.append(Counts(rows, values, shares))
        if turn == len(layouts) and sampled is not None:
            samples = sampled(runs, ids)
    return Folded(invocations, calls, tuple(counts), allocations, samples)


def _records(recorder: Any, layout: Layout, invocations: Table) -> tuple[Table, Ints]:
    """The records of complete invocations, and the words of signatures."""
    last = invocations[-1:]
    return native_records(recorder, layout, int((last["first"] + last["records"]).sum()))


def _rows(runs: RecordedRuns, ids: Ints, signatures: Ints) -> Table:
    """Rows of `CALL` for the invocations ``ids`` and their calls."""
    rows = np.zeros(len(runs.numbers), dtype=CALL)
    rows["invocation"] = ids[runs.run]
    for name in ("failed", "begin_ns", "end_ns"):
        rows[name] = runs.field(name)
    rows["dispatch_ns"] = runs.open_ns()[runs.numbers] - runs.durations_ns()
    rows["callee"] = np.where(runs.is_call, runs.field("site"), -1)
    rows["signature"] = signatures
    rows["parent"] = runs.parents()
    return rows


def _numbered(runs: RecordedRuns, words: Ints, signatures: Signatures) -> Ints:
    """The signature of each row, by its number; -1 for what is no call."""
    offsets = runs.field("signature")[runs.is_call]
    texts = signature_texts(words, offsets)
    numbers = np.zeros(len(words), dtype=np.int64)
    for offset, text in texts.items():
        numbers[offset] = signatures.number(text)
    found = np.full(len(runs.numbers), -1)
    found[runs.is_call] = numbers[offsets]
    return found
