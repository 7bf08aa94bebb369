"""The memory of a program that vmprof runs: as that of a session's invocations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vmprof.recording.memory import UNSEEN, facts_of, memory_in
from vmprof.recording.tables import CALL, Table
from vmprof.runs.run import Run
from vmprof.values import Metric

_MISSED = "storages that something other than vm.builtin.alloc_storage made; "


def memory_facts(
    timed: Sequence[Run], callees: Sequence[str], *, missed: bool
) -> Mapping[str, Metric]:
    """What was alive in ``timed`` runs, whose sites call ``callees``; nothing if none was seen."""
    rows = [_rows(run, number) for number, run in enumerate(timed)]
    allocations = [run.storages.copy() for run in timed]
    for number, table in enumerate(allocations):
        table["invocation"] = number
    memory = memory_in(np.concatenate(rows), np.concatenate(allocations), callees)
    return facts_of(memory, f"{_MISSED}{UNSEEN}" if missed else UNSEEN, among="timed runs")


def _rows(run: Run, number: int) -> Table:
    """The run and its calls as rows of `CALL`; parents and signatures are left out."""
    assert run.windows_ns is not None
    assert run.total_ns is not None
    rows = np.zeros(1 + len(run.sites), dtype=CALL)
    rows["invocation"] = number
    rows["callee"][0], rows["callee"][1:] = -1, run.sites
    rows["end_ns"][0] = run.total_ns
    rows["begin_ns"][1:], rows["end_ns"][1:] = run.windows_ns.T
    return rows
