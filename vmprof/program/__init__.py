"""What an executable says: its bytecode, parameters and kernels."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vmprof.program.parameters import parameters_of
    from vmprof.program.program import Program
    from vmprof.program.reader import BytecodeError, read_bytecode
    from vmprof.program.types import Parameter

__all__ = ["BytecodeError", "Parameter", "Program", "parameters_of", "read_bytecode"]

# Imported when they are first used: what is known of kernels is read without TVM too.
_MODULES = {
    "BytecodeError": "vmprof.program.reader",
    "Parameter": "vmprof.program.types",
    "Program": "vmprof.program.program",
    "parameters_of": "vmprof.program.parameters",
    "read_bytecode": "vmprof.program.reader",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
