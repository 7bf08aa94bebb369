"""``vmprof deploy``: over a real sshd on loopback where one can be started, else over a stand-in.

The stand-in of ssh hands the command to a shell, as a host's sshd does. The host's Python is a
stand-in always: what it has is what a test says, and it installs nothing.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest
from support.commands import Completed, run

SSHD = "/usr/sbin/sshd"
PYTHON = list(sys.version_info[:2])
FACTS = {
    "python": PYTHON,
    "machine": platform.machine(),
    "libc": ["glibc", "2.36"],
    "venv": True,
    "compiler": True,
    "headers": True,
}
WHEEL = f"tvm_vmprof-0.1.0-cp{PYTHON[0]}{PYTHON[1]}-x-linux_{platform.machine()}.whl"
STAND_IN_OF_SSH = """\
#!/bin/sh
while [ "$1" != -- ]; do
  [ "$1" = -O ] && exit 0
  shift
done
[ "$2" = me@host ] || { echo "ssh: connect to host $2: Connection refused" >&2; exit 255; }
exec sh -c "$3"
"""
STAND_IN_OF_PYTHON = """\
#!/bin/sh
here=$(dirname "$(realpath "$0")")
case "$1 $2" in
  "-c "*libc_ver*) cat "$here/facts" ;;
  "-c "*libtvm_compiler*) echo "removed the compiler" >>'{log}' ;;
  "-c "*) echo 170000000 ;;
  "-m venv")
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    printf '%s\\n' '#!/bin/sh' 'echo "problem  PMU: none"' 'exit 1' >"$3/bin/vmprof"
    chmod +x "$3/bin/vmprof" ;;
  "-m pip")
    [ ! -e '{log}.full' ] || {{ echo "ERROR: No space left on device" >&2; exit 1; }}
    echo "$@" >>'{log}' ;;
esac
"""


@dataclass
class Board:
    """A host at ``address``, with a Python that says what is in ``facts`` of its folder."""

    address: str
    options: tuple[str, ...]
    folder: Path
    python: Path

    @classmethod
    def at(cls, address: str, options: tuple[str, ...], folder: Path) -> Board:
        # Names that a shell would take apart.
        place = folder / "the board's $HOME; x"
        place.mkdir()
        python = place / "python3"
        python.write_text(STAND_IN_OF_PYTHON.format(log=folder / "log"))
        python.chmod(0o755)
        board = cls(address, options, place, python)
        board.has()
        return board

    def has(self, **facts: object) -> None:
        (self.folder / "facts").write_text(json.dumps({**FACTS, **facts}))

    @property
    def log(self) -> str:
        return (self.folder.parent / "log").read_text()

    def deploy(self, *more: str) -> Completed:
        options = ("--python", str(self.python), "--folder", str(self.folder / "made here"))
        return run("deploy", self.address, *self.options, *options, *more)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    """Behind the stand-in of ssh."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(STAND_IN_OF_SSH)
    (programs / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return Board.at("me@host", (), tmp_path)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Board]:
    """Behind a real sshd."""
    if os.getuid() != 0 or not Path(SSHD).exists() or shutil.which("ssh") is None:
        pytest.skip("no sshd can be started here: that takes root, openssh-server and -client")
    for name in ("host", "key"):
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name]
        subprocess.run(make, check=True)
    port = free_port()
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": tmp_path / "host",
        "AuthorizedKeysFile": tmp_path / "key.pub",
        "StrictModes": "no",
        "UsePAM": "no",
        "PidFile": "none",
    }
    (tmp_path / "sshd").write_text("".join(f"{name} {of}\n" for name, of in settings.items()))
    Path("/run/sshd").mkdir(exist_ok=True)
    with subprocess.Popen(
        [SSHD, "-D", "-e", "-f", tmp_path / "sshd"], stderr=subprocess.PIPE, text=True
    ) as daemon:
        assert daemon.stderr is not None
        assert "listening" in daemon.stderr.readline()
        options = {
            "Port": port,
            "IdentityFile": tmp_path / "key",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": tmp_path / "known",
        }
        flags = [part for name, of in options.items() for part in ("--ssh-option", f"{name}={of}")]
        yield Board.at("root@127.0.0.1", tuple(flags), tmp_path)
        daemon.terminate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def wheel(folder: Path, name: str = WHEEL) -> str:
    (folder / name).write_bytes(bytes(range(256)))
    return str(folder / name)


