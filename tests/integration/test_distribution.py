"""The source distribution: complete, and what is built from it works."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Mapping
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest
from support.reports import network
from try_wheel import developers_tools, plain

from vmprof.zoo.importers import _IMPORTERS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]


def run(*command: object, cwd: Path) -> str:
    result = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=500,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def source_distribution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by what is installed: no index is asked."""
    folder = tmp_path_factory.mktemp("distribution")
    build = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", folder, ROOT]
    run(*build, cwd=folder)
    (archive,) = folder.glob("tvm_vmprof-*.tar.gz")
    return archive


def project() -> Mapping[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def in_checkout() -> set[str]:
    """What is there to be built, tested and read; not what came of that."""
    paths = {
        path.relative_to(ROOT)
        for folder in ("benchmarks", "docs", "examples", "native", "tests", "vmprof")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".so")
    }
    top = {
        Path(name)
        for name in ("CMakeLists.txt", "LICENSE", "Makefile", "pyproject.toml", "setup.py")
    }
    pages = {path.relative_to(ROOT) for path in ROOT.glob("*.md")}
    return {str(path) for path in paths | top | pages | {Path("MANIFEST.in")}}


def test_the_source_distribution_is_complete(source_distribution: Path) -> None:
    with tarfile.open(source_distribution) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert "native/recorder.c" in names
    assert in_checkout() - names == set()
    assert {name for name in names if name.endswith((".so", ".pyc"))} == set()


def test_each_extra_is_on_the_page_and_in_an_error() -> None:
    page = (ROOT / "docs/start/install.md").read_text()
    extras = project()["project"]["optional-dependencies"]
    told = re.findall(r"^\| `tvm-vmprof\[(\w+)\]` \|", page, re.MULTILINE)
    assert sorted(told) == sorted(extras)
    code = "".join(path.read_text() for path in (ROOT / "vmprof").rglob("*.py"))
    missing = set(re.findall(r"pip install 'tvm-vmprof\[(\w+)\]'", code))
    missing |= {extra for _, _, extra in _IMPORTERS.values()}
    assert missing == set(extras)


def assert_brings_what_pyproject_says(wheel: Path) -> None:
    """What vmprof needs, the extras, and nothing that developers alone have."""
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    needed = message_from_string(archive.read(name).decode()).get_all("Requires-Dist") or []
    always = {plain(one) for one in needed if "extra ==" not in one}
    assert always == {plain(one) for one in project()["project"]["dependencies"]}
    assert always & developers_tools() == set()
    extras = {plain(one) for one in needed if "extra ==" in one}
    optional = project()["project"]["optional-dependencies"].values()
    assert extras == {plain(one) for extra in optional for one in extra}


@pytest.mark.slow
def test_what_is_built_from_it_works(source_distribution: Path, tmp_path: Path) -> None:
    """In an environment of its own, with the packages of this one behind it."""
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    run(
        *(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", tmp_path),
        source_distribution,
        cwd=tmp_path,
    )
    (wheel,) = tmp_path.glob("*.whl")
    # One for every Python from 3.10 on.
    assert "-cp310-abi3-linux_" in wheel.name
    assert [
        name for name in zipfile.ZipFile(wheel).namelist() if name.endswith((".so", ".py[co]"))
    ] == ["vmprof/_native.abi3.so"]
    assert_brings_what_pyproject_says(wheel)
    venv.create(tmp_path / "venv", symlinks=True, with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    packages = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path
    ).strip()
    run(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps"),
        *("--disable-pip-version-check", wheel),
        cwd=tmp_path,
    )
    # A path alone: what is installed in place there is not followed.
    Path(packages, "behind.pth").write_text(sysconfig.get_path("purelib") + "\n")
    code = (
        "import vmprof.native, vmprof.report.render.html as h; "
        "print(vmprof._native.__file__, h.__file__)"
    )
    for file in run(python, "-c", code, cwd=tmp_path).split():
        assert Path(file).is_relative_to(packages)
    (tmp_path / "report.json").write_text(network().json())
    vmprof = tmp_path / "venv" / "bin" / "vmprof"
    run(vmprof, "show", "report.json", "--html", "report.html", cwd=tmp_path)
    assert (tmp_path / "report.html").read_text() == network().html()
    assert "cycles" in run(vmprof, "events", "cycles", cwd=tmp_path)
