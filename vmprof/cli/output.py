"""Files that a command writes: nothing of the user's is lost or overwritten."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from vmprof.errors import VmprofError


class OutputFile:
    """A file to write at the end of a command, checked at its beginning.

    Raises :class:`VmprofError` at once if it exists (unless ``force``), or
    cannot be written. What exists is replaced as a whole or not at all.
    """

    def __init__(self, path: str, *, force: bool) -> None:
        # Through links, so that a link stays one.
        self.path = Path(path).resolve()
        self._shown = path
        self._force = force
        # A terminal, a pipe, /dev/null: there is nothing to lose.
        self._is_stream = self.path.exists() and not self.path.is_file()
        self._check()

    def write(self, text: str) -> None:
        self.write_bytes(text.encode())

    def write_bytes(self, content: bytes) -> None:
        try:
            if self._is_stream:
                self.path.write_bytes(content)
            elif self._force:
                self._replace(content)
            else:
                self._create(content)
        except FileExistsError as error:
            raise self._exists() from error
        except OSError as error:
            raise VmprofError(f"cannot write {self._shown}: {error.strerror}") from error

    def _check(self) -> None:
        if self.path.is_dir():
            raise VmprofError(f"cannot write {self._shown}: it is a folder")
        if self._is_stream:
            return
        if self.path.exists() and not self._force:
            raise self._exists()
        folder = self.path.parent
        if not folder.is_dir():
            raise VmprofError(f"cannot write {self._shown}: there is no folder {folder}")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise VmprofError(f"cannot write {self._shown}: the folder {folder} is not writable")

    def _exists(self) -> VmprofError:
        return VmprofError(f"{self._shown} exists; --force overwrites it")

    def _create(self, content: bytes) -> None:
        with self.path.open("xb") as file:
            try:
                file.write(content)
                file.flush()
            except BaseException:
                self.path.unlink()
                raise

    def _replace(self, content: bytes) -> None:
        """Through a file beside it, so that the old one stays until the new one is whole."""
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        with beside.open("xb") as file:
            try:
                file.write(content)
                file.flush()
                if self.path.exists():
                    shutil.copymode(self.path, beside)
                beside.replace(self.path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise


def check_distinct(files: Iterable[OutputFile]) -> None:
    """Refuse two outputs into one file."""
    seen: set[Path] = set()
    for file in files:
        if file.path in seen and not file.path.is_char_device():
            raise VmprofError(
                f"{file.path} is given for two outputs; one would overwrite the other"
            )
        seen.add(file.path)
