"""What became of storages: what the recorder saw of them -> a row for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vmprof.runs.work import Ints

Table = npt.NDArray[Any]

# vmprof_storage_event of native/api.h. `bytes` of one that was released:
EVENT = np.dtype([("before", np.int64), ("storage", np.int64), ("bytes", np.int64)])
RELEASED = -1

# A storage that a timed run allocated: `call` is the row of the call that did so, `end` the
# first row that began after it was released, both counted from the run's own (0); `end` is
# behind the last row if no call came after that, and ALIVE if the storage was alive when the
# run was over. `bytes` are what the program asked for.
ALLOCATION = np.dtype(
    [("invocation", np.int64), ("call", np.int32), ("end", np.int32), ("bytes", np.int64)]
)
ALIVE = -1


def storage_table(events: Table, firsts: Ints, ids: Ints, rows: Ints) -> Table:
    """The storages that runs allocated, in that order.

    ``firsts`` are the numbers of the runs' first records, ascending, ``ids`` their own numbers;
    ``rows`` the numbers of the records of runs and calls. What was allocated in another run than
    it was released in was alive at the end of its own.
    """
    if not len(events):
        return np.zeros(0, dtype=ALLOCATION)
    whole = np.searchsorted(firsts, events["before"], side="left") - 1
    # How many rows of its invocation began before each event.
    place = np.searchsorted(rows, events["before"]) - np.searchsorted(rows, firsts[whole])
    is_made = events["bytes"] != RELEASED
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
