from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pmu_guest.commands import require
from pmu_guest.guest import Guest, boot
from pmu_guest.host import Host, require_pmu
from pmu_guest.machine import Machine, UnavailableError
from pmu_guest.payload import Toolchain, make_programs, make_vmprof
from pmu_guest.system import cached_system

# Where this is set, an emulated machine that cannot be had is a failure.
REQUIRED = "VMPROF_REQUIRE_PMU_GUEST"


@pytest.fixture(scope="session")
def progress(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Writes a line to the terminal, past pytest's capture."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(step: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n    {step} ...", end="", flush=True)

    return say


@contextmanager
def _skipping(*, required: bool) -> Iterator[None]:
    try:
        yield
    except UnavailableError as error:
        if required:
            pytest.fail(f"{error} ({REQUIRED} is set)", pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def guest(
    tmp_path_factory: pytest.TempPathFactory, progress: Callable[[str], None]
) -> Iterator[Guest]:
    """The emulated machine, up from the first test that needs it to the last."""
    with _skipping(required=bool(os.environ.get(REQUIRED))):
        require("qemu-system-aarch64", "aarch64-linux-gnu-gcc", "cmake", "make")
        system = cached_system(progress)
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
    """This machine, if it has a PMU."""
    with _skipping(required=False):
        require_pmu()
    payload = tmp_path_factory.mktemp("host")
    make_programs(payload, Toolchain.native())
    return Host(payload)


@pytest.fixture(scope="session", params=["guest", "host"])
def machine(request: pytest.FixtureRequest) -> Machine:
    """Each machine with a PMU that there is."""
    return request.getfixturevalue(request.param)
