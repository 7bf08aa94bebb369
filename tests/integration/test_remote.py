"""Profiling through a real server, and a real tracker, on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from support.models import calls_packed, dynamic
from support.rpc import (
    HOST,
    eventually,
    free_port,
    server_of_another_version,
    server_of_tvm_alone,
    tracker,
    vmprof_server,
)
from tvm import rpc

import vmprof
from vmprof import Remote, Report, VmprofError
from vmprof.cli.main import main
from vmprof.drivers.engines import profile_engines
from vmprof.drivers.host import diagnosis
from vmprof.drivers.options import Profiling
from vmprof.drivers.outputs import first_difference
from vmprof.progress import Progress
from vmprof.record.options import Counting, Sampling, Threads
from vmprof.record.rounds.engines import Engine
from vmprof.record.rounds.options import Rounds
from vmprof.remote.alive import kept_alive
from vmprof.report.provenance import KERNEL, LIBRARY, LIBRARY_ID, PROCESSOR
from vmprof.subject.options import Subject

SHORT = Profiling(Counting("software"), Rounds(2, 1))
KEY = "board"


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the server's temporary files."""
    return tmp_path_factory.mktemp("server")


# What is on the server's host alone.
PACKAGE = """
import tvm_ffi

@tvm_ffi.register_global_func("only_there.copy")
def copy(x, y):
    y.copyfrom(x)
"""


