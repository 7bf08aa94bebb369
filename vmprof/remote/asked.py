"""What is asked of a whole fleet, as plain data: so that a study is completed by nothing else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vmprof.compare.study import Asked
from vmprof.drivers.options import Profiling
from vmprof.errors import VmprofError
from vmprof.program import Program
from vmprof.subject.options import Subject

_DIGITS = 16  # of a digest: to notice that a file is another one


def asked(subject: Subject, profiling: Profiling, engine: str, starts: int, *, key: str) -> Asked:
    """``key`` is that of the servers."""
    about: dict[str, Any] = {
        "model": _source(subject.source, subject.name),
        "key": key,
        "engine": engine,
        "processes": starts,
        **_options(replace(subject, source=None)),
        **_options(profiling),
    }
    del about["source"]
    return Asked(f"{subject.name} on the servers of {key}", about)


def _options(options: Any) -> dict[str, Any]:
    """Of all types of options that it holds, by their names, which are those of keywords."""
    found: dict[str, Any] = {}
    for each in fields(options):
        value = getattr(options, each.name)
        found |= _options(value) if is_dataclass(value) else {each.name: _plain(value)}
    return found


def _source(source: Any, name: str) -> str:
    if isinstance(source, Program):
        source = source.library or source
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return f"{name}, {_digest(path)}" if path.is_file() else str(source)
    script = getattr(source, "script", None)  # of a module of TVM's
    return f"{name}, {_of(script().encode())}" if callable(script) else type(source).__name__


def _plain(value: Any) -> Any:
    """As JSON; arrays and files as what tells them from others, nothing given as None."""
    match value:
        case () | [] | {} if not value:
            return None
        case None | bool() | int() | float():
            return value
        case str():
            return f"{value}, {_digest(Path(value))}" if _is_file(value) else value
        case os.PathLike():
            return _plain(os.fspath(value))
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case Sequence():
            return [_plain(each) for each in value]
    array = value.numpy() if hasattr(value, "numpy") else value
    if isinstance(array, np.ndarray | np.generic):
        shape = ", ".join(map(str, array.shape))
        return f"{array.dtype}[{shape}], {_of(np.ascontiguousarray(array).tobytes())}"
    return str(value)


def _is_file(text: str) -> bool:
    return os.sep in text and Path(text).is_file()


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise VmprofError(f"{path} cannot be read: {error.strerror}") from error
    return f"sha256 {digest.hexdigest()[:_DIGITS]}"


def _of(data: bytes) -> str:
    return f"sha256 {hashlib.sha256(data).hexdigest()[:_DIGITS]}"
