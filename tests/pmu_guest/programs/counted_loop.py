"""What vmprof's recorder counts around loops of known length.

    counted_loop.py EVENTS LENGTH...

Runs the loops one after the other, each in a window of its own, and prints
``{"counts": {event: [count of each window]}, "passes": [[event]], "how": [how
each pass is read], "refused": {event: why}}``.
"""

from __future__ import annotations

import json
import sys

import tvm_ffi

from vmprof.counters import Machine, open_counters, parse_events
from vmprof.record.recorder import Reading, Recorder
from vmprof.vm import Site

events, *lengths = sys.argv[1:]
library = tvm_ffi.load_module("./spin.so")
machine = Machine.read()
counts = {}
with open_counters(parse_events(events, machine), machine) as opened:
    recorder = Recorder(opened.sample_words, max_records=len(lengths))
    spin = recorder.wrap(Site(0, "", 0, "spin"), library["spin"])

    def loops() -> None:
        for length in lengths:
            spin(int(length))

    for one in opened.passes:
        recorder.run(loops, Reading.COUNTERS, one)
        values = recorder.recording(Reading.COUNTERS, one).counts.values
        counts |= zip(one.layout.columns, values.T.tolist(), strict=True)
print(
    json.dumps(
        {
            "counts": counts,
            "passes": [one.layout.columns for one in opened.passes],
            "how": [one.how for one in opened.passes],
            "refused": opened.refused,
        }
    )
)
