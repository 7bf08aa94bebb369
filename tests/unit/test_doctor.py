"""vmprof doctor: the judgement, on facts that tests make up."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import machines

from vmprof.counters import Machine
from vmprof.counters.doctor import Facts, Finding, Level, counts_hardware, diagnose
from vmprof.counters.doctor.facts import PROBES
from vmprof.counters.hardware.cpuinfo import Processor
from vmprof.counters.hardware.pmu import NamedEvent, Pmu
from vmprof.tested import TESTED

INTEL = Processor(vendor="GenuineIntel", model_name="Intel Xeon", family=6, model=85)
ARM = Processor(vendor="ARM", implementer=0x41, part=0xD0C)
CPU = Pmu("cpu", 4, is_core=True, rdpmc=1)
METAL = Machine(
    processors={0: INTEL},
    paranoid=1,
    online_cpus=(0, 1, 2, 3),
    governors=frozenset({"performance"}),
    pmus={"cpu": CPU},
)
OPENS = dict.fromkeys(PROBES)
REFUSED = dict.fromkeys(PROBES, "not permitted")
NO_HARDWARE = {**OPENS, "cycles": "no PMU here", "instructions": "no PMU here"}


def facts(
    machine: Machine = METAL,
    *,
    refused: dict[str, str | None] = OPENS,
    threads: int = 2,
    cpus: frozenset[int] = frozenset({0, 1, 2, 3}),
    environment: dict[str, str] | None = None,
    **versions: dict[str, str],
) -> Facts:
    return Facts(
        machine=machine,
        refused=refused,
        threads=threads,
        cpus=cpus,
        environment=environment or {},
        **versions,
    )


def finding(given: Facts, topic: str) -> Finding:
    (found,) = [f for f in diagnose(given) if f.topic == topic]
    return found


def judged(given: Facts, topic: str) -> tuple[str, str | None]:
    found = finding(given, topic)
    return f"{found.level.value}: {found.text}", found.remedy


def test_a_well_kept_machine_is_all_ok() -> None:
    findings = diagnose(facts())
    assert {f.level for f in findings} == {Level.OK}
    assert [f.remedy for f in findings] == [None] * len(findings)
    assert [f.topic for f in findings] == [
        "hardware counters",
        "PMU",
        "permission",
        "seccomp",
        "NMI watchdog",
        "user-space reads",
        "SMT",
        "frequency governor",
        "isolated CPUs",
        "TVM's threads",
        "versions",
        "TVM's insides",
    ]
    assert counts_hardware(facts())


def test_one_of_cycles_and_instructions_is_enough() -> None:
    some = facts(refused={**OPENS, "cycles": "no"})
    assert counts_hardware(some)
    assert finding(some, "hardware counters").level is Level.OK


def test_no_pmu() -> None:
    guest = facts(replace(METAL, pmus={}, is_virtual=True), refused=NO_HARDWARE)
    assert not counts_hardware(guest)
    assert judged(guest, "hardware counters") == (
        "problem: none: see PMU",
        "time and the counter set software work",
    )
    assert judged(guest, "PMU") == (
        "problem: Intel Xeon, virtual machine: the kernel has no PMU",
        "run on bare metal, or give the guest a PMU (QEMU: -cpu host,pmu=on)",
    )
    metal = facts(replace(METAL, pmus={}), refused=NO_HARDWARE)
    remedy = "see what the kernel found when it started: sudo dmesg | grep -i pmu"
    assert judged(metal, "PMU")[1] == remedy
    assert "user-space reads" not in [f.topic for f in diagnose(metal)]


def test_a_pmu_that_cannot_be_opened_says_why() -> None:
    assert judged(facts(refused=REFUSED), "hardware counters") == (
        "problem: not permitted",
        None,
    )


SYSCTL = (
    "sudo sysctl kernel.perf_event_paranoid=1; to keep it: "
    "echo 'kernel.perf_event_paranoid = 1' | sudo tee -a /etc/sysctl.d/99-vmprof.conf"
)


@pytest.mark.parametrize(
    ("paranoid", "refused", "judgement", "remedy"),
    [
        (-1, OPENS, "ok: kernel.perf_event_paranoid is -1: everything may be counted", None),
        (
            1,
            OPENS,
            (
                "ok: kernel.perf_event_paranoid is 1: all but CPU-wide events (energy, memory "
                "controllers)"
            ),
            None,
        ),
        (
            2,
            OPENS,
            (
                "warning: kernel.perf_event_paranoid is 2: user space alone is counted, "
                "without the kernel's share"
            ),
            SYSCTL,
        ),
        (
            3,
            OPENS,  # a kernel that knows no level above 2
            (
                "warning: kernel.perf_event_paranoid is 3: user space alone is counted, "
                "without the kernel's share"
            ),
            SYSCTL,
        ),
        (
            4,
            REFUSED,
            "problem: kernel.perf_event_paranoid is 4: nothing may be counted",
            SYSCTL,
        ),
        (
            None,
            REFUSED,
            "problem: there is no kernel.perf_event_paranoid: this kernel has no perf events",
            "use a kernel that was built with CONFIG_PERF_EVENTS",
        ),
    ],
)
def test_permission(
    paranoid: int | None, refused: dict[str, str | None], judgement: str, remedy: str | None
) -> None:
    given = facts(replace(METAL, paranoid=paranoid), refused=refused)
    assert judged(given, "permission") == (judgement, remedy)


def test_capabilities_lift_the_level() -> None:
    machine = replace(METAL, paranoid=4, capabilities=frozenset({"CAP_PERFMON"}))
    assert judged(facts(machine), "permission") == (
        "ok: kernel.perf_event_paranoid is 4, and does not matter: CAP_PERFMON",
        None,
    )


def test_containers() -> None:
    inside = replace(METAL, has_seccomp=True, paranoid=2)
    assert judged(facts(inside), "seccomp") == (
        "ok: a filter (container), which lets perf events through",
        None,
    )
    level, remedy = judged(facts(inside, refused=REFUSED), "seccomp")
    assert level == "problem: a filter (container), and not even task-clock can be opened"
    assert remedy is not None
    assert "--cap-add PERFMON" in remedy
    assert judged(facts(inside), "permission")[1] == f"on the host: {SYSCTL}"


def test_the_watchdog_holds_a_counter() -> None:
    watched = replace(METAL, nmi_watchdog=True)
    level, remedy = judged(facts(watched), "NMI watchdog")
    assert level.startswith("warning: on: it holds a counter")
    assert remedy is not None
    assert remedy.startswith("sudo sysctl kernel.nmi_watchdog=0; ")
    # Without a PMU there is no counter to hold.
    guest = facts(replace(watched, pmus={}), refused=NO_HARDWARE)
    assert judged(guest, "NMI watchdog") == ("ok: holds no counter", None)


@pytest.mark.parametrize(
    ("processor", "setting", "judgement", "remedy"),
    [
        (INTEL, 2, "ok: rdpmc is allowed", None),
        (
            INTEL,
            0,
            "warning: rdpmc is forbidden: each reading is a system call",
            "echo 1 | sudo tee /sys/bus/event_source/devices/cpu/rdpmc",
        ),
        (INTEL, None, "warning: the kernel offers none: a reading is a system call", None),
        (ARM, 1, "ok: kernel.perf_user_access is 1", None),
        (
            ARM,
            0,
            "warning: kernel.perf_user_access is 0: each reading is a system call",
            (
                "sudo sysctl kernel.perf_user_access=1; to keep it: "
                "echo 'kernel.perf_user_access = 1' | sudo tee -a /etc/sysctl.d/99-vmprof.conf"
            ),
        ),
        (
            ARM,
            None,
            "warning: this kernel has no kernel.perf_user_access: each reading is a system call",
            "use Linux 5.17 or later",
        ),
    ],
)
def test_user_space_reads(
    processor: Processor, setting: int | None, judgement: str, remedy: str | None
) -> None:
    machine = replace(
        METAL,
        processors={0: processor},
        perf_user_access=setting,
        pmus={"cpu": replace(CPU, rdpmc=setting)},
    )
    assert judged(facts(machine), "user-space reads") == (judgement, remedy)


def test_smt_halves_counters_on_intel_before_ice_lake() -> None:
    machine = replace(METAL, smt_active=True)
    assert "four general counters instead of eight" in judged(facts(machine), "SMT")[0]
    newer = replace(machine, pmus={"cpu": replace(CPU, events={"slots": NamedEvent("event=0")})})
    amd = replace(machine, processors={0: Processor(vendor="AuthenticAMD")})
    for other in (newer, amd):
        level, remedy = judged(facts(other), "SMT")
        assert level == "warning: on: times vary with what runs on a core's other thread"
        assert remedy == "echo off | sudo tee /sys/devices/system/cpu/smt/control"


def test_governors() -> None:
    mixed = replace(METAL, governors=frozenset({"powersave", "performance"}))
    level, remedy = judged(facts(mixed), "frequency governor")
    assert level.startswith("warning: performance, powersave: the clock changes")
    assert remedy == "sudo cpupower frequency-set --governor performance"
    none = replace(METAL, governors=frozenset())
    assert finding(facts(none), "frequency governor").level is Level.OK


def test_isolated_cpus() -> None:
    machine = replace(METAL, isolated_cpus=(2, 3))
    assert judged(facts(machine), "isolated CPUs") == (
        "warning: 2-3, and this process runs on others",
        "for one thread: TVM_NUM_THREADS=1 TVM_BIND_THREADS=0 taskset -c 2 vmprof run ...",
    )
    inside = facts(machine, cpus=frozenset({3}), threads=1)
    assert judged(inside, "isolated CPUs") == ("ok: this process runs on them: 3", None)


@pytest.mark.parametrize(
    ("threads", "cpus", "environment", "judgement", "remedy"),
    [
        (2, {0, 1, 2, 3}, {}, "ok: 2 threads, 4 CPUs; no setting of TVM is set", None),
        (
            4,
            {0, 1},
            {"TVM_NUM_THREADS": "4"},
            (
                "warning: 4 threads, 2 CPUs; TVM_NUM_THREADS=4: they take turns, and wait for each "
                "other"
            ),
            "export TVM_NUM_THREADS=2",
        ),
        (
            1,
            {0, 2, 3},
            {},
            (
                "warning: 1 threads, 3 CPUs; no setting of TVM is set: TVM binds threads to "
                "processors of its own choice, not to the 0,2-3 that this process was given"
            ),
            "export TVM_BIND_THREADS=0",
        ),
        (
            1,
            {2, 3},
            {"TVM_BIND_THREADS": "0", "OMP_NUM_THREADS": "1"},
            "ok: 1 threads, 2 CPUs; OMP_NUM_THREADS=1, TVM_BIND_THREADS=0",
            None,
        ),
    ],
)
def test_threads_of_tvm(
    threads: int, cpus: set[int], environment: dict[str, str], judgement: str, remedy: str | None
) -> None:
    given = facts(threads=threads, cpus=frozenset(cpus), environment=environment)
    assert judged(given, "TVM's threads") == (judgement, remedy)


def test_versions() -> None:
    tested = {name: versions[0] for name, versions in TESTED.items()}
    remedy = "pip install " + " ".join(f"{name}=={version}" for name, version in tested.items())
    same = facts(versions={"Python": "3.11.7", **tested})
    assert finding(same, "versions").level is Level.OK
    other = facts(versions={"Python": "3.11.7", **tested, "apache-tvm": "0.25"})
    assert judged(other, "versions") == (
        (
            f"warning: Python 3.11.7, apache-tvm 0.25, apache-tvm-ffi {tested['apache-tvm-ffi']}: "
            "vmprof was not tested with apache-tvm 0.25"
        ),
        remedy,
    )
    assert finding(other, "TVM's insides").level is Level.OK
    failed = facts(failed={"cows fly": "they sit"})
    assert judged(failed, "TVM's insides") == (
        "problem: vmprof takes for granted that cows fly, and they sit",
        remedy,
    )


def test_several_kinds_of_core() -> None:
    pmus = {
        name: Pmu(name, kind, cpus=cpus, is_core=True, rdpmc=1)
        for name, kind, cpus in (("cpu_core", 4, (0, 1)), ("cpu_atom", 10, (2, 3)))
    }
    hybrid = facts(replace(METAL, pmus=pmus))
    assert finding(hybrid, "PMU").text == "Intel Xeon: cpu_core, cpu_atom"
    assert finding(hybrid, "cores").remedy == (
        "run on one kind: TVM_BIND_THREADS=0 taskset -c 0-1 or TVM_BIND_THREADS=0 taskset -c 2-3"
    )


@pytest.mark.parametrize("name", machines.NAMES)
@given(some=st.dictionaries(st.sampled_from(PROBES), st.none() | st.just("refused")))
def test_every_recorded_machine_gets_a_judgement(name: str, some: dict[str, str | None]) -> None:
    given = facts(machines.machine(name), refused={**OPENS, **some})
    problems = [f for f in diagnose(given) if f.level is Level.PROBLEM]
    # What keeps the counters away is never kept to itself.
    assert problems if not counts_hardware(given) else True
    assert all(f.remedy for f in diagnose(given) if f.level is Level.WARNING)


def test_the_facts_of_this_machine() -> None:
    allowed = frozenset(os.sched_getaffinity(0))
    gathered = Facts.gather(Machine.read(), lambda event: event.name, {})
    assert gathered.cpus == allowed
    assert gathered.threads >= 1
    assert gathered.refused == {
        "cycles": "perf::CYCLES",
        "instructions": "perf::INSTRUCTIONS",
        "task-clock": "perf::TASK-CLOCK",
        "context-switches": "perf::CONTEXT-SWITCHES",
    }
    assert gathered.versions.keys() == {"Python", "apache-tvm", "apache-tvm-ffi"}
