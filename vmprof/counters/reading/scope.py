"""Whose events are counted: which threads, in which way."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vmprof.counters.reading.group import Opener
from vmprof.defaults import SCOPES
from vmprof.errors import VmprofError


@dataclass(frozen=True)
class Scope:
    """Whose work is counted with a call.

    ``tasks``: the calling thread's, and what TVM's workers do in tasks of the call.
    ``inherit``: that of the calling thread and of all that it, or they, start from now
    on. ``process``: that of all threads of the process. ``caller``: the calling thread's.
    """

    name: str = "tasks"

    def __post_init__(self) -> None:
        if self.name not in SCOPES:
            raise VmprofError(f"cannot count {self.name!r}; there are: {', '.join(SCOPES)}")

    @property
    def tasks(self) -> bool:
        return self.name == "tasks"

    def apply(self, opener: Opener) -> Opener:
        """An opener like ``opener`` whose groups count what belongs to this scope now."""
        threads = _other_threads() if self.name == "process" else ()
        inherit = self.name in ("inherit", "process")
        return Opener(opener.machine, opener.user_only, (0, *threads), inherit)

    @property
    def seen(self) -> str:
        """What is counted, for the reader of the report."""
        return {
            "tasks": "of the calling thread and of TVM's workers inside their tasks",
            "inherit": "of the calling thread and of all that is started since, idle or not",
            "process": "of all threads of the process, idle or not",
            "caller": "of the calling thread alone",
        }[self.name]

    @property
    def unseen(self) -> str:
        """What it cannot tell, for the reader of the report."""
        return {
            "tasks": "what other pools do, such as OpenMP's (--count inherit, --count process)",
            "inherit": "what threads did that were there before, and which thread worked",
            "process": "which thread worked, and whether that was for the call",
            "caller": "what other threads did",
        }[self.name]


def _other_threads() -> Sequence[int]:
    """The kernel's numbers of all threads of the process but the calling one."""
    own = threading.get_native_id()
    threads = [int(path.name) for path in Path("/proc/self/task").iterdir()]
    return [thread for thread in threads if thread != own]
