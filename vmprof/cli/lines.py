"""Errors and warnings, a line each."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vmprof.errors import VmprofError, VmprofWarning


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Inside the ``with``, on stderr; other warnings are shown as they were."""
    with warnings.catch_warnings():
        shown_otherwise = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, VmprofWarning):
                print(f"vmprof: warning: {message}", file=sys.stderr)
            else:
                shown_otherwise(message, category, *where, **more)

        warnings.showwarning = show
        yield


def error_line(error: Exception) -> str:
    """Of where in the model it was, the innermost call; ``--debug`` tells the others."""
    if isinstance(error, VmprofError):
        message = error.command_line
    else:
        message = f"{type(error).__name__}: {error}"
    where = "; ".join(getattr(error, "__notes__", ())[:2])
    line = " ".join(message.split())
    return f"{line}{f' ({where})' if where else ''}"
