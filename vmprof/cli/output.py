"""Files that a command writes: nothing of the user's is lost or overwritten."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from vmprof.errors import VmprofError
from vmprof.owned import open_descriptor
from vmprof.whole_file import write_whole

STDOUT = 1
STANDARD_OUTPUT = "-"  # as options name it
_STANDARD = {STDOUT: "/dev/stdout", 2: "/dev/stderr"}
_MOST_LINKS = 40  # as the kernel follows them


class OutputFile:
    """What ``path`` names, to be written at the end of a command and checked at its beginning.

    A file is replaced as a whole or not at all, and only with ``force`` if it exists; pipes and
    devices are written to. ``-``, and whatever names an open file of this process (/dev/stdout,
    /dev/fd/63), is written to as it is open. Raises :class:`VmprofError` at once for what cannot
    be written.
    """

    def __init__(self, path: str, *, force: bool) -> None:
        self._descriptor = _descriptor(path)
        self.shown = "standard output" if path == STANDARD_OUTPUT else path or "''"
        self._force = force
        # Through links, so that a link stays one.
        self.path = Path(os.path.realpath(path))
        try:
            self._status = self._what_is_there(path)
        except OSError as error:
            raise self._failure(str(error.strerror)) from error
        self._check(path)

    @property
    def is_stdout(self) -> bool:
        return self._descriptor == STDOUT or (
            not self.is_file
            and self._status is not None
            and not stat.S_ISCHR(self._status.st_mode)
            and _is_open_as(STDOUT, self._status)
        )

    @property
    def is_file(self) -> bool:
        """Whether it is, or will be, a file in a folder."""
        return self._descriptor is None and (
            self._status is None or stat.S_ISREG(self._status.st_mode)
        )

    def is_same(self, other: OutputFile) -> bool:
        """Whether the text of one would end up in the midst of the other's, or replace it."""
        mine, its = self._status, other._status
        if mine is None or its is None:
            return mine is its and self.path == other.path
        # Terminals and /dev/null take whatever comes; standard output takes one text.
        return os.path.samestat(mine, its) and (
            not stat.S_ISCHR(mine.st_mode) or (self.is_stdout and other.is_stdout)
        )

    def write(self, content: str | bytes) -> None:
        data = _encoded(content) if isinstance(content, str) else content
        try:
            if self._descriptor is not None:
                self._write_open(data, self._descriptor)
            elif self.is_file:
                write_whole(self.path, data, replace=self._force)
            else:
                self.path.write_bytes(data)
        except FileExistsError as error:
            raise self._exists() from error
        except OSError as error:
            raise self._failure(str(error.strerror)) from error

    def _what_is_there(self, path: str) -> os.stat_result | None:
        if self._descriptor is not None:
            return os.fstat(self._descriptor)
        with suppress(FileNotFoundError):
            return Path(path).stat()
        return None

    def _check(self, path: str) -> None:
        if self._descriptor is not None:
            mode = fcntl.fcntl(self._descriptor, fcntl.F_GETFL) & os.O_ACCMODE
            if mode == os.O_RDONLY:
                raise self._failure("it is not open for writing")
        elif self._status is None:
            if path.endswith(os.sep):
                raise self._failure("it is no name of a file")
            self._check_folder()
        else:
            self._check_existing(path, self._status)

    def _check_existing(self, path: str, status: os.stat_result) -> None:
        if stat.S_ISDIR(status.st_mode):
            raise self._failure("it is a folder")
        if stat.S_ISSOCK(status.st_mode) or stat.S_ISBLK(status.st_mode):
            raise self._failure("it is neither a file nor a pipe")
        if self.is_file:
            for descriptor, name in _STANDARD.items():
                if _is_open_as(descriptor, status):
                    raise self._failure(f"{name} goes there; name that instead")
            if not self._force:
                raise self._exists()
            self._check_folder()
        if not os.access(path, os.W_OK):
            raise self._failure("it is write-protected")

    def _check_folder(self) -> None:
        folder = self.path.parent
        if not folder.is_dir():
            raise self._failure(f"there is no folder {folder}")
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass  # permissions alone do not tell: root has them all
        except OSError as error:
            raise self._failure(f"no file can be made in {folder}: {error.strerror}") from error

    def _exists(self) -> VmprofError:
        return VmprofError(f"{self.shown} exists; --force overwrites it")

    def _failure(self, reason: str) -> VmprofError:
        return VmprofError(f"cannot write {self.shown}: {reason}")

    def _write_open(self, data: bytes, descriptor: int) -> None:
        """Behind what Python still holds back, at the place where the open file stands."""
        if descriptor == STDOUT:
            sys.stdout.flush()
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(descriptor, left) :]
        except BrokenPipeError:
            # Whoever reads standard output may have seen enough (head). A pipe of its own
            # is there to take all of it.
            if descriptor != STDOUT:
                raise
            _discard_stdout()


def check_distinct(files: Iterable[OutputFile]) -> None:
    """Refuse two outputs into one file."""
    seen: list[OutputFile] = []
    for file in files:
        if any(map(file.is_same, seen)):
            raise VmprofError(
                f"{file.shown} is given for two outputs; one would overwrite the other"
            )
        seen.append(file)


def print_out(text: str) -> None:
    """Print ``text`` as it is; :class:`VmprofError` if standard output cannot be written.

    Whoever reads may leave early (head, less): that is no error, and no reason to stop.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_stdout()
    except OSError as error:
        _discard_stdout()
        raise VmprofError(f"cannot write standard output: {error.strerror}") from error


def keep_in_temporary(text: str, suffix: str) -> Path:
    """``text`` in a private file in the temporary folder."""
    path = Path(tempfile.gettempdir(), f"vmprof-{secrets.token_hex(8)}{suffix}")
    try:
        with open(path, "xb", opener=partial(os.open, mode=0o600)) as file:
            file.write(_encoded(text))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _encoded(text: str) -> bytes:
    """What UTF-8 cannot hold comes from names that are no UTF-8; JSON has the same escapes."""
    return text.encode("utf-8", "backslashreplace")


def _discard_stdout() -> None:
    """What is left in Python's buffer goes nowhere, or there would be complaints at exit."""
    with open_descriptor(os.devnull, os.O_WRONLY) as nowhere:
        os.dup2(nowhere, STDOUT)


def _descriptor(path: str) -> int | None:
    """The number of the open file that ``path`` names, if it does: 1 of ``-`` or /dev/stdout."""
    if path == STANDARD_OUTPUT:
        return STDOUT
    own = os.path.realpath("/proc/self/fd")
    place = Path(path)
    for _ in range(_MOST_LINKS):
        if place.name.isdecimal() and os.path.realpath(place.parent) == own:
            return int(place.name)
        try:
            place = place.parent / place.readlink()
        except OSError:
            return None
    return None


def _is_open_as(descriptor: int, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), status)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        return False
