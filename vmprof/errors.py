"""What vmprof raises when the user, not vmprof, has to do something."""

from __future__ import annotations


class VmprofError(Exception):
    """Something that the message explains: what went wrong, where, what to do.

    The command line prints it as one line, without a traceback.
    """


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
