"""vmprof: what each operator of a TVM-compiled model costs.

import vmprof
print(vmprof.profile("model.so"))
"""

from vmprof.collectors import get_include, load_collector
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
    "get_include",
    "load_collector",
    "load_program",
    "profile",
]
