"""Explain this machine: what can be counted, what is in the way, what to do.

Each line is ok, a warning (numbers are worse or cost more than they need), or a
problem (something cannot be counted), with the remedy below. The exit code is 0
if hardware counters can be opened, 1 if not; warnings do not change it.

Examples:
  vmprof doctor
  vmprof doctor --json

"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from vmprof import json_text
from vmprof.cli.output import print_out
from vmprof.cli.results import add_json_flag
from vmprof.remote.options import Where

if TYPE_CHECKING:
    from vmprof.counters.doctor import Finding


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json_flag(parser)
    Where.add_arguments(parser)


def execute(options: argparse.Namespace) -> int:
    where = Where.from_options(options)
    if where:
        with where.connect() as remote:
            found = remote.doctor()
    else:
        from vmprof.drivers.host import diagnosis  # TVM, which takes time to load

        found = diagnosis()
    if options.json:
        data = {"hardware": found.hardware, "findings": [_data(each) for each in found.findings]}
        print_out(json_text.dumps(data, indent=2) + "\n")
    else:
        print_out("".join(f"{_text(each)}\n" for each in found.findings))
    return 0 if found.hardware else 1


def _data(finding: Finding) -> dict[str, str | None]:
    return {
        "topic": finding.topic,
        "level": finding.level.value,
        "text": finding.text,
        "remedy": finding.remedy,
    }


def _text(finding: Finding) -> str:
    line = f"{finding.level.value:<8} {finding.topic}: {finding.text}"
    return line if finding.remedy is None else f"{line}\n{'':<8}   {finding.remedy}"
