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
import json

from vmprof.counters import Machine
from vmprof.counters.doctor import Facts, Finding, counts_hardware, diagnose
from vmprof.counters.probe import prober


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(options: argparse.Namespace) -> int:
    machine = Machine.read()
    facts = Facts.gather(machine, prober(machine))
    findings = diagnose(facts)
    works = counts_hardware(facts)
    if options.json:
        print(json.dumps({"hardware": works, "findings": [_data(f) for f in findings]}, indent=2))
    else:
        print("\n".join(_text(finding) for finding in findings))
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
