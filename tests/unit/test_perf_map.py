"""The map for perf: written for its owner alone, and nobody else's is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vmprof import VmprofError
from vmprof.record import perf_map as module
from vmprof.record.in_memory import ModulesInMemory
from vmprof.record.perf_map import PerfMap, _opened, _process_started


def written(path: Path, text: str) -> None:
    with _opened(path) as file:
        file.write(text.encode())


def test_a_map_is_private_and_grows(tmp_path: Path) -> None:
    path = tmp_path / "perf-1.map"
    written(path, "10 4 python\n")
    written(path, "20 4 kernel\n")
    assert path.read_text() == "10 4 python\n20 4 kernel\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_map_of_an_older_process_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "perf-1.map"
    path.write_text("10 4 old\n")
    before = _process_started() - 60
    os.utime(path, (before, before))
    written(path, "20 4 new\n")
    assert path.read_text() == "20 4 new\n"


def test_what_others_put_there_is_left_alone(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine\n")
    (tmp_path / "symbolic").symlink_to(victim)
    (tmp_path / "hard").hardlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        _opened(tmp_path / "symbolic")
    with pytest.raises(VmprofError, match="not this process' own; remove it"):
        _opened(tmp_path / "hard")
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(VmprofError, match="not this process' own; remove it"):
        _opened(tmp_path / "pipe")
    os.close(reader)
    assert victim.read_text() == "mine\n"


def test_nothing_is_written_where_there_is_nothing_to_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: Path) -> int:
        raise AssertionError

    monkeypatch.setattr(module, "_opened", never)
    perf_map = PerfMap(tmp_path)
    perf_map.write(ModulesInMemory())
    assert perf_map.told().startswith("none was written: ")
