"""The command line's grammar: the commands, their options and their help."""

from __future__ import annotations

import argparse
import importlib
import inspect
from collections.abc import Sequence
from typing import Any

from vmprof.cli.usage import Parser
from vmprof.version import __version__

# Modules of this folder. Each command's docstring is its help; the first line stands in the
# overview.
_COMMANDS = {
    "run": "run",
    "annotate": "annotate",
    "record": "record",
    "show": "show",
    "flame": "flame",
    "diff": "diff",
    "validate": "validate",
    "audit": "audit",
    "advise": "advise",
    "models": "models",
    "peaks": "peaks",
    "events": "events",
    "doctor": "doctor",
    "rpc-server": "rpc_server",
    "fleet": "fleet",
    "deploy": "deploy",
    "show-code": "show_code",
    "cache": "cache",
    "completion": "completion",
}

_EPILOG = """\
exit codes:
  0    done
  1    an error, which one line on stderr explains; doctor: no hardware counters
  2    wrong usage
  3    what was asked for is not so: diff --fail-over found something that costs
       more, audit a report that cannot be believed, validate engines that differ;
       run or record --strict did not count an event that --counters names;
       fleet has no report of some server
  4    it cannot be told: diff --fail-over and validate had too few repeats
  5    a signal ended the process that the model ran in: --isolate, --processes
  130  interrupted

vmprof COMMAND --help has the options of a command, and examples.
"""


_DEBUG = "show where in vmprof an error came up, and what TVM said meanwhile"


def make_parser(arguments: Sequence[str] = ()) -> Parser:
    """The parser of the whole command line; ``execute`` of what it gives is the command.

    If ``arguments`` name a command, it knows no other one: what the others need is not loaded.
    """
    parser = Parser(
        prog="vmprof",
        description="Says what each operator of a TVM-compiled model costs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"vmprof {__version__}")
    parser.add_argument(
        "--include", action=_Include, help="print the folder of vmprof_collector.h and exit"
    )
    parser.add_argument("--debug", action="store_true", help=_DEBUG)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    named = next((each for each in arguments if not each.startswith("-")), "")
    for name in [named] if named in _COMMANDS else _COMMANDS:
        module = importlib.import_module(f"vmprof.cli.{_COMMANDS[name]}")
        text = inspect.getdoc(module) or ""
        command = commands.add_parser(
            name,
            help=text.splitlines()[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.add_arguments(command)
        # Before the command or after it, wherever it comes to mind.
        command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=_DEBUG)
        command.set_defaults(execute=module.execute)
    return parser


class _Include(argparse.Action):
    """Prints a folder, as ``--version`` does the version."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, help=help, default=argparse.SUPPRESS)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from vmprof.record.collectors import get_include

        print(get_include())
        parser.exit()
