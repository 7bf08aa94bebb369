"""Why an event could not be opened, from all that is known of the machine."""

from __future__ import annotations

import errno
import platform
import re
import subprocess
import sys

import pytest
from support.events import events
from support.kernel import FakeKernel, OpenEvent

from vmprof.counters import Encoding, Event, Machine
from vmprof.counters.hardware.permissions import explain, kernel_needed
from vmprof.counters.hardware.pmu import Pmu
from vmprof.counters.reading.group import Opener, Refused
from vmprof.counters.reading.probe import prober

METAL = Machine(paranoid=1, pmus={"cpu": Pmu("cpu", 4, is_core=True)})
GUEST = Machine(paranoid=3, is_virtual=True)
MAY_ALL = frozenset({"CAP_PERFMON"})
ADMIN = MAY_ALL | {"CAP_SYS_ADMIN"}
FILTER = "seccomp filter .* --cap-add PERFMON"
# Podman's, which asks for both.
BOTH = "seccomp filter .* CAP_PERFMON is not enough; .* --cap-add SYS_ADMIN too"
ALONE = "whatever the capabilities; start the container with --security-opt"
CYCLES = events("cycles", METAL)[0]
ENERGY = Event("power/energy-pkg/", (Encoding("power", 22, 2, cpus=(0,)),))


@pytest.mark.parametrize(
    ("code", "machine", "reason"),
    [
        (errno.EACCES, Machine(paranoid=3), "perf_event_paranoid is 3; run: sudo"),
        (errno.EPERM, Machine(paranoid=4, has_seccomp=True), "perf_event_paranoid is 4"),
        (errno.EPERM, Machine(paranoid=1, has_seccomp=True), FILTER),
        # The setting means nothing to who holds the capability.
        (errno.EPERM, Machine(paranoid=4, has_seccomp=True, capabilities=MAY_ALL), BOTH),
        (
            errno.EPERM,
            Machine(has_seccomp=True, capabilities=ADMIN),
            ALONE,
        ),
        (errno.EPERM, Machine(paranoid=4, capabilities=MAY_ALL), "though CAP_PERFMON would allow"),
        # It hides the kernel; user space alone would be counted.
        (errno.EACCES, Machine(paranoid=2), "though kernel.perf_event_paranoid would allow it"),
        (errno.EPERM, Machine(has_seccomp=True), FILTER),
        (errno.ENOENT, GUEST, "this virtual machine has no PMU; .*pmu=on"),
        (errno.ENOENT, Machine(paranoid=1), "found no PMU in this processor"),
        (errno.ENOENT, METAL, "this processor's PMU does not have the event"),
        (errno.EOPNOTSUPP, METAL, "does not have the event"),
        (errno.ENOSYS, Machine(), "without perf events"),
        (errno.ENOSYS, Machine(has_seccomp=True, paranoid=2), FILTER),
        (errno.ENOSYS, METAL, "though this kernel has perf events"),
        (errno.EMFILE, METAL, "ulimit -n"),
        (errno.EINVAL, METAL, "refuses it on cpu, though it was asked for it alone"),
        (errno.EIO, METAL, r"Input/output error \(errno 5\)"),
    ],
)
def test_reasons_and_remedies(code: int, machine: Machine, reason: str) -> None:
    assert re.search(reason, explain(code, CYCLES, machine))


def test_other_events_are_blamed_only_where_there_are_some() -> None:
    assert "together with the other events" in explain(errno.EINVAL, CYCLES, METAL, beside=1)


@pytest.mark.parametrize(
    ("paranoid", "reason"),
    [(1, "run: sudo sysctl kernel.perf_event_paranoid=0"), (0, "would allow it")],
)
def test_whole_processors_take_another_level(paranoid: int, reason: str) -> None:
    assert reason in explain(errno.EACCES, ENERGY, Machine(paranoid=paranoid))


def test_a_software_event_never_blames_the_pmu() -> None:
    assert "PMU" not in explain(errno.ENOENT, events("task-clock")[0], GUEST)
    assert "paranoid 3 hides" in kernel_needed(GUEST)


@pytest.mark.parametrize("name", ["context-switches", "page-faults", "cycles:k"])
def test_what_is_forbidden_altogether_is_not_said_to_be_hidden(
    kernel: FakeKernel, name: str
) -> None:
    kernel.refuse = lambda event: errno.EPERM
    filtered = Machine(paranoid=2, has_seccomp=True, pmus=METAL.pmus)
    with pytest.raises(Refused, match="a seccomp filter"):
        Opener(filtered).open(events(name, filtered))


def test_a_lone_event_blames_no_others(kernel: FakeKernel) -> None:
    def refuse(event: OpenEvent) -> int | None:
        return errno.EINVAL if event.is_hardware else None

    kernel.refuse = refuse
    reason = prober(METAL)(CYCLES)
    assert reason is not None
    assert "other events" not in reason


UNDER_A_FILTER = """
import ctypes, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def instruction(op, jump_true, jump_false, value):
    return struct.pack("HBBI", op, jump_true, jump_false, value)
# load the number of the system call; unless it is perf_event_open's, let it through
program = (
    instruction(0x20, 0, 0, 0)
    + instruction(0x15, 0, 1, {"x86_64": 298, "aarch64": 241}[sys.argv[2]])
    + instruction(0x06, 0, 0, 0x00050000 | int(sys.argv[1]))
    + instruction(0x06, 0, 0, 0x7FFF0000)
)
buffer = ctypes.create_string_buffer(program, len(program))
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_void_p)]
given = Filter(4, ctypes.cast(buffer, ctypes.c_void_p))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(given), 0, 0) == 0

from vmprof.counters import Machine, parse_events
from vmprof.counters.reading.probe import prober
machine = Machine.read()
probe = prober(machine)
for (event,) in parse_events("task-clock,page-faults,context-switches,cpu-migrations", machine):
    print(probe(event))
"""


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EPERM])
def test_a_real_filter(code: int) -> None:
    """As containers have it, whatever it answers."""
    command = [sys.executable, "-c", UNDER_A_FILTER, str(code), platform.machine()]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    reasons = ran.stdout.splitlines()
    assert len(reasons) == 4
    machine = Machine.read()
    if machine.capabilities or machine.paranoid is None or machine.paranoid <= 2:
        assert all(reason.startswith("a seccomp filter") for reason in reasons)
