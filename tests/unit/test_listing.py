"""vmprof events: what is listed, marked and explained, on recorded machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import machines

from vmprof.counters import Event, Machine
from vmprof.counters.listing import Listing
from vmprof.counters.names.catalogue import known_events
from vmprof.counters.sets import sets_of

Probe = Callable[[Event], str | None]


def anything(event: Event) -> str | None:
    return None


def only_software(event: Event) -> str | None:
    return "no PMU" if event.is_hardware else None


def listing(machine: str, pattern: str = "", probe: Probe = anything) -> Listing:
    sets = sets_of({"XDG_CONFIG_HOME": "/nonexistent"})
    return Listing.of(machines.machine(machine), pattern, sets, probe)


def names(found: Listing) -> list[str]:
    return [event.known.name for event in found.events]


@pytest.mark.parametrize("machine", machines.NAMES)
def test_every_name_that_is_listed_is_understood(machine: str) -> None:
    found = listing(machine, "a")
    # libpfm4 knows the processor that the tests run on, not the recorded one.
    events = [event for event in found.events if event.known.kind != "processor"]
    assert events
    assert [event.refused for event in events] == [None] * len(events)
    json.dumps(found.data())


def test_a_pattern_is_looked_for_in_names_aliases_and_descriptions() -> None:
    assert names(listing("intel-sapphire-rapids", "idle-cycles")) == [
        "stalled-cycles-frontend",
        "stalled-cycles-backend",
    ]
    assert names(listing("intel-sapphire-rapids", "ENERGY")) == [
        "power/energy-pkg/",
        "power/energy-ram/",
    ]
    assert [s.name for s in listing("intel-sapphire-rapids", "joule").sets] == []
    assert [s.name for s in listing("intel-sapphire-rapids", "RAPL").sets] == ["energy"]
    nothing = listing("intel-sapphire-rapids", "xyzzy")
    assert (nothing.events, nothing.sets) == ((), ())


def test_text_marks_each_event_and_gives_each_reason_once() -> None:
    lines = listing("amd-zen5", "cache-", only_software).text().splitlines()
    assert lines[0] == "cpu: generic events"
    assert lines[1].split()[:2] == ["1", "cache-references"]
    assert lines[2].split()[:2] == ["1", "cache-misses"]
    assert lines[lines.index("Not usable here") + 1] == "  1  no PMU"
    assert "  2  " not in "\n".join(lines)


def test_text_of_a_machine_without_a_pmu() -> None:
    text = listing("vm-without-pmu", "", only_software).text()
    assert text.startswith("No hardware events: no PMU\n\n")
    assert "\n  +  task-clock                        nanoseconds on a processor\n" in text


def test_a_machine_with_a_pmu_says_nothing_of_missing_hardware() -> None:
    assert listing("amd-zen5", "cycles").no_hardware is None
    assert "No hardware events" not in listing("amd-zen5", "cycles").text()


def test_sets_show_what_they_would_count_here_or_why_they_cannot() -> None:
    lines = listing("arm-graviton2", "e").text().splitlines()
    sets = lines[lines.index("Counter sets (vmprof run --counters NAME)") :]
    assert sets[
        sets.index("  stalls      Where a core's issue slots, or its cycles, went.") + 1
    ] == ("              Arm, AMD Zen 1 and others: stalled cycles")
    assert (
        "  ipc         Instructions per cycle: how much of the core's width a kernel used." in sets
    )
    data = {entry["name"]: entry for entry in listing("arm-graviton2").data()["sets"]}
    assert data["energy"]["reason"].startswith("the counter set 'energy' has nothing for this")
    assert data["ipc"]["reason"] is None
    assert data["ipc"]["events"] == "{cycles,instructions}"


def test_a_broken_set_of_the_users_does_not_hide_the_others(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("events =")
    found = Listing.of(Machine(), "", {"broken": broken}, anything)
    (entry,) = found.sets
    assert entry.refused is not None
    assert entry.refused.startswith(f"{broken} is no counter set: ")
    assert f"  broken      {broken} is no counter set: " in found.text()


def test_data_has_what_the_text_has() -> None:
    found = listing("amd-zen5", "cpu-cycles", only_software)
    assert found.data()["events"][0] == {
        "name": "cycles",
        "aliases": ["cpu-cycles"],
        "kind": "hardware",
        "pmu": "cpu",
        "description": "cycles of the core at its own speed",
        "usable": False,
        "reason": "no PMU",
    }


def test_without_a_pattern_the_many_are_counted_only() -> None:
    machine = machines.machine("amd-zen5")
    known = list(known_events(machine))
    found = Listing.of(machine, "", {}, anything)
    many = [event for event in known if event.kind in ("tracepoint", "processor")]
    assert len(found.events) + sum(found.unlisted.values()) == len(known)
    assert sum(found.unlisted.values()) == len(many)
