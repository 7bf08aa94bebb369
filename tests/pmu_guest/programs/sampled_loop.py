"""Where samples fall in loops of known length.

    sampled_loop.py EVENT|- LENGTH...

Calls the loop with each length in turn while it is sampled; ``-`` is the event that suits the
machine. Prints ``{"event": what was sampled, "how": in words, "samples": [of each call],
"weights": [of each call], "functions": {name: samples}, "lost": number}``, or ``{"refused": why}``.
"""

from __future__ import annotations

import json
import sys
from collections import Counter

import numpy as np
import tvm_ffi

from vmprof.counters import Machine
from vmprof.counters.reading.sampler import Refused, open_sampler
from vmprof.record.recorder import Reading, Recorder
from vmprof.sampling.code import Code
from vmprof.vm import Site

event, *lengths = sys.argv[1:]
library = tvm_ffi.load_module("./spin.so")
try:
    with open_sampler(None if event == "-" else event, 5000, Machine.read()) as sampler:
        recorder = Recorder(sampler.counted.layout.sample_words, max_records=len(lengths))
        spin = recorder.wrap(Site(0, "", 0, "spin"), library["spin"])

        def loops() -> None:
            for length in lengths:
                spin(int(length))

        recorder.run(loops, Reading.TIME | Reading.COUNTERS, sampler.counted)
        hits, missed = sampler.take()
        rows = recorder.whereabouts(sampler.counted).rows(hits["thread"], hits["time_ns"])
        code = Code()
        functions = code.find(hits).function.tolist()
        calls = range(1, 1 + len(lengths))
        print(
            json.dumps(
                {
                    "event": sampler.event,
                    "how": sampler.described(),
                    "samples": [int((rows == call).sum()) for call in calls],
                    "weights": [int(np.sum(hits["period"][rows == call])) for call in calls],
                    "functions": Counter(code.functions[n].name for n in functions),
                    "lost": missed.lost,
                }
            )
        )
except Refused as refused:
    print(json.dumps({"refused": str(refused)}))
