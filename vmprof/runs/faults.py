"""Why what was counted in a run cannot be believed."""

from __future__ import annotations

from typing import Any

import numpy as np

from vmprof.runs.layout import Layout
from vmprof.runs.readings import is_read, times
from vmprof.runs.work import RUN_SITE, TASK_SITE, Ints, Records

# NOT_OPENED: nothing was there to count with. COUNTED_LESS: some of it
# was lost, of which one cause is known.
NO_FAULT, FAILED_READING, SHARED_PMU, NOT_OPENED, STAYED_OFF, COUNTED_LESS = range(6)
LOST = (
    "the processor stopped at a breakpoint and did not say at which, as some hypervisors have it: "
    "accesses were missed; executions (:x) are counted there too"
)


def faults(records: Records, layout: Layout, firsts: Ints) -> Ints:
    """A fault for each of the runs that ``records`` hold, one behind the other.

    ``firsts`` are the numbers of their own records, the first of each.
    """
    found = np.full(len(firsts), NO_FAULT)
    if not len(firsts):
        return found
    run = np.searchsorted(firsts, np.arange(len(records)), side="right") - 1
    if not layout.multiplexed:
        lost = lost_ns(records, layout).any(axis=1)
        found[run[lost]] = SHARED_PMU
    for number in range(len(layout.sources)):
        found[stayed_off(records[firsts], layout, number)] = STAYED_OFF
    for number in range(len(layout.sources)):
        found[run[failed_readings(records, layout, number)]] = FAILED_READING
    return found


def failed_readings(records: Records, layout: Layout, number: int) -> Any:
    """Which records lack a reading of the source ``number``."""
    readings = [records[end][str(number)]["count"] for end in ("before", "after")]
    whole = len(layout.sources[number])
    return is_read(records, layout, number) & np.any([each != whole for each in readings], axis=0)


def stayed_off(runs: Records, layout: Layout, number: int) -> Any:
    """Which ``runs``, by their own records, the calling thread's source ``number`` missed."""
    if number in layout.untimed or (layout.threads and layout.threads[number]):
        return np.zeros(len(runs), dtype=bool)
    before, after = (runs[end][str(number)]["enabled_ns"] for end in ("before", "after"))
    return (before == after) & (after > 0)


def lost_ns(records: Records, layout: Layout) -> Any:
    """For how long each column did not count in each record that tells, (records, columns).

    Of the calling thread a run's own record tells; of others, their tasks. Groups that take
    turns are read one after the other, so that their times differ.
    """
    telling = np.isin(records["site"], (RUN_SITE, TASK_SITE))[:, None]
    lost = np.zeros((len(records), len(layout.columns)))
    for enabled, running in times(records, layout).values():
        lost += np.maximum(enabled - running - layout.skews_ns, 0) * telling
    return lost
