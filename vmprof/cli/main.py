"""``vmprof``: finds the command, runs it, and turns errors into lines and exit codes.

Nothing that takes time to load is imported on top: whoever interrupts that gets a line too.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

_INTERRUPTED = 130  # as a shell reports a program that SIGINT ended


def program() -> int:
    """The whole program, in a process of its own: :func:`main`, whose interrupts are one line."""
    try:
        # Started in the background, where a shell has it ignored, it stays ignored.
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, _interrupts.raise_interrupt)
        sys.unraisablehook = _interrupts.raise_again
        _replace_closed_streams()
        code = main()
        _interrupts.armed = False
    except BaseException as error:
        _interrupts.armed = False
        # What passes through native code may come out of it as another exception.
        if not (_interrupts.seen or isinstance(error, KeyboardInterrupt)):
            raise
        code = _INTERRUPTED
    # Nothing is left to do that could be interrupted.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if code == _INTERRUPTED or _interrupts.seen:
        print("vmprof: interrupted", file=sys.stderr)
        return _INTERRUPTED
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0 or what the command returned, an error's, 2 for usage."""
    from vmprof.cli.output import print_out
    from vmprof.cli.parser import make_parser
    from vmprof.errors import VmprofError

    _replace_what_cannot_be_encoded()
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = False
    try:
        try:
            options = make_parser(arguments).parse_args(arguments)
        except SystemExit:
            print_out("")  # what --help printed is still to be written
            raise
        debug = options.debug
        if debug:
            import logging

            from vmprof.native_log import LOGGER

            logging.basicConfig(format="%(name)s: %(message)s")
            LOGGER.setLevel(logging.DEBUG)
        return _execute(options)
    except Exception as error:
        # With notes it comes from the model: its own words, and which call it
        # was. Anything else is a defect of vmprof's, and keeps its traceback.
        explained = isinstance(error, VmprofError) or hasattr(error, "__notes__")
        if debug or _interrupts.seen or not explained:
            raise
        _print_error(error)
        return error.exit_code if isinstance(error, VmprofError) else 1


class _Interrupts:
    """What becomes of SIGINT: it is never taken for an error, nor lost."""

    def __init__(self) -> None:
        self.armed = True
        self.seen = False

    def raise_interrupt(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.armed:
            self.seen = True
            raise KeyboardInterrupt

    def raise_again(self, unraisable: sys.UnraisableHookArgs) -> None:
        """What came up in a finalizer, where Python would print it and go on."""
        if self.seen:
            # Not here: what is raised here is ignored too.
            signal.signal(signal.SIGALRM, self.raise_interrupt)
            signal.setitimer(signal.ITIMER_REAL, 0.01)
        else:
            sys.__unraisablehook__(unraisable)


_interrupts = _Interrupts()


def _execute(options: argparse.Namespace) -> int:
    """The command; what vmprof warns of on the way is one line each, as errors are."""
    import warnings

    from vmprof.errors import VmprofWarning

    with warnings.catch_warnings():
        shown_otherwise = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, VmprofWarning):
                print(f"vmprof: warning: {message}", file=sys.stderr)
            else:
                shown_otherwise(message, category, *where, **more)

        warnings.showwarning = show
        return options.execute(options) or 0


def _print_error(error: Exception) -> None:
    """One line. Of where in the model it was, the innermost call; ``--debug`` tells the others."""
    from vmprof.errors import VmprofError

    if isinstance(error, VmprofError):
        message = error.command_line
    else:
        message = f"{type(error).__name__}: {error}"
    where = "; ".join(getattr(error, "__notes__", ())[:2])
    line = " ".join(message.split())
    print(f"vmprof: error: {line}{f' ({where})' if where else ''}", file=sys.stderr)


def _replace_closed_streams() -> None:
    """Where one was closed (``>&-``), take its number: no file of ours shall end up behind it."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            # The first number that is free; as reading alone, so that `--json -` is refused.
            os.open(os.devnull, os.O_RDONLY)
            stream = Path(os.devnull).open("r" if name == "stdin" else "w")  # noqa: SIM115
            setattr(sys, name, stream)


def _replace_what_cannot_be_encoded() -> None:
    """Names of a model may hold what a terminal's encoding does not have."""
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")
