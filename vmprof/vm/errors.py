"""Errors of a VM, each also of the class that TVM's own VM raises there."""

from __future__ import annotations

from collections.abc import Sized

import tvm_ffi
from tvm.error import InternalError

from vmprof.errors import VmprofError
from vmprof.program.bytecode import Function


# Registered, so that they are still what they were after C++ passed them on.
@tvm_ffi.register_error
class VmError(VmprofError, InternalError):  # type: ignore[misc] # TVM has no types
    """A program that does not fit: to its arguments, or to what it is linked with."""


@tvm_ffi.register_error
class LookupFunctionError(VmprofError, AttributeError):
    """A VM has no function of that name."""


@tvm_ffi.register_error
class CallStateError(VmprofError, ValueError):
    """Inputs, outputs or functions that were not set before they were asked for."""


def check_arity(function: Function, args: Sized) -> None:
    """Refuse a wrong number of arguments."""
    if len(args) != function.num_args:
        names = ", ".join(function.parameter_names)
        raise VmError(
            f"function {function.name!r} takes {function.num_args} arguments"
            f"{f' ({names})' if names else ''}, {len(args)} were given"
        )
