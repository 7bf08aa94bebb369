"""What a session of a program of its own says that a model costs.

    record_model.py LIBRARY EVENTS

Prints the JSON of the report of its function ``main``.
"""

from __future__ import annotations

import sys

import tvm
from tvm.runtime.vm import VirtualMachine

import vmprof
from vmprof.inputs import make_inputs
from vmprof.program import parameters_of
from vmprof.recording.reports import reports

library, events = sys.argv[1:]
program = vmprof.load_program(library)
arguments = make_inputs(parameters_of(program.bytecode, program.entry("main")))
with vmprof.Session(events) as session:
    vm = session.attach(VirtualMachine(tvm.runtime.load_module(library), tvm.cpu()))
    for _ in range(15):
        vm["main"](*arguments)
(report,) = reports(session.recording()).values()
print(report.json())
