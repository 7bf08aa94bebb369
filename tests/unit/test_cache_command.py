"""``vmprof cache``: what it lists, and what it removes, which is nothing of others."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path

import pytest
from support.commands import Completed, run

KEY = "0123456789abcdef"
OTHERS = ("notes.txt", "models/mlp.so", "models/mlp-cpu-0123.so", "tvm-0.23/peaks.json")


def vmprof(home: Path, *words: str) -> Completed:
    return run("cache", *words, env={"XDG_CACHE_HOME": str(home)})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """With a model, one that is half made, peaks, and files of others."""
    library = f"mlp-cpu-{KEY}.so"
    sizes = {
        f"models/{library}": 300_000,
        f"models/{library}.vmprof.json": 60_000,
        f"models/.{library}.lock": 0,
        f"models/.resnet18-none-{KEY}.so.unfinished": 2_000_000,
        "peaks.json": 100,
        ".peaks.json.123": 10,
        **dict.fromkeys(OTHERS, 5),
    }
    for name, size in sizes.items():
        path = tmp_path / "vmprof" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    return tmp_path


def files(home: Path) -> set[str]:
    folder = home / "vmprof"
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_what_is_kept_is_listed(home: Path) -> None:
    result = vmprof(home)
    assert (result.returncode, result.stderr) == (0, "")
    head, *rows, total, most = result.stdout.splitlines()
    assert head.split() == ["Kept", "Schedule", "Size", "Last", "used"]
    assert [row.split()[:-1] for row in rows] == [
        ["resnet18", "none", "2.0", "MB"],
        ["mlp", "cpu", "0.4", "MB"],
        ["peaks", "0.1", "kB"],
    ]
    assert total == f"{home}/vmprof: models: 2, peaks, 2.4 MB"
    assert most == "models: at most 8,000.0 MB (VMPROF_CACHE_LIMIT)"
    data = json.loads(vmprof(home, "--json").stdout)
    assert data["limit"] == 8e9
    assert data["folder"] == f"{home}/vmprof"
    assert [(each["name"], each["schedule"], each["bytes"]) for each in data["kept"]] == [
        ("resnet18", "none", 2_000_000),
        ("mlp", "cpu", 360_000),
        ("peaks", None, 110),
    ]


@pytest.mark.parametrize(
    ("what", "left", "said"),
    [
        ((), set(), "models: 2, peaks, 2.4 MB"),
        (("models",), {"peaks.json", ".peaks.json.123"}, "models: 2, no peaks, 2.4 MB"),
    ],
)
def test_only_what_is_ours_is_removed(
    home: Path, what: tuple[str, ...], left: set[str], said: str
) -> None:
    result = vmprof(home, "--clear", *what)
    assert result.stdout == f"removed from {home}/vmprof: {said}\n"
    assert files(home) == {*OTHERS, *left}


def test_peaks_alone(home: Path) -> None:
    before = files(home)
    assert vmprof(home, "--clear", "peaks").returncode == 0
    assert before - files(home) == {"peaks.json", ".peaks.json.123"}


def test_links_are_not_followed(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    models = home / "vmprof" / "models"
    models.rename(elsewhere)
    models.symlink_to(elsewhere)
    (home / "vmprof" / "peaks.json").rename(elsewhere / "peaks.json")
    (home / "vmprof" / "peaks.json").symlink_to(elsewhere / "peaks.json")
    there = sorted(elsewhere.iterdir())
    assert vmprof(home, "--clear").returncode == 0
    assert sorted(elsewhere.iterdir()) == there
    assert models.is_symlink()
    assert (home / "vmprof" / "peaks.json").is_symlink()


@pytest.mark.parametrize(
    ("name", "operation"),
    [(f".mlp-cpu-{KEY}.so.lock", fcntl.LOCK_EX), (f"mlp-cpu-{KEY}.so", fcntl.LOCK_SH)],
    ids=["made", "used"],
)
def test_a_model_that_a_process_is_at_is_left_alone(home: Path, name: str, operation: int) -> None:
    with (home / "vmprof" / "models" / name).open("r+") as file:
        fcntl.flock(file, operation)
        result = vmprof(home, "--clear")
    assert result.stdout.splitlines()[0] == "left alone, a process is using it: mlp"
    assert {name for name in files(home) if "mlp-cpu-0123456" in name} == {
        f"models/{prefix}mlp-cpu-{KEY}.so{suffix}"
        for prefix, suffix in ((".", ".lock"), ("", ""), ("", ".vmprof.json"))
    }


def test_the_longest_unused_go_first(home: Path) -> None:
    models = home / "vmprof" / "models"
    for path in models.glob("*resnet18*"):
        os.utime(path, (0, time.time() - 3600))
    assert vmprof(home, "--limit", "0.01").stdout.endswith("models: 0, no peaks, 0.0 kB\n")
    result = vmprof(home, "--limit", "0.002")
    assert result.stdout == f"removed from {home}/vmprof: models: 1, no peaks, 2.0 MB\n"
    left = {name.removeprefix("models/") for name in files(home) if KEY in name}
    library = f"mlp-cpu-{KEY}.so"
    assert left == {library, f"{library}.vmprof.json", f".{library}.lock"}
    assert "models: 0" in vmprof(home, "--limit", "none").stdout


@pytest.mark.parametrize("text", ["abc", "-1", "nan", ""])
def test_a_limit_is_a_number(home: Path, text: str) -> None:
    result = vmprof(home, "--limit", text)
    assert result.returncode == 2
    assert result.stderr.endswith(f"{text!r} is no number of gigabytes\n")
    result = run("cache", env={"XDG_CACHE_HOME": str(home), "VMPROF_CACHE_LIMIT": text})
    if text:
        assert f"VMPROF_CACHE_LIMIT is {text!r}; set it to a number of gigabytes" in result.stderr
    else:
        assert "at most 8,000.0 MB" in result.stdout


def test_there_need_be_no_cache(tmp_path: Path) -> None:
    result = vmprof(tmp_path, "--clear")
    assert result.stdout == f"removed from {tmp_path}/vmprof: models: 0, no peaks, 0.0 kB\n"
    (tmp_path / "vmprof").write_text("no folder")
    assert "models: 0" in vmprof(tmp_path).stdout
