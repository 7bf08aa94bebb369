"""CPUs that are taken offline, or forbidden, while a model is measured."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from support.reports import network

from vmprof.counters.hardware.activity import Activity, Moment
from vmprof.report.causes import causes_of


def moment(root: Path, online: str, allowed: str) -> Moment:
    for name, content in {
        "sys/devices/system/cpu/online": f"{online}\n",
        "proc/self/status": f"Name:\tpython\nCpus_allowed:\tf\nCpus_allowed_list:\t{allowed}\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return Moment.now(root / "proc", root / "sys")


def test_cpus_that_change_are_told(tmp_path: Path) -> None:
    before, after = moment(tmp_path, "0-3", "0-3"), moment(tmp_path, "0-2", "1")
    assert Activity(before, before).moved == ""
    moved = Activity(before, after).moved
    assert moved == "online 0-3, then 0-2; allowed 0-3, then 1"
    report = replace(network(), provenance={"CPUs changed meanwhile": moved})
    first = causes_of(report, (1.0, 2.0, 3.0))[0]
    assert first.text == f"the CPUs that it may run on changed ({moved})"


def test_of_this_process() -> None:
    allowed = os.sched_getaffinity(0)
    before = Moment.now()
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert bool(Activity(before, Moment.now()).moved) == (len(allowed) > 1)
    finally:
        os.sched_setaffinity(0, allowed)
