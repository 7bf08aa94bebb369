"""``vmprof``: finds the command, runs it, and turns errors into lines and exit codes.

Nothing that takes time to load is imported on top: whoever interrupts that gets a line too.
"""

from __future__ import annotations

import os
import sys

from vmprof.cli.interrupts import interrupts

TYPE_CHECKING = False  # what typing.TYPE_CHECKING is, which takes time to load
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def program() -> int:
    """The whole program, in a process of its own: :func:`main`, whose interrupts are one line."""
    try:
        interrupts.arm()
        _replace_closed_streams()
        code = main()
        interrupts.armed = False
    except BaseException as error:
        interrupts.armed = False
        # What passes through native code may come out of it as another exception.
        if not (interrupts.seen or isinstance(error, KeyboardInterrupt)):
            raise
        interrupts.came_as(error)
        code = interrupts.exit_code
    interrupts.ignore()
    if interrupts.seen:
        print(interrupts.line, file=sys.stderr)
        return interrupts.exit_code
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
    except MemoryError as error:
        if debug or interrupts.seen:
            raise
        told = f" ({error})" if str(error) else ""
        print(f"vmprof: error: there is not enough memory{told}", file=sys.stderr)
        return 1
    except Exception as error:
        # With notes it comes from the model: its own words, and which call it
        # was. Anything else is a defect of vmprof's, and keeps its traceback.
        explained = isinstance(error, VmprofError) or hasattr(error, "__notes__")
        if not (debug or interrupts.seen or explained):
            from vmprof.cli.imports import failed_import

            if told := failed_import(error):
                print(f"vmprof: error: {told}", file=sys.stderr)
                return 1
        if debug or interrupts.seen or not explained:
            raise
        from vmprof.cli.lines import error_line

        print(f"vmprof: error: {error_line(error)}", file=sys.stderr)
        return error.exit_code if isinstance(error, VmprofError) else 1


def _execute(options: argparse.Namespace) -> int:
    from vmprof.cli.lines import warnings_as_lines

    with warnings_as_lines():
        return options.execute(options) or 0


def _replace_closed_streams() -> None:
    """Where one was closed (``>&-``), take its number: no file of ours shall end up behind it."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            # The first number that is free; as reading alone, so that `--json -` is refused.
            os.open(os.devnull, os.O_RDONLY)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115


def _replace_what_cannot_be_encoded() -> None:
    """Names of a model may hold what a terminal's encoding does not have."""
    from io import TextIOWrapper

    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")
