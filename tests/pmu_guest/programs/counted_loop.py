"""What vmprof's recorder counts around loops of known length.

    counted_loop.py EVENTS LENGTH...

Runs the loops one after the other, each in a window of its own, and prints
``{"counts": {event: [count of each window]}, "refused": {event: why}}``.
"""

from __future__ import annotations

import json
import sys

import tvm_ffi

from vmprof.counters import CounterGroup, parse_events
from vmprof.machine import Site
from vmprof.recorder import Reading, Recorder

events, *lengths = sys.argv[1:]
library = tvm_ffi.load_module("./spin.so")
with CounterGroup(parse_events(events)) as group:
    recorder = Recorder(group, max_records=len(lengths))
    spin = recorder.wrap(Site(0, "", 0, "spin"), library["spin"])
    with recorder.run(Reading.COUNTERS):
        for length in lengths:
            spin(int(length))
    counts = recorder.recording(Reading.COUNTERS).counts
    names = [event.name for event in group.events]
    refused = group.refused
columns = {} if counts is None else dict(zip(names, counts.T.tolist(), strict=True))
print(json.dumps({"counts": columns, "refused": refused}))
