"""Where vmprof keeps what it made: compiled models, measured peaks."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vmprof.owned import open_descriptor

MODELS, PEAKS = "models", "peaks.json"
LOCK_SUFFIX, UNFINISHED_SUFFIX = ".lock", ".unfinished"

# The files of a model: the library and, by longer names, what is known of it; with a dot before
# it the lock, and all of them while they are written.
_OF_MODEL = re.compile(
    r"\.?(?P<library>(?P<name>[\w.-]+)-(?P<schedule>[a-z]+)-[0-9a-f]{16}\.so)"
    r"(?:\.[\w.]+)?"
)
_OF_PEAKS = re.compile(r"\.?peaks[\w-]*\.json(?:\.\d+)?")


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/vmprof``, else ``~/.cache/vmprof``; it need not exist.

    :class:`OSError` where neither can be told.
    """
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "vmprof"
    try:
        return Path.home() / ".cache" / "vmprof"
    except RuntimeError as error:
        raise FileNotFoundError(errno.ENOENT, "this user has no home folder") from error


@dataclass(frozen=True)
class Kept:
    """Something in the cache: of ``name``, in ``files`` of ``folder``, ``bytes`` together.

    ``schedule`` is that of a compiled model, and ``library`` the name of its file; peaks have
    neither. ``used`` is when, in seconds since 1970.
    """

    name: str
    schedule: str
    folder: Path
    files: tuple[str, ...]
    bytes: int
    used: float
    library: str

    @property
    def is_model(self) -> bool:
        return bool(self.library)


def kept() -> list[Kept]:
    """What vmprof keeps, the largest first. Neither links nor the files of others are among it.

    :class:`OSError` if it cannot be read.
    """
    base = cache_folder()
    found = [*_kept_in(base / MODELS, _OF_MODEL), *_kept_in(base, _OF_PEAKS)]
    return sorted(found, key=lambda each: (not each.is_model, -each.bytes, each.name))


def remove(what: Kept) -> bool:
    """Remove its files; False if a process is using or making it, and it was left alone.

    :class:`OSError` if they cannot be removed.
    """
    # Who waits for the lock shall find no file that is about to go.
    locks = [f".{what.library}{LOCK_SUFFIX}", what.library] if what.library else []
    names = sorted(what.files, key=lambda name: name in locks)
    with _opened(what.folder) as folder, ExitStack() as stack:
        if folder is None:
            return True
        if not all(_taken(name, folder, stack) for name in locks):
            return False
        for name in names:
            with suppress(FileNotFoundError):  # another process was faster
                os.unlink(name, dir_fd=folder)
    return True


def _kept_in(path: Path, pattern: re.Pattern[str]) -> Iterator[Kept]:
    parts: dict[str, list[tuple[str, os.stat_result]]] = {}
    names: dict[str, tuple[str, str]] = {}
    with _opened(path) as folder:
        if folder is None:
            return
        for name in os.listdir(folder):  # noqa: PTH208 # the open folder, which has no path
            match = pattern.fullmatch(name)
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:  # another process removed it meanwhile
                continue
            if match is None or not stat.S_ISREG(status.st_mode):
                continue
            groups = match.groupdict()
            key = groups.get("library", PEAKS)
            names[key] = groups.get("name", "peaks"), groups.get("schedule", "")
            parts.setdefault(key, []).append((name, status))
    for key, files in parts.items():
        yield Kept(
            *names[key],
            path,
            tuple(sorted(name for name, _ in files)),
            sum(status.st_size for _, status in files),
            max(status.st_mtime for _, status in files),
            "" if key == PEAKS else key,
        )


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    """The folder itself, wherever its name leads meanwhile; None if it is none, or a link."""
    with ExitStack() as stack:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        folder: int | None = None
        try:
            folder = stack.enter_context(open_descriptor(path, flags))
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
                raise
        yield folder


def _taken(name: str, folder: int, stack: ExitStack) -> bool:
    """Lock what makers of a model lock, or its users, if nobody else has."""
    try:
        lock = stack.enter_context(
            open_descriptor(name, os.O_RDONLY | os.O_NOFOLLOW, folder=folder)
        )
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
