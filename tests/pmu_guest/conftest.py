from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pmu_guest.commands import require
from pmu_guest.guest import Guest, boot
from pmu_guest.host import Host, has_pmu
from pmu_guest.machine import Machine, UnavailableError
from pmu_guest.payload import Toolchain, make_programs, make_vmprof
from pmu_guest.system import System, cached_system

# Where this is set, an emulated machine that cannot be had is a failure.
REQUIRED = "VMPROF_REQUIRE_PMU_GUEST"

_unavailable: set[str] = set()


@contextmanager
def _skipping(*, required: bool) -> Iterator[None]:
    try:
        yield
    except UnavailableError as error:
        if required:
            pytest.fail(f"{error} ({REQUIRED} is set)", pytrace=False)
        _unavailable.add(str(error))
        pytest.skip(str(error))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Once, instead of for each test."""
    for reason in sorted(_unavailable):
        terminalreporter.write_line(f"skipped: {reason}")


@pytest.fixture(scope="session")
def system(progress: Callable[[str], None]) -> System:
    """What the emulated machine is made of; models for it are linked against that."""
    with _skipping(required=bool(os.environ.get(REQUIRED))):
        require("qemu-system-aarch64", "aarch64-linux-gnu-gcc", "cmake", "make")
        return cached_system(progress)


@pytest.fixture(scope="session")
def guest(
    system: System, tmp_path_factory: pytest.TempPathFactory, progress: Callable[[str], None]
) -> Iterator[Guest]:
    """The emulated machine, up from the first test that needs it to the last."""
    share = tmp_path_factory.mktemp("guest") / "share"
    progress("building vmprof and the models for the emulated machine")
    payload = share / "payload"
    payload.mkdir(parents=True)
    make_vmprof(payload, system)
    make_programs(payload, Toolchain.guest(system))
    progress("starting the emulated machine")
    with boot(system, share) as machine:
        yield machine


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """This machine, if its PMU counts."""
    payload = tmp_path_factory.mktemp("host")
    machine = Host(payload)
    with _skipping(required=False):
        make_programs(payload, Toolchain.native())
        tried = machine.run("programs/counted_loop.py", "instructions", "1000").json()
        for reason in tried["refused"].values():
            raise UnavailableError(f"this machine's PMU cannot be used: {reason}")
    return machine


@pytest.fixture(scope="session", params=["guest", *(["host"] if has_pmu() else [])])
def machine(request: pytest.FixtureRequest) -> Machine:
    """Each machine with a PMU that there is."""
    return request.getfixturevalue(request.param)
