"""List the models that vmprof brings along.

They are the networks of TVM's own reference reports, at the same sizes, with
random weights from a fixed seed. FLOPs are those of convolutions and dense
layers, two for each product that is added up.

Examples:
  vmprof models
  vmprof models --names

"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from tabulate import tabulate

from vmprof import json_text
from vmprof.cli.output import print_out
from vmprof.cli.results import add_json_flag
from vmprof.defaults import MODEL_NAMES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--names", action="store_true", help="print their names alone")
    add_json_flag(parser)


def execute(options: argparse.Namespace) -> None:
    if options.names:
        print_out("".join(f"{name}\n" for name in MODEL_NAMES))
        return
    # The compiler half of TVM, which the other commands go without.
    from vmprof.zoo.models import MODELS
    from vmprof.zoo.models.summary import summarize

    summaries = [*map(summarize, MODELS)]
    if options.json:
        print_out(json_text.dumps([*map(asdict, summaries)], indent=2) + "\n")
        return
    rows = [(one.name, f"{one.parameters:,}", f"{one.flops:,}", one.input) for one in summaries]
    headers = ("Model", "Parameters", "FLOPs", "Input")
    alignment = ("left", "right", "right", "left")
    table = tabulate(rows, headers, "plain", disable_numparse=True, colalign=alignment)
    print_out(f"{table}\n")
