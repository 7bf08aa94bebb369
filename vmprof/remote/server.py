"""TVM's RPC server, with vmprof's functions in it.

TVM's own loop waits for clients, at a tracker or alone, and serves one after the other, each in
a process that is forked for it. What is done around such a process is done here: TVM's server
serves nobody any more once one of them has crashed, leaves what was sent to it, and waits for
clients that are long gone.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import select
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn

from tvm.rpc import _ffi_api as tvm_rpc
from tvm.rpc import server as tvm_server
from tvm.support import utils

from vmprof.errors import VmprofError
from vmprof.remote.alive import keep_alive
from vmprof.remote.served import Served

_LOGGER = logging.getLogger("RPCServer")  # TVM's

# In seconds: for a client to say who it is, for a process to end whose client has gone, and
# before another try of what went wrong.
_HANDSHAKE, _GRACE, _PAUSE = 10.0, 2.0, 0.5

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Listening:
    """Where a server listens, and the tracker that has it under ``key``.

    Port 0 is one that is free. ``custom_address`` is what the tracker tells clients, where that
    is not what it sees.
    """

    host: str
    port: int
    tracker: tuple[str, int] | None = None
    key: str = ""
    custom_address: str | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether only this host can reach it."""
        return all(
            each[4][0] == "::1" or str(each[4][0]).startswith("127.")
            for each in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        )

    def open(self) -> socket.socket:
        """Listen; :class:`VmprofError` says why not."""
        try:
            (family, *_, address), *_ = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM
            )
            listening = socket.create_server(address[:2], family=family)
        except OSError as error:
            raise VmprofError(
                f"cannot listen at {self.host}:{self.port}: {error.strerror}; choose another with "
                "--host and --port"
            ) from error
        return listening


def serve(listening: socket.socket, where: Listening, folder: Path) -> NoReturn:
    """Serve one client after the other, until an interrupt; their files lie in ``folder``."""
    port = listening.getsockname()[1]
    # TVM has no other way to stand around it.
    tvm_server._serving = partial(_serve_client, folder)  # noqa: SLF001
    # For connections from now on: who says nothing shall not keep others waiting.
    socket.setdefaulttimeout(_HANDSHAKE)
    listening.settimeout(None)
    while True:
        try:
            tvm_server._listen_loop(  # noqa: SLF001
                listening, port, where.key, where.tracker, None, where.custom_address
            )
        except Exception as error:  # noqa: BLE001 # who connects may send anything
            _LOGGER.warning("%s: %s; going on", type(error).__name__, error)
            time.sleep(_PAUSE)


def _serve_client(
    folder: Path,
    connection: socket.socket,
    address: Any,
    options: Mapping[str, Any],
    load_library: str | None,
) -> None:
    """In place of TVM's function of the same task."""
    connection.settimeout(None)
    keep_alive(connection)
    _LOGGER.info("serving %s", address)
    with ExitStack() as stack:
        stack.callback(connection.close)
        own = Path(tempfile.mkdtemp(prefix="session-", dir=folder))
        stack.callback(shutil.rmtree, own, ignore_errors=True)
        process = multiprocessing.get_context("fork").Process(
            target=_session, args=(connection, own, load_library)
        )
        process.start()
        stack.callback(_end, process)
        how = _until_over(process, connection, options.get("timeout"))
    _LOGGER.info("%s: %s", address, how)


def _until_over(process: BaseProcess, connection: socket.socket, seconds: float | None) -> str:
    """Wait for a session to end, and for no longer than its client is there; how it was."""
    poll = select.poll()
    poll.register(process.sentinel, select.POLLIN)
    poll.register(connection, select.POLLRDHUP)
    found = {number for number, _ in poll.poll(None if seconds is None else 1000 * seconds)}
    if not found:
        tvm_rpc.ReturnException(
            connection.fileno(), f"RPCSessionTimeoutError: the {seconds:g} s given to it are over"
        )
        return f"ended after {seconds:g} s"
    process.join(_GRACE)
    if process.exitcode is None:
        return "the client has gone; what it had begun was ended"
    return "done" if process.exitcode == 0 else f"its process ended with {process.exitcode}"


def _end(process: BaseProcess) -> None:
    """And what it has started: it is a process group of its own."""
    assert process.pid is not None
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def _session(connection: socket.socket, folder: Path, load_library: str | None) -> None:
    """The process of one client."""
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    socket.setdefaulttimeout(None)
    os.chdir(folder)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    served = Served(folder)
    served.register()
    tvm_server._server_env(load_library, utils.tempdir(str(folder / "tvm")))  # noqa: SLF001
    Thread(target=_loop, args=(connection,), name="vmprof-rpc", daemon=True).start()
    served.work()


def _loop(connection: socket.socket) -> None:
    """Answer the client until it is gone, and nobody waits for what goes on any more."""
    try:
        tvm_rpc.ServerLoop(connection.fileno())
    except Exception as error:  # noqa: BLE001 # TVM raises what it likes
        _LOGGER.warning("%s", error)
    os._exit(0)
