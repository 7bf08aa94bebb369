"""Which layers of the model the rows of a recording's report do the work of."""

from __future__ import annotations

import numpy as np

from vmprof.recording.groups import Calls, Group
from vmprof.recording.numbers import Ints
from vmprof.report.layers import cell_of
from vmprof.report.layers import layers_of as layers_in


def layers_of(group: Group, calls: Calls, key: Ints) -> dict[int, str]:
    """The cell of each row of the report, by the key that ``key`` has of each of ``calls``.

    Known of functions that call the same kernels each time. An invocation that called others, as
    one does that raised, tells nothing.
    """
    recording = group.recording
    expected = recording.layers.get(group.function, ())
    if not expected:
        return {}
    names = dict.fromkeys(call.kernel for call in expected)
    kernels = {name: number for number, name in enumerate(names)}
    # The last one is of the invocation itself, whose callee is -1.
    number_of = np.array([kernels.get(name, -1) for name in recording.callees] + [-1])
    numbers = number_of[calls.rows["callee"]]
    made = np.flatnonzero((numbers >= 0) & (calls.rows["parent"] == 0))
    owners, counts = np.unique(calls.owner[made], return_counts=True)
    made = made[np.isin(calls.owner[made], owners[counts == len(expected)])]
    in_turn = made.reshape(-1, len(expected))
    wanted = np.array([kernels[call.kernel] for call in expected])
    in_turn = in_turn[(numbers[in_turn] == wanted).all(axis=1)]
    found: dict[int, list[str]] = {}
    for place, call in enumerate(expected):
        for of_key in np.unique(key[in_turn[:, place]]).tolist():
            found.setdefault(of_key, []).extend(layers_in(call.layers))
    return {number: cell for number, layers in found.items() if (cell := cell_of(layers))}
