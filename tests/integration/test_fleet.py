"""A fleet of real servers at a real tracker, all on loopback."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.rpc import HOST, eventually, free_port, tracker
from tvm import rpc
from tvm.rpc import base
from tvm.rpc.base import RPC_TRACKER_MAGIC, TrackerCode

import vmprof
from vmprof import Report, Study, VmprofError
from vmprof.cli.main import main
from vmprof.progress import Progress
from vmprof.remote.tracked import TrackedServer, TrackedServers

KEY = "board"
SHORT = {"repeats": 2, "warmup": 1}
OPTIONS = ("--repeats", "2", "--warmup", "1")


class Servers:
    """Three, by their addresses."""

    def __init__(self, at_tracker: int) -> None:
        self.tracker = f"{HOST}:{at_tracker}"
        self.addresses = sorted(f"{HOST}:{free_port()}" for _ in range(3))
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, address: str) -> None:
        options = ["--port", address.rpartition(":")[2], "--tracker", self.tracker, "--key", KEY]
        self.running[address] = subprocess.Popen(
            [sys.executable, "-m", "vmprof", "rpc-server", *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait_for_all(self) -> None:
        at_tracker = rpc.connect_tracker(HOST, int(self.tracker.rpartition(":")[2]))
        eventually(lambda: len(at_tracker.summary()["server_info"]) == 3)
        at_tracker.close()

    def kill(self, address: str) -> None:
        process = self.running.pop(address)
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def at_tracker() -> Iterator[int]:
    with tracker() as port:
        yield port


@pytest.fixture(scope="module")
def servers(at_tracker: int) -> Iterator[Servers]:
    found = Servers(at_tracker)
    try:
        for address in found.addresses:
            found.start(address)
        found.wait_for_all()
        yield found
    finally:
        for address in [*found.running]:
            found.kill(address)


def test_one_that_is_killed_costs_its_row_and_is_asked_again(
    servers: Servers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, victim = tmp_path / "study", servers.addresses[1]

    def kill(step: str) -> None:
        if f"{victim}: " in step and victim in servers.running:
            servers.kill(victim)  # at work: it waits until we have heard of the step

    study = vmprof.fleet(
        "mlp", tracker=servers.tracker, rpc_key=KEY, output=folder, progress=kill, **SHORT
    )
    assert victim not in servers.running
    others = [each for each in servers.addresses if each != victim]
    assert [*study] == others
    assert list(study.missing) == [victim]
    assert "lost" in study.missing[victim]
    kept = {path: path.read_bytes() for path in folder.glob("reports/*.json")}
    assert {Report.from_json(text.decode()).configuration["Model"] for text in kept.values()} == {
        "mlp"
    }

    command = ["fleet", "mlp", "--tracker", servers.tracker, "--rpc-key", KEY, "--quiet"]
    with_same = [*command, *OPTIONS, "--resume", str(folder)]
    assert main([*command, "--repeats", "3", "--warmup", "1", "--resume", str(folder)]) == 1
    assert "repeats was 2, now 3; give the same model and options" in capsys.readouterr().err
    # While it is gone, it is said to be; its row is all that is missing.
    assert main(with_same) == 3
    assert "it is not registered at the tracker any more" in capsys.readouterr().out

    servers.start(victim)
    servers.wait_for_all()
    page = tmp_path / "page.html"
    assert main([*with_same, "--html", str(page)]) == 0
    assert "mlp on the servers of board: 3 of 3 servers" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in kept} == kept
    assert "study/reports/" in page.read_text()

    assert [*Study(folder)] == servers.addresses
    operators = {
        address: {str(row["Name"]) for row in report.calls}
        for address, report in Study(folder).items()
    }
    assert operators[victim] == operators[others[0]] == operators[others[1]]
    summary = tmp_path / "summary.json"
    assert main(["show", str(folder), "--json", str(summary)]) == 0
    hosts = json.loads(summary.read_text())["hosts"]
    assert [host["server"] for host in hosts] == servers.addresses
    capsys.readouterr()
    assert main(["show", str(folder), "--report", victim]) == 0
    assert "Configuration" in capsys.readouterr().out
    with pytest.raises(VmprofError, match="exists, and is not empty; --resume completes it"):
        vmprof.fleet("mlp", tracker=servers.tracker, rpc_key=KEY, output=folder, **SHORT)


@contextmanager
def registered(at_tracker: int, key: str, port: int) -> Iterator[None]:
    """What the tracker takes for a server; it is free once, as nobody serves there."""
    with socket.create_connection((HOST, at_tracker)) as connection:
        connection.sendall(struct.pack("<i", RPC_TRACKER_MAGIC))
        base.recvall(connection, 4)
        for message in (
            [TrackerCode.UPDATE_INFO, {"key": f"server:{key}", "addr": [None, port]}],
            [TrackerCode.PUT, key, (port, base.random_key(key)), None],
        ):
            base.sendjson(connection, message)
            assert base.recvjson(connection) == TrackerCode.SUCCESS
        yield


def test_one_that_does_not_answer_is_given_up(at_tracker: int, tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as deaf:
        port = deaf.getsockname()[1]
        with registered(at_tracker, "deaf", port):
            study = vmprof.fleet(
                "mlp",
                tracker=(HOST, at_tracker),
                rpc_key="deaf",
                output=tmp_path / "study",
                limit=0.5,
            )
    assert study.missing == {f"{HOST}:{port}": "it took longer than 0.5 s (--limit)"}
    # Our end of the connection was closed, which ended who waited there.
    eventually(
        lambda: not any("vmprof" in each.name for each in threading.enumerate() if each.is_alive())
    )


def test_one_that_refuses_says_so(at_tracker: int, tmp_path: Path) -> None:
    port = free_port()
    with registered(at_tracker, "gone", port):
        study = vmprof.fleet(
            "mlp", tracker=(HOST, at_tracker), rpc_key="gone", output=tmp_path / "study"
        )
    assert f"cannot connect to {HOST}:{port}" in study.missing[f"{HOST}:{port}"]


def test_of_many_free_ones_those_that_are_not_wanted_are_passed_by_at_once(
    at_tracker: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would take hours to complete a large fleet of which one is missing."""

    def measure(server: TrackedServer, progress: Progress) -> Report:
        raise NotImplementedError

    with ExitStack() as stack:
        for port in (1, 2, 3):
            stack.enter_context(registered(at_tracker, "many", port))
        servers = stack.enter_context(TrackedServers((HOST, at_tracker), "many", measure))
        assert servers.listed() == [f"{HOST}:1", f"{HOST}:2", f"{HOST}:3"]
        for address in servers.listed():
            given = servers.given(60)
            assert given is not None
            assert given.address == address
            servers.put_off(given)
        servers.put_off(given)
        stack.enter_context(registered(at_tracker, "many", 4))
        assert servers.given(0) is None  # others may have it
        monkeypatch.setattr(servers, "_not_before", 0.0)
        again = servers.given(60)
        assert again is not None
        assert again.address == f"{HOST}:4"


def test_what_no_server_has_to_be_asked_for(at_tracker: int, tmp_path: Path) -> None:
    at, folder = (HOST, at_tracker), tmp_path / "study"
    for problem, source, more in (
        ("has no server under the key 'nobody'", "mlp", {"output": folder}),
        ("there is no model 'mpl'", "mpl", {"output": folder}),
        ("name a new folder for the study", "mlp", {}),
        ("is no study", "mlp", {"resume": tmp_path}),
        ("is not of the form HOST:PORT", "mlp", {"output": folder, "tracker": "desk"}),
        ("does not answer", "mlp", {"output": folder, "tracker": (HOST, free_port())}),
        (
            "misspelt",
            "mlp",
            {"output": folder, "inputs": [1], "repeat": 3},
        ),
    ):
        with pytest.raises(VmprofError, match=problem):
            vmprof.fleet(source, **{"tracker": at, "rpc_key": "nobody", **more})
    assert not folder.exists()
