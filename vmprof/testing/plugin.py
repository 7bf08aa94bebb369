"""What pytest sees: the marker, the fixture and the options of docs/how-to/testing.md."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from vmprof.testing.profiler import Profiler

_UNSURE = ("skip", "warn", "fail")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("vmprof", "per-operator profiles of models (docs/how-to/testing.md)")
    group.addoption(
        "--vmprof-write",
        action="store_true",
        help="write what is measured as the tests' baselines; compare nothing",
    )
    group.addoption(
        "--vmprof-processes",
        type=int,
        metavar="N",
        help="start each model N times (default: what the test says, else 5 if it has a baseline)",
    )
    group.addoption(
        "--vmprof-unsure",
        choices=_UNSURE,
        help="what a test does that cannot be told from chance (default: the ini option)",
    )
    group.addoption(
        "--vmprof-reports",
        metavar="FOLDER",
        help="keep there, of each test, the report and the page of what changed",
    )
    parser.addini("vmprof_unsure", f"one of {', '.join(_UNSURE)}", default=_UNSURE[0])
    parser.addini(
        "vmprof_baselines",
        "folder of the baselines, in that of the ini file (default: vmprof-baselines)",
        default="vmprof-baselines",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "vmprof(fail_over=None, baseline=None, processes=None, column='Duration (us)', "
        "min_share='1%', **options): what the fixture vmprof measures, and when the test fails; "
        "options are keywords of vmprof.profile, such as counters and repeats",
    )
    if config.getini("vmprof_unsure") not in _UNSURE:
        raise pytest.UsageError(f"vmprof_unsure has to be one of {', '.join(_UNSURE)}")
    processes = config.getoption("--vmprof-processes")
    if processes is not None and processes < 1:
        raise pytest.UsageError("--vmprof-processes has to be a number from 1 up")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        marker = item.get_closest_marker("vmprof")
        fixtures = getattr(item, "fixturenames", ())
        if marker and marker.kwargs.get("fail_over") is not None and "vmprof" not in fixtures:
            raise pytest.UsageError(
                f"{item.nodeid}: marked with vmprof(fail_over=...), and takes no fixture vmprof, "
                "which measures"
            )


@pytest.fixture
def vmprof(request: pytest.FixtureRequest) -> Profiler:
    """``vmprof.profile(model, ...)`` measures as the test's marker says, and gives the report."""
    from vmprof.testing.options import Options
    from vmprof.testing.profiler import Profiler

    config, item = request.config, request.node
    marker = item.get_closest_marker("vmprof")
    folder = config.rootpath / config.getini("vmprof_baselines")
    reports = config.getoption("--vmprof-reports")
    return Profiler(
        Options.of(marker.args if marker else (), marker.kwargs if marker else {}),
        name=item.nodeid,
        relative_to=item.path.parent,
        baselines=folder,
        processes=config.getoption("--vmprof-processes"),
        writes=config.getoption("--vmprof-write"),
        reports=None if reports is None else Path(config.invocation_params.dir, reports),
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """The test itself, then the verdict: what it asserts of the report comes first."""
    result = yield
    profiler: Any = getattr(item, "funcargs", {}).get("vmprof")
    # Another plugin, or the tests themselves, may have a fixture of this name.
    if type(profiler).__module__ != "vmprof.testing.profiler":
        return result
    verdict = profiler.verdict()
    if verdict is None:
        return result
    if verdict.is_sure:
        pytest.fail(verdict.text, pytrace=False)
    config = item.config
    unsure = config.getoption("--vmprof-unsure") or config.getini("vmprof_unsure")
    if unsure == "fail":
        pytest.fail(verdict.text, pytrace=False)
    if unsure == "skip":
        pytest.skip(verdict.text)
    from vmprof.errors import VmprofWarning

    warnings.warn(verdict.text, VmprofWarning, stacklevel=1)
    return result
