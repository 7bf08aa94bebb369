"""What the facts mean for counting, one topic after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from vmprof.counters.doctor.facts import HARDWARE_PROBES, Facts
from vmprof.counters.hardware.permissions import filtered
from vmprof.tested import TESTED, untested

_SETTINGS = ("TVM_NUM_THREADS", "OMP_NUM_THREADS", "TVM_BIND_THREADS")


class Level(Enum):
    """How bad it is: a problem keeps counters away, a warning makes numbers worse or dearer."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis. ``remedy`` is what to do; None if there is nothing to do."""

    topic: str
    level: Level
    text: str
    remedy: str | None = None


def counts_hardware(facts: Facts) -> bool:
    """Whether this process can open hardware counters here."""
    return any(facts.refused[name] is None for name in HARDWARE_PROBES)


def diagnose(facts: Facts) -> list[Finding]:
    """All findings, in the order in which to read them."""
    topics = (
        _counting,
        _pmu,
        _paranoid,
        _seccomp,
        _watchdog,
        _user_reads,
        _smt,
        _governor,
        _isolated,
        _threads,
        _versions,
    )
    return [finding for topic in topics for finding in topic(facts)]


def _counting(facts: Facts) -> Iterator[Finding]:
    topic = "hardware counters"
    if counts_hardware(facts):
        yield Finding(topic, Level.OK, "cycles or instructions can be opened")
        return
    reason = facts.refused["cycles"] if facts.machine.has_pmu else "none: see PMU"
    software = facts.refused["task-clock"] is None
    yield Finding(
        topic,
        Level.PROBLEM,
        str(reason),
        "time and the counter set software work" if software else None,
    )


def _pmu(facts: Facts) -> Iterator[Finding]:
    machine = facts.machine
    processor = machine.processor.model_name or machine.vendor or "unknown processor"
    where = f"{processor}{', virtual machine' if machine.is_virtual else ''}"
    if machine.has_pmu:
        names = ", ".join(pmu.name for pmu in machine.core_pmus)
        yield Finding("PMU", Level.OK, f"{where}: {names}")
        if machine.is_hybrid:
            yield Finding(
                "cores",
                Level.WARNING,
                "there are cores of several kinds; generic events are counted on each and added "
                "up, other events on one kind only",
                "run on one kind: " + " or ".join(_taskset(pmu.cpus) for pmu in machine.core_pmus),
            )
        return
    remedy = (
        "run on bare metal, or give the guest a PMU (QEMU: -cpu host,pmu=on)"
        if machine.is_virtual
        else "see what the kernel found when it started: sudo dmesg | grep -i pmu"
    )
    yield Finding("PMU", Level.PROBLEM, f"{where}: the kernel has no PMU", remedy)


def _paranoid(facts: Facts) -> Iterator[Finding]:
    machine = facts.machine
    topic, level = "permission", machine.paranoid
    if level is None:
        yield Finding(
            topic,
            Level.PROBLEM,
            "there is no kernel.perf_event_paranoid: this kernel has no perf events",
            "use a kernel that was built with CONFIG_PERF_EVENTS",
        )
        return
    setting = f"kernel.perf_event_paranoid is {level}"
    if held := sorted(machine.capabilities):
        yield Finding(topic, Level.OK, f"{setting}, and does not matter: {', '.join(held)}")
        return
    remedy = "on the host: " if machine.has_seccomp else ""
    remedy += _sysctl("kernel.perf_event_paranoid", 1)
    # Debian's and Ubuntu's kernels alone know levels above 2; to others they are 2.
    if level > 2 and facts.refused["task-clock"] is not None:
        yield Finding(topic, Level.PROBLEM, f"{setting}: nothing may be counted", remedy)
    elif level >= 2:
        yield Finding(
            topic,
            Level.WARNING,
            f"{setting}: user space alone is counted, without the kernel's share",
            remedy,
        )
    elif level == 1:
        yield Finding(
            topic, Level.OK, f"{setting}: all but CPU-wide events (energy, memory controllers)"
        )
    else:
        yield Finding(topic, Level.OK, f"{setting}: everything may be counted")


def _seccomp(facts: Facts) -> Iterator[Finding]:
    topic = "seccomp"
    if not facts.machine.has_seccomp:
        yield Finding(topic, Level.OK, "no filter on this process")
    elif facts.refused["task-clock"] is None:
        yield Finding(topic, Level.OK, "a filter (container), which lets perf events through")
    else:
        yield Finding(
            topic,
            Level.PROBLEM,
            "a filter (container), and not even task-clock can be opened",
            filtered(facts.machine).partition("; ")[2],
        )


def _watchdog(facts: Facts) -> Iterator[Finding]:
    topic = "NMI watchdog"
    if facts.machine.nmi_watchdog and facts.machine.has_pmu:
        yield Finding(
            topic,
            Level.WARNING,
            "on: it holds a counter on each processor, so that one event fewer fits into a pass",
            _sysctl("kernel.nmi_watchdog", 0),
        )
    else:
        yield Finding(topic, Level.OK, "holds no counter")


