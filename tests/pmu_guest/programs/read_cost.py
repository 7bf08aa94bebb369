"""What reading a group costs, in instructions of user space and kernel together.

    read_cost.py EVENTS

Prints ``{"sample": instructions of a reading as windows take it, "read": of one
by system call, "how": how windows take it}``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from vmprof.counters import Machine, open_counters, parse_events
from vmprof.counters.reading.group import Opener
from vmprof.native import ffi, lib

READINGS = 1000

machine = Machine.read()
(meter,) = parse_events("instructions", machine)
events = parse_events(sys.argv[1], machine)
with Opener(machine).open(meter) as counter, open_counters(events, machine) as opened:
    assert not opened.user_only, "the kernel's part is hidden"
    (one,) = opened.passes
    (source,) = one.sources
    sample = ffi.cast("vmprof_sample *", ffi.new("uint64_t[]", one.layout.sample_words))

    def instructions(function: Callable[..., object], *arguments: object) -> float:
        """Of one call."""
        ((before,),) = (s.values for s in counter.read())
        for _ in range(READINGS):
            function(*arguments)
        ((after,),) = (s.values for s in counter.read())
        return (after - before) / READINGS

    counter.enable()
    one.team.enable()
    # A function that does next to nothing: Python's part is in all three.
    call = instructions(lib.vmprof_source_values, source.pointer)
    costs = {
        "sample": instructions(lib.vmprof_source_sample, source.pointer, sample) - call,
        "read": instructions(lib.vmprof_source_read, source.pointer, sample) - call,
    }
print(json.dumps({**costs, "how": one.how}))
