"""What vmprof raises when the user, not vmprof, has to do something."""

from __future__ import annotations

# The exit code where the process died that a model ran in; commands that judge have 3 and 4.
DIED = 5


class VmprofError(Exception):
    """Something that the message explains: what went wrong, where, what to do.

    ``message`` is in the words of a caller in Python; ``command_line`` is the same in
    those of the command line, which prints it as one line, without a traceback, and ends with
    ``exit_code``.
    """

    exit_code = 1

    def __init__(self, message: str = "", *, command_line: str | None = None) -> None:
        super().__init__(message)
        self.command_line = message if command_line is None else command_line


class RecordsFullError(VmprofError):
    """A run made more calls than its recorder has room for: no fault of the last one."""


class VmprofWarning(UserWarning):
    """Something that the user may want to mend; vmprof goes on without."""


def add_note(error: BaseException, note: str) -> None:
    """``error.add_note(note)``, which Python 3.10 does not have yet.

    Notes say where in the model it was, which of a :class:`RecordsFullError` says nothing.
    """
    if not isinstance(error, RecordsFullError):
        error.__notes__ = [*getattr(error, "__notes__", []), note]
