"""Compiled models are made once, kept whole, and thrown away when nobody uses them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import tvm

from vmprof import VmprofError
from vmprof.compiler.cache import cached_library
from vmprof.program.info import NOTHING_KNOWN, info_path, read_info, write_info

DAY = 86_400
TARGET = tvm.target.Target("llvm")


class Maker:
    """Writes a library that says how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, library: Path) -> None:
        self.calls += 1
        library.write_text(f"library {self.calls}")
        write_info(NOTHING_KNOWN, library)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "vmprof" / "models"


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if not file.name.endswith(".lock")}


def test_made_once(folder: Path) -> None:
    make = Maker()
    first = cached_library("mlp", "cpu", TARGET, make)
    assert first.parent == folder
    assert first.read_text() == "library 1"
    assert cached_library("mlp", "cpu", TARGET, make) == first
    assert make.calls == 1
    # The kernels belong to it, or there would be a warning.
    assert read_info(first) == NOTHING_KNOWN
    assert names(folder) == {first.name, info_path(first).name}


def test_another_model_schedule_or_target_is_another_library(folder: Path) -> None:
    make = Maker()
    other_target = tvm.target.Target({"kind": "llvm", "mtriple": "aarch64-linux-gnu"})
    libraries = {
        cached_library("mlp", "cpu", TARGET, make),
        cached_library("mlp", "none", TARGET, make),
        cached_library("dcgan", "cpu", TARGET, make),
        cached_library("mlp", "cpu", other_target, make),
    }
    assert len(libraries) == make.calls == 4


def test_a_library_without_its_kernels_is_made_again(folder: Path) -> None:
    make = Maker()
    library = cached_library("mlp", "cpu", TARGET, make)
    info_path(library).unlink()
    assert cached_library("mlp", "cpu", TARGET, make).read_text() == "library 2"


def test_what_fails_leaves_nothing(folder: Path) -> None:
    def fail(library: Path) -> None:
        library.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_library("mlp", "cpu", TARGET, fail)
    assert names(folder) == set()


def test_what_nobody_uses_is_thrown_away(folder: Path) -> None:
    make = Maker()
    folder.mkdir(parents=True)
    ages = {"mlp-cpu-1.so": 2, "mlp-cpu-2.so": 0.5, "vgg11-cpu-1.so": 2, "vgg16-cpu-1.so": 31}
    for name, days in ages.items():
        make(folder / name)
        then = time.time() - days * DAY
        os.utime(folder / name, (then, then))
    made = cached_library("mlp", "cpu", TARGET, make)
    kept = {"mlp-cpu-2.so", "vgg11-cpu-1.so", made.name}
    assert names(folder) == kept | {f"{name}.vmprof.json" for name in kept}


def test_a_folder_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(VmprofError, match="name another folder with XDG_CACHE_HOME"):
        cached_library("mlp", "cpu", TARGET, Maker())
