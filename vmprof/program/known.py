"""What is known of a module that the compiler gave, or that was loaded: noted on the module itself.

TVM's modules say nothing of what was compiled. Python's object for one can: so it is with
the module for as long as that lives, and with no other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vmprof.errors import VmprofWarning
from vmprof.program.info import NOTHING_KNOWN, ModelInfo, read_info

_INFO, _LIBRARY = "_vmprof_info", "_vmprof_library"


def note_info(module: Any, info: ModelInfo) -> None:
    """``info`` is what is known of ``module``."""
    setattr(module, _INFO, info)


def note_library(module: Any, library: str | Path) -> None:
    """``module`` was loaded from ``library``, beside which it may stand."""
    setattr(module, _LIBRARY, Path(library))


def info_of(module: Any) -> ModelInfo:
    """As it was noted. What stands beside a library is read once, when it is first asked for."""
    noted = getattr(module, "__dict__", {})
    info = noted.get(_INFO)
    if isinstance(info, ModelInfo):
        return info
    library = noted.get(_LIBRARY)
    try:
        info = NOTHING_KNOWN if library is None else read_info(library)
    except VmprofWarning:  # a program that makes errors of warnings makes its VM all the same
        info = NOTHING_KNOWN
    note_info(module, info)
    return info
