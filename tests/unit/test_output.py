"""Output files: nothing of the user's is lost or overwritten."""

from __future__ import annotations

import errno
import json
import os
import resource
import socket
import stat
from contextlib import suppress
from pathlib import Path

import pytest
from support.interrupting import interrupted_everywhere
from support.reports import network

from vmprof import VmprofError
from vmprof.cli.output import OutputFile, check_distinct
from vmprof.whole_file import write_whole


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


def test_a_disk_that_is_full_leaves_the_old(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("old")
    outputs = [OutputFile(str(tmp_path / name), force=True) for name in ("r.json", "new")]
    outputs.append(OutputFile(str(tmp_path / "other"), force=False))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
        for output in outputs:
            with pytest.raises(VmprofError, match=r"cannot write .*: File too large"):
                output.write("new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert os.listdir(tmp_path) == ["r.json"]
    assert (tmp_path / "r.json").read_text() == "old"


@pytest.mark.parametrize("old", ["old", None])
@pytest.mark.parametrize("replace", [True, False])
def test_interrupted_it_is_old_or_new(tmp_path: Path, old: str | None, replace: bool) -> None:
    path = tmp_path / "r.json"

    def action() -> None:
        path.unlink(missing_ok=True)
        if old is not None:
            path.write_text(old)
        with suppress(FileExistsError):
            write_whole(path, b"new", replace=replace)

    tried = 0
    for where in interrupted_everywhere(action, ["whole_file.py"]):
        tried += 1
        assert set(os.listdir(tmp_path)) <= {"r.json"}, where
        text = path.read_text() if path.exists() else None
        assert text in ((old, "new") if replace or old is None else (old,)), where
    assert tried > 5
    action()
    assert path.read_text() == ("new" if replace or old is None else old)


def test_where_files_have_no_second_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    write_whole(tmp_path / "r.json", b"new", replace=False)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "r.json", b"newer", replace=False)
    assert (tmp_path / "r.json").read_text() == "new"
    assert os.listdir(tmp_path) == ["r.json"]


def test_a_saved_report_keeps_the_mode_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("old")
    path.chmod(0o600)
    network().save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    mask = os.umask(0o027)
    try:
        network().save(tmp_path / "new.csv")
    finally:
        os.umask(mask)
    assert (tmp_path / "new.csv").stat().st_mode & 0o777 == 0o640


def test_names_that_are_no_utf_8(tmp_path: Path) -> None:
    """JSON has the same escapes, so that it reads back as the same name."""
    path = tmp_path / "r.json"
    OutputFile(str(path), force=False).write('"caf\udce9"')
    assert json.loads(path.read_bytes()) == "caf\udce9"


def test_streams_need_no_force() -> None:
    OutputFile("/dev/null", force=False).write("gone")


@pytest.mark.parametrize("force", [False, True])
def test_impossible_places(tmp_path: Path, force: bool) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("")
    for name, message in {
        "none/r.json": "there is no folder .*/none$",
        "": "it is a folder",
        "new/": "it is no name of a file",
        "loop": "Too many levels of symbolic links",
        "file/r.json": "Not a directory",
        "n" * 300: "File name too long",
        "/proc/new": "no file can be made in /proc",
        "/dev/fd/1000": "Bad file descriptor",
    }.items():
        with pytest.raises(VmprofError, match=f"^cannot write .*: {message}"):
            OutputFile(name if name[:1] == "/" else f"{tmp_path}/{name}", force=force)


def test_devices_that_hold_data_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(VmprofError, match="it is neither a file nor a pipe"):
            OutputFile(str(tmp_path / "socket"), force=True)
    monkeypatch.setattr(stat, "S_ISBLK", lambda mode: True)  # no disk to try it on
    with pytest.raises(VmprofError, match="it is neither a file nor a pipe"):
        OutputFile("/dev/null", force=True)


def test_a_write_protected_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write to any; access(2) is asked so that others hear of it now.
    (tmp_path / "r.json").write_text("old")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(VmprofError, match="it is write-protected"):
        OutputFile(str(tmp_path / "r.json"), force=True)


def test_open_files_are_written_where_they_stand(tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        file.write("before ")
        file.flush()
        output = OutputFile(f"/dev/fd/{file.fileno()}", force=False)
        assert not output.is_file
        assert not output.is_stdout
        output.write("text ü")
        file.seek(0, os.SEEK_END)
        file.write(" after")
    assert (tmp_path / "open").read_text(encoding="utf-8") == "before text ü after"
    with (tmp_path / "open").open() as file, pytest.raises(VmprofError, match="not open for wri"):
        OutputFile(f"/dev/fd/{file.fileno()}", force=True)


def test_a_pipe_whose_reader_is_gone(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb"):
        output = OutputFile(f"/proc/self/fd/{writer}", force=False)
        os.close(reader)
        with pytest.raises(VmprofError, match=r"cannot write /proc/self/fd/\d+: Broken pipe"):
            output.write("text")


def test_one_open_file_for_two_outputs(tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        twice = os.dup(file.fileno())
        try:
            files = [OutputFile(f"/dev/fd/{n}", force=False) for n in (file.fileno(), twice)]
            with pytest.raises(VmprofError, match="given for two outputs"):
                check_distinct(files)
            by_name = OutputFile(str(tmp_path / "open"), force=True)
            with pytest.raises(VmprofError, match="given for two outputs"):
                check_distinct([by_name, files[0]])
        finally:
            os.close(twice)


def test_one_file_for_two_outputs(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("r")
    files = [OutputFile(str(tmp_path / name), force=True) for name in ("r", "link")]
    with pytest.raises(VmprofError, match="given for two outputs"):
        check_distinct(files)
    new = [OutputFile(str(tmp_path / name), force=False) for name in ("new", "./new")]
    with pytest.raises(VmprofError, match="given for two outputs"):
        check_distinct(new)
    check_distinct([new[0], OutputFile(str(tmp_path / "other"), force=False)])
    check_distinct([OutputFile("/dev/null", force=False)] * 2)
