"""vmprof: what each operator of a TVM-compiled model costs.

import vmprof
print(vmprof.profile("model.so"))
"""

from typing import TYPE_CHECKING, Any

from vmprof.collectors import get_include, load_collector
from vmprof.errors import VmprofError, VmprofWarning
from vmprof.machine import VirtualMachine
from vmprof.profiler import profile
from vmprof.program import Program
from vmprof.report import Report
from vmprof.sources import load_program
from vmprof.version import __version__

if TYPE_CHECKING:
    from vmprof.compiler import KernelInfo
    from vmprof.compiler import compile_module as compile  # noqa: A004
    from vmprof.record.session import Session

__all__ = [
    "KernelInfo",
    "Program",
    "Report",
    "Session",
    "VirtualMachine",
    "VmprofError",
    "VmprofWarning",
    "__version__",
    "compile",
    "get_include",
    "load_collector",
    "load_program",
    "profile",
]


def __getattr__(name: str) -> Any:
    """What needs the compiler half of TVM, which to profile a library goes without."""
    if name == "KernelInfo":
        from vmprof.compiler import KernelInfo

        return KernelInfo
    if name == "compile":
        from vmprof.compiler import compile_module

        return compile_module
    if name == "Session":
        from vmprof.record.session import Session

        return Session
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
