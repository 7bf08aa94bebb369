"""TVM's compiler, which there may be none of: where the library is removed, or switched off."""

from __future__ import annotations

import os

import tvm  # noqa: F401 # whose library has the function, or not
import tvm_ffi

from vmprof.errors import VmprofError


def has_compiler() -> bool:
    """Whether TVM is more than its runtime library here."""
    return tvm_ffi.get_global_func("target.llvm_get_system_cpu", allow_missing=True) is not None


def need_compiler(what: str) -> None:
    """:class:`VmprofError` if ``what`` takes the compiler, and it is not there."""
    if has_compiler():
        return
    if reason := _why_not():
        raise VmprofError(
            f"{what} takes TVM's compiler, whose library cannot be loaded ({reason}); give it more "
            "memory, if that says so, or install apache-tvm anew"
        )
    raise VmprofError(
        f"{what} takes TVM's compiler, and there is TVM's runtime library alone; install "
        "apache-tvm anew, and leave the variable TVM_USE_RUNTIME_LIB unset"
    )


def _why_not() -> str:
    """What the loader says of the compiler's library; nothing if it is not there, or unwanted."""
    if os.environ.get("TVM_USE_RUNTIME_LIB") == "1":
        return ""
    from tvm.libinfo import package_lib_paths  # as tvm/base.py does, which goes on without
    from tvm_ffi.libinfo import load_lib_ctypes

    try:
        load_lib_ctypes("tvm", "tvm_compiler", "RTLD_LOCAL", extra_lib_paths=package_lib_paths())
    except OSError as failure:
        return str(failure)
    except RuntimeError:  # there is none
        pass
    return ""