@pytest.fixture(scope="module")
def port(temporary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    packages = tmp_path_factory.mktemp("packages")
    (packages / "only_there.py").write_text(PACKAGE)
    with vmprof_server(temporary, environment={"PYTHONPATH": str(packages)}) as port:
        yield port


@pytest.fixture
def remote(port: int) -> Iterator[Remote]:
    with Remote.connect(HOST, port) as remote:
        yield remote


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a symbolic dimension, and what is known of its kernels."""
    path = tmp_path_factory.mktemp("model") / "dynamic.so"
    vmprof.compile(dynamic()).export_library(path)
    return path


@pytest.fixture(scope="module")
def subject(library: Path) -> Subject:
    return Subject(str(library), dimensions={"n": 3}, seed=5)


def left_in(folder: Path) -> list[Path]:
    """What clients' processes keep there."""
    return [*folder.glob("vmprof-rpc-*/session-*")]


def profiled_here(subject: Subject, engine: str = "vmprof") -> tuple[Report, Any]:
    outputs = []

    def keep(engines: Mapping[str, Engine]) -> None:
        outputs.append(engines[engine].output())

    return profile_engines(subject, [engine], SHORT, beforehand=keep)[engine], outputs[0]


def rows(report: Report) -> list[tuple[object, ...]]:
    """What of a report's calls does not depend on how long they took."""
    names = ("Name", "Argument Shapes", "Hash", "Layer", "Device", "Count")
    return [tuple(row.get(name) for name in names) for row in report.calls]


@pytest.mark.parametrize("engine", ["vmprof", "tvm"])
def test_a_run_there_is_what_a_run_here_is(remote: Remote, subject: Subject, engine: str) -> None:
    here, output = profiled_here(subject, engine)
    there = remote.profile(subject, SHORT, engine, outputs=True)

    assert first_difference(remote.outputs(), output) is None
    assert rows(there) == rows(here)
    assert set(there.calls[0]) == set(here.calls[0])
    assert there.missing == here.missing
    settings = ("Model", "Engine", "Function", "Repeats", "Made-up inputs", "Counters, pass 1")
    assert {n: there.configuration[n] for n in settings} == {
        n: here.configuration[n] for n in settings
    }
    assert Report.from_json(there.json()) == there
    same = (PROCESSOR, KERNEL, LIBRARY, LIBRARY_ID, "Command", "CPUs")
    assert {n: there.provenance[n] for n in same} == {n: here.provenance[n] for n in same}
    assert there.provenance["Host"] == remote.host.name == socket.gethostname()


def test_given_values_go_over_bit_by_bit(remote: Remote) -> None:
    generator = np.random.default_rng(0)
    image = generator.normal(size=(1, 1, 28, 28)).astype("float32")
    image[0, 0, 0, :3] = [np.nan, -0.0, np.inf]
    here = profiled_here(Subject("mlp", {"x": image}))[1]
    remote.profile(Subject("mlp", {"x": image}), SHORT, outputs=True)
    assert first_difference(remote.outputs(), here) is None


def test_libraries_of_one_name_are_told_apart(remote: Remote, subject: Subject) -> None:
    other = Path(subject.source).parent / "other" / "dynamic.so"
    other.parent.mkdir()
    vmprof.compile(calls_packed("rpc.test.nothing")).export_library(other)
    first = rows(remote.profile(subject, SHORT))
    with pytest.raises(VmprofError, match=r"rpc\.test\.nothing"):
        remote.profile(Subject(other), SHORT)
    assert rows(remote.profile(subject, SHORT)) == first


def test_functions_of_a_package_there(remote: Remote, tmp_path: Path) -> None:
    vmprof.compile(calls_packed("only_there.copy")).export_library(tmp_path / "calls.so")
    subject = Subject(str(tmp_path / "calls.so"), imports=("only_there",))
    report = remote.profile(subject, SHORT)
    assert "only_there.copy" in [row["Name"] for row in report.calls]


def test_options_go_over(remote: Remote, library: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('description = "mine"\nevents = "page-faults"\n')
    profiling = Profiling(
        Counting(str(mine), count="caller"),
        Rounds(1, 1),
        Threads(threads=True, num_threads=2),
        metrics=True,
        sampling=Sampling("cpu-clock", 5000),
        measure_peaks=False,
    )
    report = remote.profile(Subject("mlp"), profiling, starts=2)

    assert report.configuration["Counter set"] == "mine"
    assert report.configuration["Number of threads"] == vmprof.report.Count(2)
    assert report.configuration["Starts"] == vmprof.report.Count(2)
    assert "perf::PAGE-FAULTS" in report.calls[0]
    assert str(report.configuration["Sampling"]).startswith("cpu-clock")
    assert report.calls[0]["Threads"]
    assert any("FLOPs" in row for row in report.calls)
    assert "vmprof-rpc-" not in report.json()


def test_what_cannot_go_over_is_said(remote: Remote, library: Path) -> None:
    with pytest.raises(VmprofError, match="collectors are code of this host's and cannot be sent"):
        remote.profile(Subject(library), Profiling(Counting(collectors=[object()])))  # type: ignore[list-item]
    with pytest.raises(VmprofError, match="array of Python's objects, which cannot be sent"):
        remote.profile(Subject(library, np.array([object()])), SHORT)


def test_what_goes_wrong_there_is_said_here(
    remote: Remote, subject: Subject, library: Path, tmp_path: Path
) -> None:
    name = remote.host.name
    with pytest.raises(VmprofError, match=f"^{name}: .*no function 'nothing'"):
        remote.profile(replace(subject, entry="nothing"), SHORT)
    with pytest.raises(VmprofError, match=f"^{name}: .*nonsense"):
        remote.profile(subject, Profiling(Counting("nonsense")))
    (broken := tmp_path / "broken.so").write_bytes(library.read_bytes()[:5000])
    with pytest.raises(VmprofError, match=rf"^{name}: broken\.so is cut short"):
        remote.profile(Subject(str(broken)), SHORT)
    # The session goes on.
    assert remote.profile(subject, SHORT).calls


def test_the_command_line(
    port: int, library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = ["--rpc", f"{HOST}:{port}"]
    out = tmp_path / "out.json"
    words = ["--repeats", "2", "--counters", "page-faults", "--strict", "--json", str(out)]
    assert main(["run", str(library), "--dim", "n=3", *there, *words]) == 0
    assert "perf::PAGE-FAULTS" in capsys.readouterr().out
    assert Report.from_json(out.read_text()).provenance["Host"] == socket.gethostname()

    for command in (["events", "page-faults"], ["events", "--names"], ["events", "--json"]):
        found = [(main([*command, *more]), capsys.readouterr().out) for more in ([], there)]
        assert found[0] == found[1]
    here = diagnosis()
    assert main(["doctor", "--json", *there]) == (0 if here.hardware else 1)
    found_there = json.loads(capsys.readouterr().out)["findings"]
    assert [each["topic"] for each in found_there] == [each.topic for each in here.findings]
    assert main(["peaks", "--history", *there]) == 0

    assert main(["run", "mlp", *there, "--tracker", "a:1", "--rpc-key", "k"]) == 1
    assert "give either" in capsys.readouterr().err
    assert main(["run", "mlp", "--tracker", "a:1"]) == 1
    assert "go together" in capsys.readouterr().err


def test_versions_are_compared_before_anything_is_sent() -> None:
    with (
        server_of_another_version() as port,
        pytest.raises(VmprofError, match=r"has vmprof 0\.0\.7 there and .* here; install the same"),
    ):
        Remote.connect(HOST, port)
    with (
        server_of_tvm_alone() as port,
        pytest.raises(VmprofError, match="TVM's alone and cannot profile; start vmprof rpc-server"),
    ):
        Remote.connect(HOST, port)


def test_where_no_server_listens() -> None:
    with pytest.raises(VmprofError, match="is vmprof rpc-server running there"):
        Remote.connect(HOST, free_port())
    with pytest.raises(VmprofError, match="there is no host 'nowhere"):
        Remote.connect("nowhere.invalid", 9090)
    with pytest.raises(VmprofError, match="there is no tracker at"):
        Remote.request((HOST, free_port()), KEY)


# Ends itself, as by SIGKILL, once progress says the second argument.
_DIES = """
import os, signal, sys
from vmprof import Remote
from vmprof.drivers.host import diagnosis
from vmprof.drivers.options import Profiling
from vmprof.record.rounds.options import Rounds
from vmprof.subject.options import Subject

port, library, phase, rounds = sys.argv[1:]

def progress(step):
    if phase in step:
        os.kill(os.getpid(), signal.SIGKILL)

with Remote.connect("127.0.0.1", int(port)) as remote:
    remote.profile(
        Subject(library, dimensions={"n": 3}), Profiling(rounds=Rounds(int(rounds), 1)),
        progress=progress
    )
"""


@pytest.mark.parametrize(
    ("phase", "rounds"), [("sending", 1), ("measuring", 10**9), ("fetching", 1)]
)
def test_a_client_that_dies_leaves_nothing(
    port: int, temporary: Path, library: Path, phase: str, rounds: int
) -> None:
    command = [sys.executable, "-c", _DIES, str(port), str(library), phase, str(rounds)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    # The server serves the next one, after it has cleaned up.
    with Remote.connect(HOST, port) as remote:
        assert len(left_in(temporary)) == 1
        assert remote.doctor().findings
    eventually(lambda: not left_in(temporary))


def test_an_interrupt_leaves_nothing(port: int, temporary: Path, library: Path) -> None:
    command = [sys.executable, "-m", "vmprof", "run", str(library), "--rpc", f"{HOST}:{port}"]
    with subprocess.Popen(
        [*command, "--dim", "n=3", "--repeats", "1000000000"], stderr=subprocess.PIPE, text=True
    ) as client:
        try:
            eventually(lambda: [*temporary.glob("vmprof-rpc-*/session-*/*/*.so")])
        finally:  # it would measure for ever
            client.send_signal(signal.SIGINT)
        assert client.stderr is not None
        assert client.stderr.read() == "vmprof: interrupted\n"
    assert client.returncode == 130
    eventually(lambda: not left_in(temporary))


def test_a_process_of_the_server_that_dies(port: int, temporary: Path, subject: Subject) -> None:
    def kill(step: str) -> None:
        if "measuring" in step:
            os.kill(session, signal.SIGKILL)

    with Remote.connect(HOST, port) as remote:
        (folder,) = left_in(temporary)
        (session,) = processes_in(folder)
        with pytest.raises(VmprofError, match=r"was lost while measuring.*may have been ended"):
            remote.profile(subject, Profiling(rounds=Rounds(10**9, 1)), progress=kill)
    with Remote.connect(HOST, port) as remote:
        assert remote.profile(subject, SHORT).calls
    eventually(lambda: not left_in(temporary))


def processes_in(folder: Path) -> list[int]:
    """Processes whose current folder that is."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if each.readlink() == folder:
                found.append(int(each.parent.name))
    return found


# To TVM's server: of another protocol, without a key, with one that is no text.
@pytest.mark.parametrize("said", ["GET / HTTP/1.1", "\x71\xf2\x0f\0" + 4 * "\0", "\xff"])
def test_who_speaks_another_language_is_put_off(port: int, said: str) -> None:
    with socket.create_connection((HOST, port)) as connection:
        connection.sendall(said.encode("latin-1"))
    with Remote.connect(HOST, port) as remote:
        assert remote.host.name


def test_clients_wait_for_each_other(port: int) -> None:
    names: list[str] = []
    with Remote.connect(HOST, port):
        with pytest.raises(VmprofError, match=r"still busy with another client after 0\.5 s"):
            Remote.connect(HOST, port, timeout=0.5)
        told: list[str] = []
        waiting = Thread(target=lambda: names.append(_name(port, told.append)))
        waiting.start()
        eventually(lambda: told)
        assert not names
    waiting.join()
    assert names == [socket.gethostname()]


def test_a_host_that_is_gone_is_noticed(port: int) -> None:
    """Connections are kept alive, which TVM does not do."""
    with kept_alive() as addresses:
        connection = socket.create_connection((HOST, port))
    assert addresses == [(HOST, port)]
    with connection:
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
    # The server does not wait for ever for one that says nothing.
    with Remote.connect(HOST, port) as remote:
        assert remote.host.name


def _name(port: int, progress: Progress) -> str:
    with Remote.connect(HOST, port, progress=progress) as remote:
        return remote.host.name


def test_a_session_that_takes_too_long(port: int, subject: Subject) -> None:
    with (
        Remote.connect(HOST, port, timeout=2) as remote,
        pytest.raises(VmprofError, match="took longer than it was given, while measuring"),
    ):
        remote.profile(subject, Profiling(rounds=Rounds(10**9, 1)))


def test_servers_of_a_tracker(tmp_path: Path, subject: Subject) -> None:
    with tracker() as at:
        address = (HOST, at)
        with pytest.raises(VmprofError, match="has no server under the key 'board'; start one"):
            Remote.request(address, KEY)
        options = ("--tracker", f"{HOST}:{at}", "--key", KEY)
        with (
            vmprof_server(tmp_path, *options) as first,
            vmprof_server(tmp_path, *options) as second,
        ):
            eventually(lambda: _registered(address) == 2)
            with Remote.request(address, KEY) as one, Remote.request(address, KEY) as other:
                assert len(left_in(tmp_path)) == 2
                assert {one.host.address, other.host.address} == {
                    f"{HOST}:{port}" for port in (first, second)
                }
                assert one.profile(subject, SHORT).calls
                assert other.profile(subject, SHORT).calls
            # Each of them again, once it has told the tracker that it is free.
            with Remote.request(address, KEY), Remote.request(address, KEY):
                pass
    with pytest.raises(VmprofError, match="there is no tracker at"):
        Remote.request(address, KEY)


def _registered(address: tuple[str, int]) -> int:
    at_tracker = rpc.connect_tracker(*address)
    try:
        return len(at_tracker.summary()["server_info"])
    finally:
        at_tracker.close()


def test_a_server_that_is_killed(tmp_path: Path) -> None:
    """Its clients' processes go with it, and the next server removes what it left."""
    with vmprof_server(tmp_path) as port, Remote.connect(HOST, port):
        (folder,) = left_in(tmp_path)
        (session,) = processes_in(folder)
        server = int(Path(f"/proc/{session}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(server, signal.SIGKILL)
        eventually(lambda: not Path(f"/proc/{session}").exists())
        assert left_in(tmp_path)
    with vmprof_server(tmp_path):
        assert not left_in(tmp_path)


def test_files_of_clients_are_private(port: int, temporary: Path) -> None:
    with Remote.connect(HOST, port):
        (folder,) = left_in(temporary)
        assert folder.stat().st_mode & 0o077 == 0
        assert folder.parent.stat().st_mode & 0o077 == 0
