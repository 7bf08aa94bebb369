"""What vmprof says that a model costs, and what TVM's own machine takes for it.

    profile_model.py LIBRARY EVENTS

Prints ``{"report": the report's JSON, "unprofiled": {event: count of one run of
TVM's VM, without vmprof}}``.
"""

from __future__ import annotations

import json
import sys

import tvm
from tvm.runtime.vm import VirtualMachine

import vmprof
from vmprof.counters import Machine, open_counters, parse_events
from vmprof.inputs import make_inputs
from vmprof.program import parameters_of

library, events = sys.argv[1:]
# Without warm-up each measured run is a single one, whether the model is short or long.
report = vmprof.profile(library, counters=events, repeats=5, warmup=0)

program = vmprof.load_program(library)
arguments = make_inputs(parameters_of(program.bytecode, program.entry("main")))
main = VirtualMachine(program.module, tvm.cpu())["main"]
main(*arguments)
machine = Machine.read()
with open_counters(parse_events(events, machine), machine) as opened:
    (one,) = opened.passes
    (source,) = one.sources
    one.team.enable()
    before = source.read()
    main(*arguments)
    after = source.read()
unprofiled = dict(zip(one.layout.columns, after.since(before).values, strict=True))
print(json.dumps({"report": json.loads(report.json()), "unprofiled": unprofiled}))
