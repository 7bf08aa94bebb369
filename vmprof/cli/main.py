"""``vmprof``: finds the command, runs it, and turns errors into lines and exit codes."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from collections.abc import Sequence

from vmprof.cli import audit, diff, doctor, events, run, show_code
from vmprof.collectors import get_include
from vmprof.errors import VmprofError
from vmprof.version import __version__

# Each command's docstring is its help; the first line stands in the overview.
_COMMANDS = {
    "run": run,
    "diff": diff,
    "audit": audit,
    "events": events,
    "doctor": doctor,
    "show-code": show_code,
}

_INTERRUPTED = 130  # as a shell reports a program that SIGINT ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0 or what the command returned, 1 for an error, 2 for usage."""
    options = _parser().parse_args(arguments)
    code: int | None = None
    try:
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
        _print_error(str(error), error)
        return 1
    except Exception as error:
        # With notes it comes from the model: its own words, and which call it
        # was. Anything else is a defect of vmprof's, and keeps its traceback.
        if not hasattr(error, "__notes__"):
            raise
        _print_error(f"{type(error).__name__}: {str(error).strip()}", error)
        return 1
    return code or 0


def _print_error(message: str, error: BaseException) -> None:
    print(f"vmprof: error: {message}", file=sys.stderr)
    for note in getattr(error, "__notes__", ()):
        print(f"  {note}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vmprof",
        description="Says what each operator of a TVM-compiled model costs.",
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
        command.set_defaults(execute=module.execute)
    return parser
