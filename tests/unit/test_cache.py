"""Compiled models are made once, kept whole, and thrown away when nobody uses them."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from vmprof import VmprofError, VmprofWarning
from vmprof.program.info import NOTHING_KNOWN, ModelInfo, info_path, read_info, write_info
from vmprof.program.tensor_ir import read_tensor_ir, tensor_ir_path
from vmprof.zoo.compiler.cache import NotKeptError, cached_library
from vmprof.zoo.peaks import Peaks, cached_peaks, keep_peaks
from vmprof.zoo.peaks.model import Level, Rate

DAY = 86_400
TARGET = '{"kind": "llvm"}'


class Maker:
    """Writes a library that says how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, library: Path) -> None:
        self.calls += 1
        library.write_text(f"library {self.calls}")
        write_info(ModelInfo(tensor_ir=f"# kernel {self.calls}\n"), library)


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
    assert read_tensor_ir(first) == "# kernel 1\n"
    assert names(folder) == {first.name, info_path(first).name, tensor_ir_path(first).name}


def test_another_model_schedule_or_target_is_another_library(folder: Path) -> None:
    make = Maker()
    other_target = '{"kind": "llvm", "mtriple": "aarch64-linux-gnu"}'
    libraries = {
        cached_library("mlp", "cpu", TARGET, make),
        cached_library("mlp", "none", TARGET, make),
        cached_library("dcgan", "cpu", TARGET, make),
        cached_library("mlp", "cpu", other_target, make),
    }
    assert len(libraries) == make.calls == 4


@pytest.mark.parametrize("beside", [info_path, tensor_ir_path])
def test_a_library_without_its_kernels_is_made_again(
    folder: Path, beside: Callable[[Path], Path]
) -> None:
    make = Maker()
    library = cached_library("mlp", "cpu", TARGET, make)
    beside(library).unlink()
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
    of_target = cached_library("mlp", "cpu", TARGET, make).stem[:-8]  # what is not of its code
    ages = {
        f"{of_target}1.so": 2,
        f"{of_target}2.so": 0.5,
        "mlp-cpu-of-another-target.so": 2,
        "vgg11-cpu-1.so": 2,
        "vgg16-cpu-1.so": 31,
    }
    for file in folder.iterdir():
        file.unlink()
    for name, days in ages.items():
        make(folder / name)
        then = time.time() - days * DAY
        os.utime(folder / name, (then, then))
    made = cached_library("mlp", "cpu", TARGET, make)
    kept = {f"{of_target}2.so", "mlp-cpu-of-another-target.so", "vgg11-cpu-1.so", made.name}
    beside = {f"{name}.vmprof.{kind}" for name in kept for kind in ("json", "tir")}
    assert names(folder) == kept | beside


def unusable(folder: Path) -> Iterator[str]:
    """Ways in which a cache can fail, one after the other."""
    folder.parent.write_text("a file")
    yield "Not a directory"
    folder.parent.unlink()
    folder.parent.mkdir()
    folder.write_text("a file")
    yield "File exists"
    folder.unlink()
    folder.symlink_to(folder)
    yield "File exists"
    folder.unlink()
    folder.symlink_to("/proc")
    yield "No such file or directory"


def test_a_folder_that_cannot_be_used_is_a_warning(folder: Path) -> None:
    make = Maker()
    for reason in unusable(folder):
        message = f"^the compiled mlp cannot be kept in {folder}: {reason}; .*XDG_CACHE_HOME"
        with pytest.warns(VmprofWarning, match=message):
            assert cached_library("mlp", "cpu", TARGET, make) is None
    assert make.calls == 0


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(_: type[Path]) -> Path:
        raise RuntimeError("Could not determine home directory.")  # as pathlib does

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", classmethod(nowhere))
    make = Maker()
    with pytest.warns(VmprofWarning, match="cannot be kept in the cache: this user has no home"):
        assert cached_library("mlp", "cpu", TARGET, make) is None
    assert cached_peaks(1) is None
    rate = Rate(2.0, 2.0, settled=True)
    with pytest.raises(VmprofError, match="cannot keep the peaks in the cache: this user has no"):
        keep_peaks(Peaks(1, rate, (Level("memory", None, rate),)))


def test_what_cannot_be_written_is_a_warning(folder: Path) -> None:
    def fail(library: Path) -> None:
        library.write_text("half")
        raise NotKeptError("ld: final link failed: No space left on device")

    with pytest.warns(VmprofWarning, match="cannot be kept in .*: ld: final link failed: No space"):
        assert cached_library("mlp", "cpu", TARGET, fail) is None
    assert names(folder) == set()


def test_another_users_cache_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there is used, though it can be neither touched nor thrown away."""
    make = Maker()
    library = cached_library("mlp", "cpu", TARGET, make)
    make(folder / "mlp-cpu-old.so")
    os.utime(folder / "mlp-cpu-old.so", (0, 0))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")  # root is refused nothing

    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    assert cached_library("mlp", "cpu", TARGET, make) == library
    assert (folder / "mlp-cpu-old.so").exists()
    assert make.calls == 2


def others_can_write(folder: Path) -> str:
    folder.chmod(0o770)
    return f"others can write to it; run: chmod go-w {folder}"


def everybody_can_write_above(folder: Path) -> str:
    folder.parent.chmod(0o777)
    return f"everybody can write to {folder.parent}"


def belongs_to_another(folder: Path) -> str:
    os.chown(folder, 12345, 12345)
    return rf"{folder} belongs to another user \(number 12345\)"


@pytest.mark.parametrize("spoil", [others_can_write, everybody_can_write_above, belongs_to_another])
def test_what_others_may_have_put_there_is_not_run(
    folder: Path, spoil: Callable[[Path], str]
) -> None:
    if spoil is belongs_to_another and os.geteuid() != 0:
        pytest.skip("only root can give files away")
    make = Maker()
    cached_library("mlp", "cpu", TARGET, make)
    with pytest.warns(VmprofWarning, match=f"^what is in {folder} is not run: {spoil(folder)}"):
        assert cached_library("mlp", "cpu", TARGET, make) is None
    assert make.calls == 1


def test_the_folder_is_this_users_alone(folder: Path) -> None:
    cached_library("mlp", "cpu", TARGET, Maker())
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_is_not_followed(folder: Path) -> None:
    """What it leads to may be anybody's."""
    make = Maker()
    library = cached_library("mlp", "cpu", TARGET, make)
    assert library is not None
    elsewhere = folder.parent / "elsewhere.so"
    library.rename(elsewhere)
    library.symlink_to(elsewhere)
    assert cached_library("mlp", "cpu", TARGET, make) == library
    assert make.calls == 2
    assert not library.is_symlink()


def test_a_lock_that_is_removed_while_one_waits_for_it_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who holds it then would not be alone: the next one makes a new file of that name."""
    taken: list[int] = []

    def flock(file: int, operation: int) -> None:
        if not taken:
            (lock,) = folder.glob(".*.lock")
            lock.unlink()
        taken.append(file)
        fcntl.flock(file, operation)

    monkeypatch.setattr("vmprof.zoo.compiler.cache.fcntl", SimpleNamespace(flock=flock, LOCK_EX=2))
    library = cached_library("mlp", "cpu", TARGET, Maker())
    assert library is not None
    assert len(taken) == 2
    assert (folder / f".{library.name}.lock").exists()
