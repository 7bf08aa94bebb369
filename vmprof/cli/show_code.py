"""Print the bytecode of a model: parameters, instructions, constants.

MODEL is as for vmprof run. The instructions are printed as TVM's
Executable.as_text() does.

Examples:
  vmprof show-code mlp
  vmprof show-code model.so

"""

from __future__ import annotations

import argparse

from vmprof.cli.output import print_out
from vmprof.visible import visible


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", metavar="MODEL", help="a model's name, or a file: model.so, .onnx, .pt2"
    )


def execute(options: argparse.Namespace) -> None:
    # TVM, which takes time to load.
    from vmprof.subject.listing import code_listing
    from vmprof.subject.load import load_program

    for line in code_listing(load_program(options.model, entry=None)).splitlines():
        print_out("\t".join(map(visible, line.split("\t"))) + "\n")
