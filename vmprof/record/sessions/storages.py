"""What became of storages: the native events of a thread's buffer -> `ALLOCATION` rows."""

from __future__ import annotations

import numpy as np

from vmprof.native import ffi, lib
from vmprof.recording.tables import ALIVE, ALLOCATION, Table
from vmprof.runs.work import Ints

# vmprof_storage_event of native/api.h.
EVENT = np.dtype([("before", np.int64), ("storage", np.int64), ("bytes", np.int64)])
assert EVENT.itemsize == ffi.sizeof("vmprof_storage_event")


def storage_table(events: Table, firsts: Ints, ids: Ints, rows: Ints) -> Table:
    """The storages that invocations allocated, in that order.

    ``firsts`` are the numbers of the invocations' first records, ascending, ``ids`` their own
    numbers; ``rows`` the numbers of those records that are rows of `CALL`. What was allocated
    in another invocation than it was released in was alive at the end of its own.
    """
    if not len(events):
        return np.zeros(0, dtype=ALLOCATION)
    whole = np.searchsorted(firsts, events["before"], side="left") - 1
    # How many rows of its invocation began before each event.
    place = np.searchsorted(rows, events["before"]) - np.searchsorted(rows, firsts[whole])
    is_made = events["bytes"] != lib.VMPROF_RELEASED
    # Of one address, what follows in time is what became of it.
    order = np.argsort(events["storage"], kind="stable")
    this, following = order[:-1], order[1:]
    ended = (
        is_made[this]
        & ~is_made[following]
        & (events["storage"][this] == events["storage"][following])
        & (whole[this] == whole[following])
    )
    end = np.full(len(events), ALIVE)
    end[this[ended]] = place[following[ended]]
    table = np.zeros(int(is_made.sum()), dtype=ALLOCATION)
    table["invocation"] = ids[whole[is_made]]
    table["call"] = place[is_made] - 1
    table["end"] = end[is_made]
    table["bytes"] = events["bytes"][is_made]
    return table
