from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings
from support.kernel import FakeKernel

# No verdict depends on speed, nor on chance: the same examples every time, however long
# each takes. pytest --hypothesis-profile=explore looks for new ones.
settings.register_profile(
    "steady",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    print_blob=True,
)
settings.register_profile("explore", settings.get_profile("steady"), derandomize=False)
settings.load_profile("steady")


_CPUS = os.sched_getaffinity(0)


@pytest.fixture(autouse=True)
def _on_any_cpu() -> None:
    """TVM binds a thread that runs a model to the first CPU: tests at a time would share it."""
    os.sched_setaffinity(0, _CPUS)


@pytest.fixture
def kernel() -> Iterator[FakeKernel]:
    """A kernel to play, in place of this machine's; perf events only."""
    with FakeKernel().installed() as fake:
        yield fake
    assert fake.open == {}, "descriptors leaked"


@pytest.fixture(scope="session")
def progress(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Writes a line to the terminal, of what takes long."""
    reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(step: str) -> None:
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(f"    {step} ...")

    return say


def pytest_configure() -> None:
    os.environ.pop("FORCE_COLOR", None)  # as services that run tests set it
    # In the background a shell has interrupts ignored, here and in what the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--random-programs",
        type=int,
        default=2000,
        metavar="N",
        help="how many random programs both machines are compared on (default: 2000)",
    )
