"""vmprof: what each operator of a TVM-compiled model costs.

import vmprof
print(vmprof.profile("model.so"))
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # what typing.TYPE_CHECKING is, which takes time to load
if TYPE_CHECKING:
    from typing import Any

    from vmprof.compare.diff import Diff
    from vmprof.compare.diff import diff_reports as diff
    from vmprof.compare.study import Study
    from vmprof.drivers.profile import profile
    from vmprof.errors import VmprofError, VmprofWarning
    from vmprof.program import Program
    from vmprof.record.collectors import get_include, load_collector
    from vmprof.record.probe import check_tvm
    from vmprof.record.sessions.session import Session
    from vmprof.remote.client import Remote
    from vmprof.remote.fleet import fleet
    from vmprof.report import Report
    from vmprof.report.operators import Operator
    from vmprof.subject.load import load_program
    from vmprof.version import __version__
    from vmprof.vm import VirtualMachine
    from vmprof.zoo.compiler import KernelInfo
    from vmprof.zoo.compiler import compile_module as compile  # noqa: A004

__all__ = [
    "Diff",
    "KernelInfo",
    "Operator",
    "Program",
    "Remote",
    "Report",
    "Session",
    "Study",
    "VirtualMachine",
    "VmprofError",
    "VmprofWarning",
    "__version__",
    "check_tvm",
    "compile",
    "diff",
    "fleet",
    "get_include",
    "load_collector",
    "load_program",
    "profile",
]

# Each name is imported when it is first used: TVM takes two seconds to load, its compiler more,
# and to read, compare and show reports neither is needed.
_MODULES = {
    "Diff": "vmprof.compare.diff",
    "KernelInfo": "vmprof.zoo.compiler",
    "Operator": "vmprof.report.operators",
    "Program": "vmprof.program",
    "Remote": "vmprof.remote.client",
    "Report": "vmprof.report",
    "Session": "vmprof.record.sessions.session",
    "Study": "vmprof.compare.study",
    "VirtualMachine": "vmprof.vm",
    "VmprofError": "vmprof.errors",
    "VmprofWarning": "vmprof.errors",
    "__version__": "vmprof.version",
    "check_tvm": "vmprof.record.probe",
    "compile": "vmprof.zoo.compiler",
    "diff": "vmprof.compare.diff",
    "fleet": "vmprof.remote.fleet",
    "get_include": "vmprof.record.collectors",
    "load_collector": "vmprof.record.collectors",
    "load_ipython_extension": "vmprof.notebook",
    "load_program": "vmprof.subject.load",
    "profile": "vmprof.drivers.profile",
    "unload_ipython_extension": "vmprof.notebook",
}
# Where they are called otherwise.
_NAMES_THERE = {"compile": "compile_module", "diff": "diff_reports"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_MODULES[name]), _NAMES_THERE.get(name, name))
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
