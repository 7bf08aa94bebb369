"""vmprof: what each operator of a TVM-compiled model costs.

import vmprof
print(vmprof.profile("model.so"))
"""

from vmprof.errors import VmprofError
from vmprof.machine import VirtualMachine
from vmprof.profiler import profile
from vmprof.program import Program
from vmprof.report import Report
from vmprof.sources import load_program
from vmprof.version import __version__

__all__ = [
    "Program",
    "Report",
    "VirtualMachine",
    "VmprofError",
    "__version__",
    "load_program",
    "profile",
]
