from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from container import podman

# Where this is set, a container that cannot be had is a failure.
REQUIRED = "VMPROF_REQUIRE_CONTAINER"
ROOT = Path(__file__).parents[2]
IMAGE = "localhost/vmprof-tried"

_unavailable: set[str] = set()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Once, instead of for each test."""
    for reason in sorted(_unavailable):
        terminalreporter.write_line(f"skipped: {reason}")


@pytest.fixture(scope="session")
def _bases(tmp_path_factory: pytest.TempPathFactory, progress: Callable[[str], None]) -> None:
    """The images that everything starts from."""
    try:
        podman.require()
        progress("installing Debian into an image")
        podman.make_bare_image(tmp_path_factory.mktemp("bare"))
    except (podman.UnavailableError, RuntimeError) as error:
        if os.environ.get(REQUIRED):
            pytest.fail(f"{error} ({REQUIRED} is set)", pytrace=False)
        _unavailable.add(str(error))
        pytest.skip(str(error))
    podman.make_official_image(tmp_path_factory.mktemp("official"))


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""
    folder = tmp_path_factory.mktemp("source")
    build = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    return archive.with_name(archive.name.removesuffix(".tar.gz"))


@pytest.fixture(scope="session")
def image(_bases: None, source: Path, progress: Callable[[str], None]) -> str:
    """What the Dockerfile makes of the source distribution; pip builds that in isolation."""
    progress("building vmprof's image")
    version = f"PYTHON={podman.VERSION}"
    podman.build(ROOT / "Dockerfile", source, IMAGE, "--build-arg", version)
    return IMAGE


@pytest.fixture(scope="session")
def wheels(
    image: str,
    source: Path,
    tmp_path_factory: pytest.TempPathFactory,
    progress: Callable[[str], None],
) -> Path:
    """vmprof's wheel as the Dockerfile built it, all that it needs, pipx and uv."""
    folder = tmp_path_factory.mktemp("wheels")
    version = f"PYTHON={podman.VERSION}"
    podman.build(
        ROOT / "Dockerfile", source, f"{IMAGE}-build", "--build-arg", version, "--target", "build"
    )
    mounted = (f"-v={folder}:/found",)
    podman.run(f"{IMAGE}-build", "sh", "-c", "cp /wheels/*.whl /found", options=mounted)
    progress("downloading what pip will find")
    (wheel,) = folder.glob("*.whl")
    download = f"pip download --quiet --dest /found /found/{wheel.name} pip pipx uv"
    podman.run(podman.OFFICIAL, "sh", "-c", download, options=mounted, network="host")
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder for what a container leaves."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder
