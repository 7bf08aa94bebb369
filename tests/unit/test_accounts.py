"""Whatever was asked for is counted or refused, once, on any kernel."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.event_lists import SOFTWARE, lists
from support.events import events
from support.kernel import FakeKernel, OpenEvent

from vmprof.counters import Counters, Encoding, Event, Machine, open_counters, parse_events
from vmprof.counters.hardware.pmu import Pmu
from vmprof.report.accounts import LOST, accounted
from vmprof.report.derive import derive
from vmprof.report.model import Report
from vmprof.values import Count, Derived

FOUR = np.array([1, -2, 3.5, 0], "float32")
METAL = Machine(paranoid=1, pmus={"cpu": Pmu("cpu", 4, is_core=True)})
ENERGY = Event("power/energy-pkg/", (Encoding("power", 20, 2, cpus=(0,)),), unit="Joules")

ANY = [*SOFTWARE, "cycles", "instructions", "branches", "cycles:u", "r1c2", "mem:0x10:x"]
ANY += ["mem:0x20:w", "mem:0x30:x", "mem:0x40:x", "mem:0x50:x", "stalled-cycles-backend"]


def check(found: Counters, groups: Sequence[Sequence[Event]]) -> None:
    """Every event of ``groups`` once: in one pass, or with a reason."""
    asked = {event.name for group in groups for event in group}
    counted = [column for one in found.passes for column in one.layout.columns]
    assert len(set(counted)) == len(counted)
    assert set(counted) <= asked
    wide = {column.partition(" (")[0] for column in found.wide.columns}
    assert {*counted, *wide, *found.refused} == asked
    assert not {*counted, *wide} & found.refused.keys()
    assert found.asked.keys() == asked
    for one in found.passes:
        held = {column for source in one.layout.sources for column in source}
        assert held == set(range(len(one.layout.columns)))


OPTIONS = st.fixed_dictionaries({"multiplex": st.booleans()})


@given(
    text=lists(ANY),
    counters=st.integers(0, 4),
    codes=st.dictionaries(
        st.integers(0, 9), st.sampled_from([errno.ENOENT, errno.EMFILE, errno.EPERM]), max_size=4
    ),
    wide=st.booleans(),
    options=OPTIONS,
)
def test_on_any_kernel(
    text: str, counters: int, codes: dict[int, int], wide: bool, options: dict[str, Any]
) -> None:
    def refuse(event: OpenEvent) -> int | None:
        return codes.get(event.config) if event.cpu < 0 else None

    groups = [*parse_events(text, METAL), *([(ENERGY, *events("cycles"))] if wide else [])]
    with FakeKernel(refuse=refuse, counters=counters).installed() as kernel:
        with open_counters(groups, METAL, **options) as found:
            check(found, groups)
        assert kernel.open == {}


@given(text=lists(SOFTWARE), options=OPTIONS)
def test_on_this_machine(text: str, options: dict[str, Any]) -> None:
    machine = Machine.read()
    groups = parse_events(text, machine)
    with open_counters(groups, machine, **options) as found:
        check(found, groups)


def test_what_is_lost_is_said() -> None:
    total = {"Name": "Total", "counted": Count(1), "power/energy-pkg/ (uJ)": Count(2)}
    report = Report((), {"cpu0": total}, {}, {"refused": "why"})
    asked = {name: name for name in ("counted", "refused", "lost")}
    asked["power/energy-pkg/"] = "power/energy-pkg/ (uJ)"
    asked["power/energy-ram/"] = "power/energy-ram/ (uJ)"
    assert accounted(report, asked).missing == {
        "refused": "why",
        "lost": LOST,
        "power/energy-ram/ (uJ)": LOST,
    }


def test_what_rows_alone_have_is_not_lost() -> None:
    """CPU time of a kernel that is long enough, in a run that is too short to tell its own."""
    report = Report(({"Name": "f", "CPUs used": Count(1)},), {"cpu0": {"Name": "Total"}}, {}, {})
    assert accounted(report, {"CPUs used": "CPUs used"}).missing == {}


def test_a_formula_without_any_value_has_a_reason() -> None:
    row = {"Name": "f", "major": Count(0), "minor": Count(0)}
    formula = Derived(
        "Major (%)", "major / (major + minor)", "percent", {"major": "major", "minor": "minor"}
    )
    report = derive(Report((row,), {"cpu0": row | {"Name": "Total"}}, {}, {}), [formula])
    reason = "it has no value in any row: major / (major + minor) would divide by zero there"
    assert report.missing == {"Major (%)": reason}


def test_a_wide_counter_that_cannot_be_read(kernel: FakeKernel) -> None:
    """It opened; its reading fails, in every run."""
    kernel.readings = iter(lambda: errno.EIO, None)
    with open_counters([(ENERGY,)], METAL) as found:
        assert found.wide.read() == [None]
        assert found.wide.never_read([[None], [7]]) == {}
        reasons = found.wide.never_read([[None], [None]])
        assert reasons == {
            "power/energy-pkg/": "its counters opened, and could not be read in any run"
        }


def test_what_calls_alone_have_is_not_lost() -> None:
    """A run can be too short for what its longer calls can tell."""
    report = Report(({"CPUs used": Count(1)},), {"cpu0": {}}, {})
    assert accounted(report, {"CPUs used": "CPUs used"}).missing == {}
    assert accounted(report, {"a": "b"}).missing == {"b": LOST}
