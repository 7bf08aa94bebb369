"""TVM's compiler, which there may be none of: where the library is removed, or switched off."""

from __future__ import annotations

import tvm  # noqa: F401 # whose library has the function, or not
import tvm_ffi

from vmprof.errors import VmprofError


def has_compiler() -> bool:
    """Whether TVM is more than its runtime library here."""
    return tvm_ffi.get_global_func("target.llvm_get_system_cpu", allow_missing=True) is not None


def need_compiler(what: str) -> None:
    """:class:`VmprofError` if ``what`` takes the compiler, and it is not there."""
    if not has_compiler():
        raise VmprofError(
            f"{what} takes TVM's compiler, and there is TVM's runtime library alone; install "
            "apache-tvm anew, and leave the variable TVM_USE_RUNTIME_LIB unset"
        )
