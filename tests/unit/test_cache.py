"""Compiled models are made once, kept whole, and thrown away when nobody uses them."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vmprof import VmprofError, VmprofWarning
from vmprof.cache_folder import kept
from vmprof.cache_limit import make_room
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


def put(folder: Path, name: str, size: int = 10, days: float = 0) -> str:
    """A library that was used so many days ago; its name."""
    library = folder / f"{name}.so"
    folder.mkdir(parents=True, exist_ok=True)
    library.write_bytes(bytes(size))
    write_info(ModelInfo(tensor_ir="# kernel\n"), library)
    then = time.time() - days * DAY
    for path in folder.glob(f"{library.name}*"):
        os.utime(path, (then, then))
    return library.name


def test_what_nobody_uses_is_thrown_away(folder: Path) -> None:
    make = Maker()
    made = cached_library("mlp", "cpu", TARGET, make)
    of_target = made.stem[:-8]  # what is not of its code
    made.unlink()
    kept = {
        put(folder, f"{of_target}{2:08x}", days=0.5),
        put(folder, f"mlp-cpu-{3:016x}", days=2),
        put(folder, f"vgg11-cpu-{4:016x}", days=2),
        made.name,
    }
    put(folder, f"{of_target}{1:08x}", days=2)
    put(folder, f"vgg16-cpu-{5:016x}", days=31)
    assert cached_library("mlp", "cpu", TARGET, make) == made
    beside = {f"{name}.vmprof.{kind}" for name in kept for kind in ("json", "tir")}
    assert names(folder) == kept | beside


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    models=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 60)), max_size=8),
    most=st.integers(0, 20_000),
)
def test_the_longest_unused_go_and_no_more_than_needed(
    folder: Path, models: list[tuple[int, int]], most: int
) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for number, (size, days) in enumerate(models):
        put(folder, f"mlp-cpu-{number:016x}", size, days + number / 100)
    before = {each.library: each for each in kept() if each.is_model}
    removed = make_room(most)
    left = {each.library: each for each in kept() if each.is_model}
    assert left.keys() == before.keys() - {each.library for each in removed}
    taken = sum(each.bytes for each in left.values())
    assert taken <= most
    month = time.time() - 30 * DAY
    assert all(each.used >= month for each in left.values())
    early = [each for each in removed if each.used >= month + 1]
    if early:
        last = max(early, key=lambda each: each.used)
        assert all(each.used > last.used for each in left.values())
        assert taken + last.bytes > most


def test_a_new_one_makes_room_and_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMPROF_CACHE_LIMIT", "0")
    put(folder, f"vgg16-cpu-{1:016x}")
    library = cached_library("mlp", "cpu", TARGET, Maker())
    assert library is not None
    assert {name for name in names(folder) if name.endswith(".so")} == {library.name}
    # This process uses it.
    assert make_room(0) == []
    assert library.exists()


def test_two_processes_with_one_cache_that_is_too_small(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What either uses is whole, and stays until it ends."""
    monkeypatch.setenv("VMPROF_CACHE_LIMIT", "1e-7")  # less than one

    def use(names_of_models: list[str]) -> None:
        used = [cached_library(name, "cpu", TARGET, Maker()) for name in names_of_models]
        for library in used:
            assert library is not None
            assert library.read_text().startswith("library ")
            assert read_tensor_ir(library).startswith("# kernel ")

    random = Random(0)
    processes = multiprocessing.get_context("fork")
    for _ in range(8):
        at_work = [
            processes.Process(target=use, args=[random.choices("abcd", k=3)]) for _ in range(3)
        ]
        for each in at_work:
            each.start()
        for each in at_work:
            each.join()
        assert [each.exitcode for each in at_work] == [0, 0, 0]
        # Nobody uses any.
        make_room(0)
        assert names(folder) == set()


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
        if not taken and operation == fcntl.LOCK_EX:
            (lock,) = folder.glob(".*.lock")
            lock.unlink()
        taken.append(operation)
        fcntl.flock(file, operation)

    of_module = SimpleNamespace(flock=flock, LOCK_EX=fcntl.LOCK_EX, LOCK_SH=fcntl.LOCK_SH)
    monkeypatch.setattr("vmprof.zoo.compiler.cache.fcntl", of_module)
    library = cached_library("mlp", "cpu", TARGET, Maker())
    assert library is not None
    assert taken == [fcntl.LOCK_EX, fcntl.LOCK_EX, fcntl.LOCK_SH]
    assert (folder / f".{library.name}.lock").exists()
