"""What a user may hand in -> Program."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import tvm
import tvm_ffi

from vmprof.errors import VmprofError
from vmprof.program import Program
from vmprof.progress import Progress, silent

# Anything that load_program takes.
Source = Any


def load_program(source: Source, progress: Progress = silent) -> Program:
    """A program from a model's name, a library's path, or what TVM's compiler returned.

    ``source`` is the name of one of vmprof's models, the path of a library that
    ``export_library`` wrote, a ``tvm.runtime.Executable``, a ``Module`` with a
    Relax executable in it, or a :class:`Program`.
    """
    if isinstance(source, Program):
        return source
    if isinstance(source, tvm.runtime.Executable):
        source = source.jit()
    if isinstance(source, tvm_ffi.Module):
        return Program.of_module(source, "the module")
    if isinstance(source, str | os.PathLike):
        check_source(os.fspath(source))
        return _load_named(os.fspath(source), progress)
    raise VmprofError(
        f"cannot profile a {type(source).__name__}; hand in the path of a library, "
        "what tvm.compile() returned, or the name of a model"
    )


def check_source(name: str) -> None:
    """Fail now, before anything is compiled, if ``name`` can be neither model nor library."""
    from vmprof.models import MODELS  # the compiler half of TVM: not needed to load a library

    if name in MODELS or Path(name).is_file():
        return
    if Path(name).suffix or os.sep in name:
        what = "is a folder" if Path(name).is_dir() else "does not exist"
        raise VmprofError(f"{name} {what}; give a library that TVM's export_library() wrote")
    raise VmprofError(
        f"there is no model {name!r}; there are: {', '.join(MODELS)} "
        "(or give the path of a library, model.so)"
    )


def _load_named(name: str, progress: Progress) -> Program:
    from vmprof.models import MODELS, compile_model

    if name in MODELS:
        progress(f"compiling {name}")
        return Program.of_module(compile_model(name), name)
    progress(f"loading {name}")
    try:
        module = tvm.runtime.load_module(name)
    except Exception as error:  # TVM raises what it likes, down to plain RuntimeError
        reason = str(error).strip().splitlines()[0]
        raise VmprofError(f"{name} is no library that TVM can load: {reason}") from error
    return Program.of_module(module, Path(name).name)
