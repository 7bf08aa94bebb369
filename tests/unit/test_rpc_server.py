"""What a server of TVM's RPC listens at, and the folder of its temporary files."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

import pytest

from vmprof.errors import VmprofError
from vmprof.remote.folders import server_folder
from vmprof.remote.server import Listening


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("localhost", True), ("127.1.2.3", True), ("0.0.0.0", False)],
)
def test_who_can_reach_it(host: str, expected: bool) -> None:
    assert Listening(host, 0).is_loopback is expected


def test_a_port_that_is_taken() -> None:
    with Listening("127.0.0.1", 0).open() as first:
        port = first.getsockname()[1]
        taken = rf"cannot listen at 127\.0\.0\.1:{port}: Address already in use"
        with pytest.raises(VmprofError, match=taken):
            Listening("127.0.0.1", port).open()
        with socket.create_connection(("127.0.0.1", port)):
            pass


def test_a_host_that_is_not_this_one() -> None:
    with pytest.raises(VmprofError, match=r"cannot listen at nowhere\.invalid:0: "):
        Listening("nowhere.invalid", 0).open()


def test_the_folder_is_private_and_goes_with_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with server_folder() as folder:
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "session").mkdir()
    assert not folder.exists()


def test_what_a_killed_server_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    abandoned, running, foreign = (tmp_path / f"vmprof-rpc-{n}" for n in ("a", "b", "c"))
    for each in (abandoned, running):
        each.mkdir()
        (each / "lock").touch()
    foreign.symlink_to(tmp_path.parent)  # somebody else's, who hopes that it is followed
    held = os.open(running / "lock", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    with server_folder():
        assert not abandoned.exists()
        assert running.exists()
        assert foreign.is_symlink()
    os.close(held)
