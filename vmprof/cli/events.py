"""List what this machine can count, and the counter sets.

PATTERN is part of a name or of a description; with it, tracepoints and names of
the processor's own are listed too. Every event is tried out: it is opened for
this process and closed at once. "+" means that it can be counted; a number
refers to the reason below the list.

Examples:
  vmprof events
  vmprof events cache

"""

from __future__ import annotations

import argparse

from vmprof import json_text
from vmprof.cli.output import STANDARD_OUTPUT, print_out
from vmprof.errors import VmprofError
from vmprof.remote.options import Where
from vmprof.visible import visible


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "pattern", nargs="?", default="", metavar="PATTERN", help="what to look for (default: all)"
    )
    parser.add_argument(
        "--names",
        action="store_true",
        help="print the names alone, of sets and of events, without trying any",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    Where.add_arguments(parser)


def execute(options: argparse.Namespace) -> None:
    if options.json and options.pattern == STANDARD_OUTPUT:
        options.pattern = ""  # it was meant as with the other commands: --json -
    where = Where.from_options(options)
    if where:
        with where.connect() as remote:
            found = remote.events(options.pattern, only_names=options.names)
    else:
        from vmprof.drivers.host import listed  # TVM, which takes time to load

        found = listed(options.pattern, only_names=options.names)
    if options.names:
        print_out("".join(f"{visible(name)}\n" for name in found.names))
    elif options.json:
        print_out(json_text.dumps(found.data, indent=2) + "\n")
    elif not found.names:
        raise VmprofError(f"no event and no counter set has {options.pattern!r} in it")
    else:
        print_out("".join(f"{visible(line)}\n" for line in found.text.split("\n")))
