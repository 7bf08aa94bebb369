"""Say what to look at in a saved report, and what to do about it.

FILE is a report of vmprof's or of TVM's own profiler: JSON, CSV, or a log with
any number of tables; - is standard input. Rules are applied to it, each with
the figures that it rests on and a threshold; a rule whose columns the report does
not have says so, and how to measure them. Rules of your own are TOML files in
~/.config/vmprof/advice, or named by path: docs/how-to/advice.md.

Examples:
  vmprof run resnet18 --metrics --threads --json report.json
  vmprof advise report.json
  vmprof advise report.json --rule not-vectorised --rule mine.toml
  vmprof advise --rules

"""

from __future__ import annotations

import argparse
import shutil
import sys

from vmprof.cli.numbers import positive
from vmprof.cli.output import print_out
from vmprof.cli.results import ABOUT_FILES, Results
from vmprof.compare.readers import read_report
from vmprof.errors import VmprofError
from vmprof.report.advice import advise, load_rules
from vmprof.report.render import advice as rendered

_PIPE_WIDTH = 100  # characters, where there is no terminal whose width could be asked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", help="a saved report, or -")
    parser.add_argument(
        "--report", metavar="NAME", help="the model, if the file has reports of several"
    )
    parser.add_argument(
        "--rule",
        action="append",
        default=[],
        metavar="RULE",
        help="a rule by name or file (mine.toml); repeatable (default: all)",
    )
    parser.add_argument(
        "--top", type=positive, metavar="N", help="of each rule the N cases that weigh most"
    )
    parser.add_argument("--rules", action="store_true", help="list the rules, and apply none")
    where = parser.add_argument_group("where the advice goes, besides the terminal", ABOUT_FILES)
    where.add_argument("--json", metavar="FILE", help="write it as JSON")
    where.add_argument("--force", action="store_true", help="overwrite files that exist")


def execute(options: argparse.Namespace) -> int:
    results = Results(options, ("json",))
    rules = load_rules(options.rule)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH
    if options.rules:
        print_out(rendered.listing(rules, width))
        return 0
    if options.file is None:
        raise VmprofError("name the saved report to advise on, or --rules to list the rules")
    report = read_report(options.file, options.report).report
    advised = advise(report, rules)
    results.deliver(
        {"json": lambda: rendered.to_json(advised)},
        lambda: rendered.text(advised, width, options.top),
    )
    return 0