def _user_reads(facts: Facts) -> Iterator[Finding]:
    """Whether a counter's reading costs a system call."""
    topic, machine = "user-space reads", facts.machine
    if not machine.has_pmu:
        return
    if machine.processor.implementer is not None:  # Arm
        if machine.perf_user_access:
            yield Finding(topic, Level.OK, "kernel.perf_user_access is 1")
        elif machine.perf_user_access == 0:
            yield Finding(
                topic,
                Level.WARNING,
                "kernel.perf_user_access is 0: each reading is a system call",
                _sysctl("kernel.perf_user_access", 1),
            )
        else:
            yield Finding(
                topic,
                Level.WARNING,
                "this kernel has no kernel.perf_user_access: each reading is a system call",
                "use Linux 5.17 or later",
            )
        return
    closed = [pmu.name for pmu in machine.core_pmus if pmu.rdpmc == 0]
    if closed:
        paths = " ".join(f"/sys/bus/event_source/devices/{name}/rdpmc" for name in closed)
        yield Finding(
            topic,
            Level.WARNING,
            "rdpmc is forbidden: each reading is a system call",
            f"echo 1 | sudo tee {paths}",
        )
    elif all(pmu.rdpmc is None for pmu in machine.core_pmus):
        yield Finding(topic, Level.WARNING, "the kernel offers none: a reading is a system call")
    else:
        yield Finding(topic, Level.OK, "rdpmc is allowed")


def _smt(facts: Facts) -> Iterator[Finding]:
    topic, machine = "SMT", facts.machine
    if not machine.smt_active:
        yield Finding(topic, Level.OK, "off, or not there")
        return
    remedy = "echo off | sudo tee /sys/devices/system/cpu/smt/control"
    cpu = machine.pmus.get("cpu")
    # Since Ice Lake, which brought the event "slots", threads have eight counters each.
    if machine.vendor == "GenuineIntel" and cpu and "slots" not in cpu.events:
        yield Finding(
            topic,
            Level.WARNING,
            "on: each thread of a core has four general counters instead of eight, and times vary "
            "with what runs on the other one",
            remedy,
        )
    else:
        yield Finding(
            topic, Level.WARNING, "on: times vary with what runs on a core's other thread", remedy
        )


def _governor(facts: Facts) -> Iterator[Finding]:
    topic, governors = "frequency governor", facts.machine.governors
    if not governors:
        yield Finding(topic, Level.OK, "none to be seen; the clock is not in the kernel's hands")
    elif governors == {"performance"}:
        yield Finding(topic, Level.OK, "performance")
    else:
        yield Finding(
            topic,
            Level.WARNING,
            f"{', '.join(sorted(governors))}: the clock changes, and times with it; cycles do not",
            "sudo cpupower frequency-set --governor performance",
        )


def _isolated(facts: Facts) -> Iterator[Finding]:
    topic, isolated = "isolated CPUs", frozenset(facts.machine.isolated_cpus)
    if not isolated:
        yield Finding(topic, Level.OK, "none (isolcpus= in the kernel's command line makes some)")
    elif facts.cpus <= isolated:
        yield Finding(topic, Level.OK, f"this process runs on them: {_listed(facts.cpus)}")
    else:
        yield Finding(
            topic,
            Level.WARNING,
            f"{_listed(isolated)}, and this process runs on others",
            # The kernel does not spread threads over them: one processor, one thread.
            f"for one thread: TVM_NUM_THREADS=1 {_taskset([min(isolated)])} vmprof run ...",
        )


def _threads(facts: Facts) -> Iterator[Finding]:
    topic, cpus = "TVM's threads", len(facts.cpus)
    given = [f"{name}={facts.environment[name]}" for name in _SETTINGS if name in facts.environment]
    text = f"{facts.threads} threads, {cpus} CPUs; {', '.join(given) or 'no setting of TVM is set'}"
    if facts.threads > cpus:
        yield Finding(
            topic,
            Level.WARNING,
            f"{text}: they take turns, and wait for each other",
            f"export TVM_NUM_THREADS={cpus}",
        )
    elif facts.cpus < set(facts.machine.online_cpus) and _binds(facts):
        # SetAffinity in TVM's src/runtime/threading_backend.cc counts from the first processor.
        yield Finding(
            topic,
            Level.WARNING,
            f"{text}: TVM binds threads to processors of its own choice, not to the "
            f"{_listed(facts.cpus)} that this process was given",
            "export TVM_BIND_THREADS=0",
        )
    else:
        yield Finding(topic, Level.OK, text)


def _binds(facts: Facts) -> bool:
    """Whether TVM binds its threads: unless TVM_BIND_THREADS is another number than 1."""
    return facts.environment.get("TVM_BIND_THREADS", "1") == "1"


def _versions(facts: Facts) -> Iterator[Finding]:
    text = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    remedy = "pip install " + " ".join(f"{name}=={tested[0]}" for name, tested in TESTED.items())
    if unknown := untested(facts.versions):
        text = f"{text}: vmprof was not tested with {' and '.join(unknown)}"
        yield Finding("versions", Level.WARNING, text, remedy)
    else:
        yield Finding("versions", Level.OK, f"{text}, as tested")
    topic = "TVM's insides"
    if not facts.failed:
        yield Finding(topic, Level.OK, "as vmprof takes them to be: tried out just now")
    for what, failure in facts.failed.items():
        text = f"vmprof takes for granted that {what}, and {failure}"
        yield Finding(topic, Level.PROBLEM, text, remedy)


def _sysctl(name: str, value: int) -> str:
    return (
        f"sudo sysctl {name}={value}; to keep it: "
        f"echo '{name} = {value}' | sudo tee -a /etc/sysctl.d/99-vmprof.conf"
    )


def _taskset(cpus: Iterable[int]) -> str:
    """Runs a command on ``cpus``; TVM would bind its threads elsewhere."""
    return f"TVM_BIND_THREADS=0 taskset -c {_listed(cpus)}"


def _listed(cpus: Iterable[int]) -> str:
    """``0-3,8``, as taskset takes it."""
    ranges: list[list[int]] = []
    for cpu in sorted(cpus):
        if ranges and cpu == ranges[-1][1] + 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(f"{low}-{high}" if low < high else f"{low}" for low, high in ranges)
