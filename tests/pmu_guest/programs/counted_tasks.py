"""What is counted of loops of known length on two threads.

    counted_tasks.py EVENT LENGTH LENGTH...

Launches a pair of tasks for each pair of lengths, and prints ``{"counts": [count of
each launch's call], "by_thread": [[what each thread did of it]], "how": how it was read}``.
"""

from __future__ import annotations

import json
import sys

import tvm_ffi

from vmprof.counters import Machine, open_counters, parse_events
from vmprof.record.launches import recorded_launches
from vmprof.record.pool import configured_pool
from vmprof.record.recorder import Reading, Recorder
from vmprof.vm import Site

event, *lengths = sys.argv[1:]
library = tvm_ffi.load_module("./spin.so")
machine = Machine.read()
with (
    open_counters(parse_events(event, machine), machine) as opened,
    configured_pool(2),
    recorded_launches() as problems,
):
    assert not problems
    (one,) = opened.passes
    recorder = Recorder(opened.sample_words)
    spin = recorder.wrap(Site(0, "", 0, "spin"), library["spin_in_tasks"])

    def loops() -> None:
        for first, second in zip(lengths[::2], lengths[1::2], strict=True):
            spin(int(first), int(second))

    for _ in range(2):  # the worker opens its counters in the first run
        recorder.run(loops, Reading.COUNTERS, one)
    recording = recorder.recording(Reading.COUNTERS, one)
counts = recording.counts
assert counts is not None, recording.fault
print(
    json.dumps(
        {
            "counts": counts.values[:, 0].tolist(),
            "by_thread": counts.by_thread.values[:, :, 0].tolist(),
            "how": one.how,
        }
    )
)
