"""The file in which perf looks up what was compiled in memory: /tmp/perf-PID.map."""

from __future__ import annotations

import os
import platform
import stat
import time
from functools import partial
from io import BufferedWriter, FileIO
from pathlib import Path

from vmprof.errors import VmprofError
from vmprof.owned import in_one_step
from vmprof.record.in_memory import ModulesInMemory
from vmprof.sampling.maps import MACHINES, modules_in_memory
from vmprof.sampling.memory import mappings

NAME = "Perf map"
# Where perf looks; its own environment variables do not change that.
_FOLDER = Path("/tmp")  # noqa: S108
# Of the fields of /proc/PID/stat behind the name, the time that the process was started.
_STARTED = 19


class PerfMap:
    """The map of this process, which is written when there is something to be named."""

    def __init__(self, folder: Path = _FOLDER) -> None:
        self.path = folder / f"perf-{os.getpid()}.map"
        self._known: dict[tuple[int, int, str], None] = {}

    def write(self, modules: ModulesInMemory) -> None:
        """Add the functions of ``modules`` that were compiled since the last time.

        :class:`VmprofError` if the file is somebody else's, or cannot be written.
        """
        described = modules.described()
        machine = MACHINES.get(platform.machine(), "")
        added: dict[tuple[int, int, str], None] = {}
        for module in modules_in_memory(mappings()) if described else []:
            named = module.compiled.named(module.frames, described, machine)
            for number, name in enumerate(named.names if named is not None else ()):
                if named is not None and name:
                    _, begin, size = named.symbol(number)
                    added[begin, size, name] = None
        lines = [f"{begin:x} {size:x} {name}\n" for begin, size, name in added.keys() - self._known]
        if not lines:
            return
        try:
            with BufferedWriter(_opened(self.path)) as file:
                file.write("".join(sorted(lines)).encode())
        except OSError as error:
            raise VmprofError(f"{self.path} cannot be written: {error.strerror}") from error
        self._known |= added

    def told(self) -> str:
        """For whoever asked for it."""
        if not self._known:
            return "none was written: nothing that is known was compiled in memory"
        return (
            f"{self.path} names {len(self._known):,} functions that were compiled in memory; perf "
            "report reads it, so it stays there: remove it afterwards"
        )


def _opened(path: Path) -> FileIO:
    """``path``, to be appended to: Python writes the same file with ``-X perf``."""
    try:
        if path.lstat().st_mtime < _process_started():
            path.unlink()  # of a process that had the same number
    except FileNotFoundError:
        pass
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    file = in_one_step(partial(FileIO, mode="a"), os.open, path, flags, 0o600)
    found = os.fstat(file.fileno())
    if found.st_uid != os.geteuid() or not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        file.close()
        raise VmprofError(f"{path} is not this process' own; remove it")
    return file


def _process_started() -> float:
    """Seconds since 1970."""
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    since_boot = int(fields[_STARTED]) / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot
