"""Sizes of caches, as /sys writes them or the C library knows them."""

from __future__ import annotations

from pathlib import Path

import pytest

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
