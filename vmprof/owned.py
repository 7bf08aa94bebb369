"""What has to be given back, made so that at no moment it is nobody's.

Python takes an interrupt wherever a call ends: also behind the one that opened something, before
the next step keeps it. So whatever is opened is owned in the same step, or known before it is made.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import FileIO
from itertools import starmap
from pathlib import Path
from typing import TypeVar

_Made = TypeVar("_Made")
_Owner = TypeVar("_Owner")


def in_one_step(
    own: Callable[[_Made], _Owner], make: Callable[..., _Made], *arguments: object
) -> _Owner:
    """``own(make(*arguments))``: of functions of C, between which no interrupt is taken."""
    return next(map(own, starmap(make, [arguments])))


@contextmanager
def open_descriptor(
    path: str | Path, flags: int, mode: int = 0o666, *, folder: int | None = None
) -> Iterator[int]:
    """What `os.open` opens, in the open ``folder`` if that is given; closed behind the ``with``."""
    opened: list[int] = []
    try:
        in_one_step(opened.append, partial(os.open, dir_fd=folder), path, flags, mode)
        yield opened[0]
    finally:
        if opened:
            os.close(opened[0])


def memory_file(name: str) -> FileIO:
    """A file that exists in memory alone, to be written and read."""
    return in_one_step(partial(FileIO, mode="r+"), os.memfd_create, name)


@contextmanager
def temporary_folder(prefix: str = "vmprof-") -> Iterator[Path]:
    """A folder that nobody else can read; it goes, with all that it holds, behind the ``with``."""
    path = Path(tempfile.gettempdir(), f"{prefix}{secrets.token_hex(6)}")
    try:
        path.mkdir(mode=0o700)
        yield path
    finally:
        # What an interrupt leaves undone is done when it has come.
        try:
            shutil.rmtree(path, ignore_errors=True)
        except KeyboardInterrupt:
            shutil.rmtree(path, ignore_errors=True)
            raise
