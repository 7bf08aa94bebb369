"""Whatever was asked for is in the report, or among its reasons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.event_lists import SOFTWARE, lists
from support.events import events
from support.models import program

import vmprof
from vmprof.counters import Machine
from vmprof.counters.reading.group import Opener, Refused
from vmprof.report.accounts import LOST
from vmprof.values import Count

FOUR = np.array([1, -2, 3.5, 0], "float32")


@pytest.fixture(scope="module")
def _perf() -> None:
    try:
        Opener(Machine()).open(events("task-clock")).close()
    except Refused as refused:
        pytest.skip(str(refused))


@pytest.mark.usefixtures("_perf")
@settings(max_examples=40)
@given(text=lists(SOFTWARE), single_pass=st.booleans())
def test_every_report_accounts_for_what_was_asked(text: str, single_pass: bool) -> None:
    report = vmprof.profile(
        program("nested"), [FOUR], repeats=1, warmup=0, counters=text, single_pass=single_pass
    )
    (total,) = report.device_metrics.values()
    asked = {event.name for event in events(text)}
    assert asked <= total.keys() | report.missing.keys()
    assert LOST not in report.missing.values()
    # A clock that ran has no 0.
    clocks = [total[name] for name in asked & total.keys() if "CLOCK" in name]
    assert all(isinstance(cell, Count) and cell.value > 0 for cell in clocks)
