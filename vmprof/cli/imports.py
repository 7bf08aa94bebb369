"""A package of others that cannot be imported, whatever it raises: said in one line.

What needs TVM, numpy and others is imported when it is first used, so that may be anywhere.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from types import FrameType

_OURS = str(Path(__file__).parents[1])
# What packages are called where they are installed from, unless as they are imported.
_CALLED = {
    "_cffi_backend": "cffi",
    "elftools": "pyelftools",
    "google": "protobuf",
    "tvm": "apache-tvm",
    "tvm_ffi": "apache-tvm-ffi",
    "vmprof": "tvm-vmprof",
}
# How the loader and Python say that there is no room for a library.
_NO_MEMORY = ("failed to map", "cannot allocate memory", "cannot create shared object descriptor")


def failed_import(error: Exception) -> str:
    """What to say of ``error``, if it is of an import that vmprof made; else nothing."""
    name = _failed(error)
    if not name:
        return ""
    reason = _reason(error)
    package = _CALLED.get(name, name)
    remedy = f"install it anew: pip install --force-reinstall {package}"
    if isinstance(error, ModuleNotFoundError) and error.name == name:
        remedy = f"install it: pip install {package}"
    if isinstance(_root(error), MemoryError) or any(w in reason.lower() for w in _NO_MEMORY):
        remedy = "there is too little memory for it (ulimit -v, or the limit of a container)"
    return f"{package} cannot be imported: {reason}; {remedy}"


def _failed(error: Exception) -> str:
    """The package of others whose import by vmprof ended in ``error``; its first name."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [number for number, frame in enumerate(frames) if _is_ours(frame)]
    if not ours:
        return ""
    others = [f for f in frames[ours[-1] + 1 :] if not f.f_code.co_filename.startswith("<frozen")]
    if others:
        # What is imported runs as a module, and may import more; anything else was called.
        modules = [frame for frame in others if frame.f_code.co_name == "<module>"]
        if others[0] not in modules:
            return ""
        return str(modules[-1].f_globals.get("__name__", "")).partition(".")[0]
    if not isinstance(error, ImportError):
        return ""
    # The loader names the library that it could not load, whoever wanted it.
    path = str(error).partition(":")[0]
    library = Path(path).name.partition(".")[0] if path.startswith("/") else ""
    return library if library in _CALLED else (error.name or "").partition(".")[0]


def _is_ours(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_OURS)


def _root(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _reason(error: Exception) -> str:
    """The first line of what is at the bottom of it: packages write pages of advice around it."""
    root = _root(error)
    lines = [line.strip() for line in str(root).splitlines() if line.strip()]
    return ": ".join([type(root).__name__, *lines[:1]])
