"""Real servers and a real tracker, each a process of its own on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"

# Runs `vmprof rpc-server` as if it were of another version.
_OTHER_VERSION = """
import sys
import vmprof.version
vmprof.version.__version__ = "0.0.7"
sys.argv[0] = "vmprof"
from vmprof.cli.main import program
sys.exit(program())
"""
# TVM's server and tracker, without the processes around them.
_OF_TVM_ALONE = """
from tvm.rpc.server import PopenRPCServerState
print(f"listening at {host}:" + str(PopenRPCServerState({host!r}, {port}, {port} + 1).port),
      flush=True)
"""
_TRACKER = """
from tvm.rpc.tracker import PopenTrackerServerState
print(f"listening at {host}:" + str(PopenTrackerServerState({host!r}, {port}, {port} + 1).port),
      flush=True)
"""


@contextmanager
def vmprof_server(
    temporary: Path, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """The port of ``vmprof rpc-server``, whose temporary files lie in ``temporary``."""
    command = [sys.executable, "-m", "vmprof", "rpc-server", "--port", "0", *options]
    with _listening(command, {"TMPDIR": str(temporary), **(environment or {})}) as port:
        yield port


@contextmanager
def server_of_another_version() -> Iterator[int]:
    with _listening([sys.executable, "-c", _OTHER_VERSION, "rpc-server", "--port", "0"]) as port:
        yield port


@contextmanager
def server_of_tvm_alone() -> Iterator[int]:
    code = _OF_TVM_ALONE.format(host=HOST, port=free_port())
    with _listening([sys.executable, "-c", code]) as port:
        yield port


@contextmanager
def tracker() -> Iterator[int]:
    code = _TRACKER.format(host=HOST, port=free_port())
    with _listening([sys.executable, "-c", code]) as port:
        yield port


@contextmanager
def _listening(command: list[str], environment: Mapping[str, str] | None = None) -> Iterator[int]:
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline().rpartition(":")[2])
        process.terminate()
        process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def free_port() -> int:
    with socket.create_server((HOST, 0)) as found:
        return int(found.getsockname()[1])


def eventually(holds: Callable[[], object]) -> None:
    """Wait until it ``holds``; a minute is more than it ever takes."""
    give_up = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < give_up, "it never came about"
        time.sleep(0.05)
