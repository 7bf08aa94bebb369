"""Compiled models, kept between runs.

In ``$XDG_CACHE_HOME/vmprof/models``, else ``~/.cache/vmprof/models``: a library
and its kernels per model, under a name that changes with all that decides about
them. Thrown away is what has not been used for a month, or for a day where it
has been superseded, and what was not used for longest where all of it is too
much (:mod:`vmprof.cache_limit`); nothing that a process is using.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import tvm

from vmprof.cache_folder import LOCK_SUFFIX, MODELS, UNFINISHED_SUFFIX, cache_folder
from vmprof.cache_limit import limit, make_room
from vmprof.errors import VmprofWarning
from vmprof.owned import open_descriptor
from vmprof.private import distrust, is_own
from vmprof.program.info import info_path
from vmprof.program.tensor_ir import tensor_ir_path
from vmprof.version import __version__
from vmprof.zoo import layers, lowering, models

# What stands beside a library.
_BESIDE = (info_path, tensor_ir_path)


class NotKeptError(Exception):
    """What was compiled could not be written into the cache."""


def cached_library(
    model: str, schedule: str, made_for: str, make: Callable[[Path], None]
) -> Path | None:
    """The library of ``model``; ``make(path)`` is asked to write it, if it is not there.

    ``made_for`` is the target and what links for it, as text: each has its own.

    None where nothing can be kept: a :class:`VmprofWarning` says why, and what to do.
    """
    most = limit()
    folder: Path | str = "the cache"
    try:
        folder = _folder()
        if folder.is_dir() and (others := distrust(folder)):
            _warn(
                f"what is in {folder} is not run: {others}; the {model} will be compiled every "
                "time; or name another folder with XDG_CACHE_HOME"
            )
            return None
        of_model = f"{model}-{schedule}-{_digest(made_for.encode())}"
        library = folder / f"{of_model}{_digest(*_made_from())}.so"
        if not _is_taken(library):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_room(most, superseded=of_model)
            with _locked(_lock_path(library)):
                # Another process may have made it while this one waited.
                if not _is_taken(library):
                    _make(library, make)
                    _is_taken(library)
            make_room(most, but=library.name)
    except (OSError, NotKeptError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        _warn(
            f"the compiled {model} cannot be kept in {folder}: {reason}; it will be compiled "
            "every time; make room there, or name another folder with XDG_CACHE_HOME"
        )
        return None
    return library


def discard(library: Path, error: Exception) -> None:
    """Leave a library of the cache aside that proved to be damaged, with a warning."""
    _warn(f"{library} cannot be used: {error}; it is made anew")
    with suppress(OSError):
        library.unlink()


def _warn(message: str) -> None:
    warnings.warn(message, VmprofWarning, stacklevel=3)


def _is_there(library: Path) -> bool:
    try:
        return all(map(is_own, (library, *(beside(library) for beside in _BESIDE))))
    except OSError:
        return False


# The libraries that this process uses, open and locked: until it ends, as what is known of their
# kernels may be read at any time.
_used: dict[Path, ExitStack] = {}


def _is_taken(library: Path) -> bool:
    """Whether it is there, and stays: while this process lasts nobody removes it."""
    if not _is_there(library):
        return False
    with suppress(FileNotFoundError), ExitStack() as stack:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        file = stack.enter_context(open_descriptor(library, flags))
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_SH)
        # Whoever removed it meanwhile had it locked, too.
        if not _is_there(library) or not os.path.samestat(os.fstat(file), library.stat()):
            return False
        with suppress(OSError):  # another user's, which may be read all the same
            os.utime(library)
        with _used.pop(library, ExitStack()):
            _used[library] = stack.pop_all()
        return True
    return False


def _make(library: Path, make: Callable[[Path], None]) -> None:
    """Have it made beside its place, so that what is there is always whole."""
    unfinished = library.with_name(f".{library.name}{UNFINISHED_SUFFIX}")
    try:
        make(unfinished)
        for beside in _BESIDE:
            beside(unfinished).replace(beside(library))
        unfinished.replace(library)
    finally:
        unfinished.unlink(missing_ok=True)
        for beside in _BESIDE:
            beside(unfinished).unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time."""
    while True:
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Who clears the cache may have removed it before: somebody else has the next one.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    yield
                    return


def _lock_path(library: Path) -> Path:
    return library.with_name(f".{library.name}{LOCK_SUFFIX}")


def _folder() -> Path:
    return cache_folder() / MODELS


def _digest(*parts: bytes) -> str:
    digest = hashlib.blake2b(digest_size=4)
    for part in parts:
        digest.update(part + b"\n")
    return digest.hexdigest()


def _made_from() -> Iterator[bytes]:
    """All that decides what a model's library holds, besides its name and what it is made for."""
    yield __version__.encode()
    yield tvm.__version__.encode()
    for source in _sources():
        yield source.read_bytes()


def _sources() -> Iterator[Path]:
    """The code that makes the models."""
    for package in (models, lowering):
        for folder in package.__path__:
            yield from sorted(Path(folder).glob("*.py"))
    yield from sorted(Path(__file__).parent.glob("*.py"))
    yield Path(layers.__file__)
