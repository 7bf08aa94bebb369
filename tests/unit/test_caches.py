"""Sizes of caches, as /sys writes them or the C library knows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmprof.counters.hardware.cache_levels import CacheLevel, cache_levels
from vmprof.counters.hardware.caches import largest_cache


def test_the_largest_cache_of_any_processor(tmp_path: Path) -> None:
    caches = [(0, 0, "48K\n"), (0, 3, "32768K\n"), (1, 0, "64K\n"), (1, 1, ""), (10, 2, "33M\n")]
    for cpu, index, size in caches:
        folder = tmp_path / f"devices/system/cpu/cpu{cpu}/cache/index{index}"
        folder.mkdir(parents=True)
        (folder / "size").write_text(size)
    assert largest_cache(tmp_path) == 33 << 20


def test_where_linux_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"SC_LEVEL1_DCACHE_SIZE": 0, "SC_LEVEL2_CACHE_SIZE": 7, "SC_PAGESIZE": 4096}
    monkeypatch.setattr("os.sysconf_names", dict.fromkeys(known, 0))
    monkeypatch.setattr("os.sysconf", known.get)
    assert largest_cache(tmp_path) == 7
    monkeypatch.setattr("os.sysconf_names", {})
    assert largest_cache(tmp_path) == 0


def write(sys_root: Path, cpu: int, index: int, **files: str) -> None:
    folder = sys_root / f"devices/system/cpu/cpu{cpu}/cache/index{index}"
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")


def test_levels_of_caches(tmp_path: Path) -> None:
    """Four cores of two hardware threads each; two cores share a second cache, all the third."""
    for cpu in range(8):
        core = f"{cpu % 4},{cpu % 4 + 4}"
        pair = "0-1,4-5" if cpu % 4 < 2 else "2-3,6-7"
        write(tmp_path, cpu, 0, level="1", type="Data", size="32K", shared_cpu_list=core)
        write(tmp_path, cpu, 1, level="1", type="Instruction", size="64K", shared_cpu_list=core)
        write(tmp_path, cpu, 2, level="2", type="Unified", size="1M", shared_cpu_list=pair)
        write(tmp_path, cpu, 3, level="3", type="Unified", size="8M", shared_cpu_list="0-7")
    first, second, third = cache_levels(tmp_path)
    assert first == CacheLevel(1, 32 << 10, cores=1, instances=4)
    assert second == CacheLevel(2, 1 << 20, cores=2, instances=2)
    assert third == CacheLevel(3, 8 << 20, cores=4, instances=1)
    assert [first.bytes_for(threads) >> 10 for threads in (1, 3, 4, 8)] == [32, 96, 128, 128]
    assert [second.bytes_for(threads) >> 20 for threads in (1, 2, 3, 4, 64)] == [1, 1, 2, 2, 2]
    assert third.bytes_for(4) == 8 << 20


def test_levels_of_unequal_cores_are_the_least(tmp_path: Path) -> None:
    write(tmp_path, 0, 0, level="1", type="Data", size="48K", shared_cpu_list="0")
    write(tmp_path, 1, 0, level="1", type="Data", size="32K")
    assert cache_levels(tmp_path) == [CacheLevel(1, 32 << 10, cores=1, instances=2)]
    assert cache_levels(tmp_path / "nothing") == []