@pytest.mark.parametrize("kind", ["board", "served"])
def test_a_host_gets_what_its_server_needs(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    board: Board = request.getfixturevalue(kind)
    done = board.deploy("--wheel", wheel(tmp_path), "--no-compiler", "--port", "9191")
    assert done.returncode == 0, done.stderr
    made = board.folder / "made here"
    assert (made / WHEEL).read_bytes() == bytes(range(256))
    assert made.stat().st_mode & 0o777 == 0o700
    first, second, third = board.log.splitlines()
    for name in ("apache-tvm", "apache-tvm-ffi"):  # what a client compares
        assert f" {name}=={version(name)} " in first
    assert "msgspec" in first
    assert "jinja2" not in first
    assert second.endswith(f"--no-deps --force-reinstall {made / WHEEL}")
    assert third == "removed the compiler"
    assert "problem  PMU: none" in done.stdout
    assert "170 MB" in done.stdout
    assert "-L 9191:127.0.0.1:9191" in done.stdout
    assert "vmprof run MODEL --rpc 127.0.0.1:9191" in done.stdout


@pytest.mark.parametrize(
    ("facts", "package", "message"),
    [
        ({"python": [3, 8]}, WHEEL, "is Python 3.8, and vmprof needs 3.10 or newer"),
        ({"venv": False}, WHEEL, "lacks its venv module; on Debian or Ubuntu run there: sudo apt"),
        ({"machine": "riscv64"}, WHEEL, "has processors of the kind riscv64"),
        ({"libc": ["", ""]}, WHEEL, "has the C library musl, or another; the wheels"),
        ({"libc": ["glibc", "2.27"]}, WHEEL, "has the C library glibc 2.27; the wheels"),
        ({"python": [3, 99]}, WHEEL, "is no wheel for Python 3.99 on"),
        ({"compiler": False}, "tvm_vmprof-0.1.0.tar.gz", "which takes a C compiler (gcc) there"),
        ({"headers": False}, "tvm_vmprof-0.1.0.tar.gz", "takes Python's C headers (python3-dev)"),
    ],
)
def test_what_a_host_lacks(
    board: Board, facts: dict[str, object], package: str, message: str, tmp_path: Path
) -> None:
    board.has(**facts)
    done = board.deploy("--wheel", wheel(tmp_path, package))
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (board.folder / "made here").exists()


def test_what_goes_wrong_on_the_way(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = wheel(tmp_path)
    (tmp_path / "log.full").touch()
    full = board.deploy("--wheel", package)
    assert full.stderr == (
        "vmprof: error: pip cannot install vmprof on me@host: No space left on device\n"
    )
    board.python.unlink()
    assert "me@host has no command /" in board.deploy("--wheel", package).stderr
    board.address = "me@nowhere"
    assert "ssh cannot reach me@nowhere: ssh: connect to host" in board.deploy().stderr
    assert "there is no file nothing.whl" in board.deploy("--wheel", "nothing.whl").stderr
    board.address = "-oProxyCommand=false"
    assert run("deploy", "--", board.address).stderr.startswith("vmprof: error: '-oProxyCommand")
    monkeypatch.setenv("PATH", "/nowhere")
    board.address = "me@host"
    assert "to deploy takes ssh, which is not there" in board.deploy().stderr


def test_a_real_ssh_that_finds_nobody(tmp_path: Path) -> None:
    if shutil.which("ssh") is None:
        pytest.skip("ssh is not there")
    board = Board.at("127.0.0.1", ("--ssh-option", f"Port={free_port()}"), tmp_path)
    done = board.deploy()
    assert done.returncode == 1
    assert "ssh cannot reach 127.0.0.1: ssh: connect to host 127.0.0.1 port" in done.stderr
