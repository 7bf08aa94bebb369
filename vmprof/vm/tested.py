"""Before anything runs: is this TVM one that vmprof was tested with?"""

from __future__ import annotations

import tvm
import tvm_ffi

import vmprof
from vmprof.tested import untested


def versions() -> dict[str, str]:
    """Those of TVM and of its calling convention that are loaded."""
    return {"apache-tvm": tvm.__version__, "apache-tvm-ffi": tvm_ffi.__version__}


def check_tvm() -> None:
    """Have TVM tried (:func:`vmprof.check_tvm`), unless it is of a version that was tested."""
    if untested(versions()):
        vmprof.check_tvm()
