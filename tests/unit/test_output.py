"""Output files: nothing of the user's is lost or overwritten."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vmprof import VmprofError
from vmprof.cli.output import OutputFile, check_distinct


def test_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    OutputFile(str(path), force=False).write("text ü")
    assert path.read_text(encoding="utf-8") == "text ü"
    assert os.listdir(tmp_path) == ["r.json"]


def test_an_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("old")
    with pytest.raises(VmprofError, match=r"r\.json exists; --force overwrites it"):
        OutputFile(str(path), force=False)
    assert path.read_text() == "old"


def test_a_file_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    output = OutputFile(str(path), force=False)
    path.write_text("theirs")
    with pytest.raises(VmprofError, match="exists"):
        output.write("ours")
    assert path.read_text() == "theirs"


def test_force_replaces_and_keeps_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("old")
    path.chmod(0o640)
    OutputFile(str(path), force=True).write("new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["r.json"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    OutputFile(str(tmp_path / "link"), force=True).write("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_what_fails_midway_leaves_the_old(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("old")
    for output in (
        OutputFile(str(path), force=True),
        OutputFile(str(tmp_path / "new"), force=False),
    ):
        with pytest.raises(UnicodeEncodeError):
            output.write("\ud800")
    assert os.listdir(tmp_path) == ["r.json"]
    assert path.read_text() == "old"


def test_streams_need_no_force() -> None:
    OutputFile("/dev/null", force=False).write("gone")


@pytest.mark.parametrize("force", [False, True])
def test_impossible_places(tmp_path: Path, force: bool) -> None:
    with pytest.raises(VmprofError, match="there is no folder"):
        OutputFile(str(tmp_path / "none" / "r.json"), force=force)
    with pytest.raises(VmprofError, match="it is a folder"):
        OutputFile(str(tmp_path), force=force)


def test_a_folder_that_is_not_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write anywhere; access(2) is asked so that others hear of it now.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(VmprofError, match="is not writable"):
        OutputFile(str(tmp_path / "r.json"), force=False)


def test_one_file_for_two_outputs(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("r")
    files = [OutputFile(str(tmp_path / name), force=True) for name in ("r", "link")]
    with pytest.raises(VmprofError, match="given for two outputs"):
        check_distinct(files)
    check_distinct([OutputFile("/dev/null", force=False)] * 2)
