"""``vmprof``: finds the command, runs it, and turns errors into lines and exit codes."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from vmprof.cli import (
    audit,
    completion,
    diff,
    doctor,
    events,
    models,
    peaks,
    record,
    run,
    show,
    show_code,
    validate,
)
from vmprof.collectors import get_include
from vmprof.errors import VmprofError, VmprofWarning
from vmprof.version import __version__

# Each command's docstring is its help; the first line stands in the overview.
_COMMANDS = {
    "run": run,
    "record": record,
    "show": show,
    "diff": diff,
    "validate": validate,
    "audit": audit,
    "models": models,
    "peaks": peaks,
    "events": events,
    "doctor": doctor,
    "show-code": show_code,
    "completion": completion,
}

_EPILOG = """\
exit codes:
  0    done
  1    an error, which one line on stderr explains; doctor: no hardware counters
  2    wrong usage
  3    what was asked for is not so: diff --fail-over found something that costs
       more, audit a report that cannot be believed, validate engines that differ
  130  interrupted

vmprof COMMAND --help has the options of a command, and examples.
"""

_INTERRUPTED = 130  # as a shell reports a program that SIGINT ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0 or what the command returned, 1 for an error, 2 for usage."""
    options = make_parser().parse_args(arguments)
    code: int | None = None
    try:
        with _warnings_as_lines():
            code = options.execute(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has seen enough (head, less). What is left in the buffer
        # goes nowhere, or Python would complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("vmprof: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except VmprofError as error:
        if options.debug:
            raise
        _print_error(str(error), error)
        return 1
    except Exception as error:
        # With notes it comes from the model: its own words, and which call it
        # was. Anything else is a defect of vmprof's, and keeps its traceback.
        if options.debug or not hasattr(error, "__notes__"):
            raise
        _print_error(f"{type(error).__name__}: {str(error).strip()}", error)
        return 1
    return code or 0


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """What vmprof warns of is one line each, as errors are."""
    with warnings.catch_warnings():
        shown_otherwise = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, VmprofWarning):
                print(f"vmprof: warning: {message}", file=sys.stderr)
            else:
                shown_otherwise(message, category, *where, **more)

        warnings.showwarning = show
        yield


def _print_error(message: str, error: BaseException) -> None:
    print(f"vmprof: error: {message}", file=sys.stderr)
    for note in getattr(error, "__notes__", ()):
        print(f"  {note}", file=sys.stderr)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="vmprof",
        description="Says what each operator of a TVM-compiled model costs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"vmprof {__version__}")
    parser.add_argument(
        "--include",
        action="version",
        version=get_include(),
        help="print the folder of vmprof_collector.h and exit",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, module in _COMMANDS.items():
        text = inspect.getdoc(module) or ""
        command = commands.add_parser(
            name,
            help=text.splitlines()[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.add_arguments(command)
        command.add_argument(
            "--debug", action="store_true", help="show where in vmprof an error came up"
        )
        command.set_defaults(execute=module.execute)
    return parser
