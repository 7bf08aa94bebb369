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

if TYPE_CHECKING:
    from vmprof.counters.doctor import Finding


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json_flag(parser)


def execute(options: argparse.Namespace) -> int:
    # Its native half needs that of TVM, which takes time to load.
    from vmprof.counters import Machine
    from vmprof.counters.doctor import Facts, counts_hardware, diagnose
    from vmprof.counters.reading.probe import prober
    from vmprof.record.probe import trials

    machine = Machine.read()
    failed = {each.what: each.failure for each in trials() if each.failure is not None}
    facts = Facts.gather(machine, prober(machine), failed)
    findings = diagnose(facts)
    works = counts_hardware(facts)
    if options.json:
        data = {"hardware": works, "findings": [_data(f) for f in findings]}
        print_out(json_text.dumps(data, indent=2) + "\n")
    else:
        print_out("".join(f"{_text(finding)}\n" for finding in findings))
    return 0 if works else 1


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
