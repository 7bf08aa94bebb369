"""Machines as /proc and /sys describe them, and what they have names for."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.events import events
from support.machines import NAMES, machine

from vmprof.counters import Machine
from vmprof.counters.hardware.cpuinfo import Processor, parse_cpuinfo
from vmprof.counters.hardware.files import cpu_list
from vmprof.counters.hardware.pmu import Field, NamedEvent
from vmprof.counters.names.catalogue import KnownEvent, known_events


def test_a_xeon() -> None:
    xeon = machine("intel-sapphire-rapids")
    assert xeon.vendor == "GenuineIntel"
    assert xeon.processor == Processor(
        "GenuineIntel", "Intel(R) Xeon(R) Platinum 8480+", family=6, model=143, stepping=8
    )
    assert "arch_perfmon" in xeon.flags
    assert xeon.kernel == (6, 8, 0)
    assert (xeon.paranoid, xeon.perf_user_access) == (2, None)
    assert xeon.nmi_watchdog
    assert xeon.smt_active
    assert not xeon.is_virtual
    assert not xeon.has_seccomp
    assert xeon.capabilities == frozenset()
    assert xeon.governors == {"performance"}
    assert xeon.online_cpus == tuple(range(224))
    assert xeon.isolated_cpus == (2, 3)
    assert set(xeon.pmus) == {
        *("breakpoint", "cpu", "power", "software", "tracepoint", "uncore_imc_0")
    }


def test_a_pmu() -> None:
    cpu = machine("intel-sapphire-rapids").pmus["cpu"]
    assert (cpu.type, cpu.is_core, cpu.cpus, cpu.cpumask, cpu.rdpmc) == (4, True, (), (), 1)
    assert cpu.caps["pmu_name"] == "sapphire_rapids"
    assert cpu.formats["umask"] == Field("config", ((8, 15),))
    assert cpu.formats["frontend"] == Field("config1", ((0, 23),))
    assert cpu.events["slots"] == NamedEvent("event=0x00,umask=0x4")
    event = machine("amd-zen4").pmus["cpu"].formats["event"]
    assert event == Field("config", ((0, 7), (32, 35)))
    assert event.bits == 12


def test_a_cpu_wide_pmu() -> None:
    power = machine("intel-sapphire-rapids").pmus["power"]
    assert not power.is_core
    assert power.cpumask == (0, 56)
    # NAME.scale and NAME.unit are no events.
    assert power.events == {
        "energy-pkg": NamedEvent("event=0x02", 2.0**-32, "Joules"),
        "energy-ram": NamedEvent("event=0x03", 2.0**-32, "Joules"),
    }


@pytest.mark.parametrize(
    ("name", "core_pmus"),
    [
        ("intel-sapphire-rapids", ["cpu"]),
        ("intel-alder-lake", ["cpu_core", "cpu_atom"]),
        ("amd-zen4", ["cpu"]),
        ("amd-zen5", ["cpu"]),
        ("arm-big-little", ["armv8_cortex_a53", "armv8_cortex_a72"]),
        ("arm-graviton2", ["armv8_pmuv3_0"]),
        ("vm-without-pmu", []),
    ],
)
def test_core_pmus(name: str, core_pmus: list[str]) -> None:
    one = machine(name)
    assert [pmu.name for pmu in one.core_pmus] == core_pmus
    assert one.has_pmu == bool(core_pmus)
    assert one.is_hybrid == (len(core_pmus) > 1)


def test_big_little() -> None:
    board = machine("arm-big-little")
    assert board.vendor == "ARM"
    assert [p.part for p in board.processors.values()] == [0xD03] * 4 + [0xD08] * 2
    assert board.processor.implementer == 0x41
    assert board.pmus["armv8_cortex_a72"].cpus == (4, 5)
    assert board.perf_user_access == 0
    assert not board.is_virtual


def test_guests() -> None:
    graviton, bare = machine("arm-graviton2"), machine("vm-without-pmu")
    assert graviton.is_virtual
    assert graviton.has_seccomp
    assert graviton.perf_user_access == 1
    assert bare.is_virtual
    assert bare.capabilities == {"CAP_PERFMON", "CAP_SYS_ADMIN"}


@pytest.mark.parametrize(
    ("files", "is_virtual"),
    [
        ({"class/dmi/id/sys_vendor": "QEMU\n"}, True),
        ({"class/dmi/id/sys_vendor": "Dell Inc.\n"}, False),
        (
            {
                "class/dmi/id/sys_vendor": "Amazon EC2\n",
                "class/dmi/id/product_name": "c7g.metal\n",
            },
            False,
        ),
        ({"firmware/devicetree/base/compatible": "linux,dummy-virt\0"}, True),
    ],
)
def test_guests_on_arm(tmp_path: Path, files: dict[str, str], *, is_virtual: bool) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert Machine.read(tmp_path, tmp_path).is_virtual == is_virtual


def test_nothing_at_all(tmp_path: Path) -> None:
    empty = Machine.read(tmp_path / "none", tmp_path / "none")
    assert empty == Machine(sys=tmp_path / "none")
    assert empty.processor == Processor()
    assert not empty.has_pmu


def test_this_machine() -> None:
    here = Machine.read()
    assert here.kernel >= (3,)
    assert here.online_cpus


def test_processors_of_makers_without_a_name() -> None:
    processors, features = parse_cpuinfo(
        "processor\t: 3\nFeatures\t: fp asimd\nCPU implementer\t: 0x99\nCPU part\t: odd\n\n"
        "Serial\t: 1\n"
    )
    assert processors == {3: Processor("0x99", implementer=0x99)}
    assert features == {"fp", "asimd"}


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("0-2,8\n", (0, 1, 2, 8)), ("5", (5,)), ("\n", ()), ("", ()), ("odd", ())],
)
def test_cpu_lists(text: str, cpus: tuple[int, ...]) -> None:
    assert cpu_list(text) == cpus


# ---- known events --------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_known_name_is_understood(name: str) -> None:
    one = machine(name)
    known = [event for event in known_events(one) if event.kind != "processor"]
    for event in known:
        (parsed,) = events(event.name, one)
        assert ",".join(encoding.pmu for encoding in parsed.encodings) == event.pmu
    assert len({event.name for event in known}) == len(known)


def test_known_events() -> None:
    known = {event.name: event for event in known_events(machine("intel-alder-lake"))}
    assert known["cycles"].pmu == "cpu_core,cpu_atom"
    assert known["cycles"].aliases == ("cpu-cycles",)
    assert known["cpu_core/slots/"] == KnownEvent(
        "cpu_core/slots/", "pmu", "cpu_core", "event=0x00,umask=0x4"
    )
    assert known["power/energy-pkg/"].description == "event=0x02, in Joules"
    xeon = {event.name: event.kind for event in known_events(machine("intel-sapphire-rapids"))}
    assert xeon["sched:sched_switch"] == "tracepoint"


def test_without_a_pmu_only_the_kernels_own_events_are_known() -> None:
    kinds = {event.kind for event in known_events(machine("vm-without-pmu"))}
    assert kinds == {"software", "pmu"}  # msr/tsc/


@pytest.mark.parametrize(
    ("uid_map", "held"),
    [
        ("         0          0 4294967295\n", {"CAP_PERFMON"}),
        ("         0       1000          1\n", set()),  # a rootless container
        ("", {"CAP_PERFMON"}),
    ],
)
def test_capabilities_of_a_user_namespace_open_no_counters(
    tmp_path: Path, uid_map: str, held: set[str]
) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/status").write_text(f"Name:\tpython\nCapEff:\t{1 << 38:016x}\n")
    (tmp_path / "self/uid_map").write_text(uid_map)
    assert Machine.read(tmp_path, tmp_path).capabilities == held
