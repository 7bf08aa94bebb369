"""A connection to TVM's RPC server, on which whatever goes wrong is told in a line."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any

from tvm import rpc

from vmprof.errors import VmprofError
from vmprof.progress import Progress, silent, within
from vmprof.remote.alive import kept_alive
from vmprof.remote.options import shown

# TVM's words before what a function of the server raised.
_RAISED_THERE = "Error caught from RPC call"
_TIMED_OUT = "RPCSessionTimeoutError"
_MISMATCH = re.compile(r"server protocol=(\S+?),\s*client protocol=(\S+)")

_PART = 0.2  # seconds


class Connection:
    """A session of TVM's, with the server at ``address``, ``HOST:PORT``."""

    def __init__(self, address: str, session: Any) -> None:
        self.address = address
        self._session = session
        self._functions: dict[str, Any] = {}

    def has(self, name: str) -> bool:
        """Whether the server has a function of that name."""
        with self._told(f"asking for its function {name}"):
            try:
                self._functions[name] = self._session.get_function(name)
            except AttributeError:
                return False
        return True

    def call(self, name: str, *arguments: Any, doing: str) -> Any:
        """A text or bytes that the function gives, while ``doing`` something that errors name."""
        if name not in self._functions and not self.has(name):
            raise VmprofError(f"{self.address} has no function {name}")
        with self._told(doing):
            found = self._functions[name](*arguments)
        # TVM's own kinds of them, of which msgspec knows nothing.
        return str(found) if isinstance(found, str) else found

    def close(self) -> None:
        """End the session; the server then serves the next client."""
        self._functions.clear()
        session, self._session = self._session, None
        if session is not None:
            with suppress(Exception):  # it may be lost long since
                session.get_function("CloseRPCConnection")()

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        if self._session is None:
            raise VmprofError(f"the connection to {self.address} is closed; connect again")
        try:
            yield
        except (VmprofError, AttributeError):
            raise
        except Exception as error:  # TVM raises what it likes
            text = str(error)
            if _TIMED_OUT in text:
                problem = f"{self.address} took longer than it was given, while {doing}"
            elif _RAISED_THERE in text:
                reason = text.strip().splitlines()[-1]
                problem = f"the server at {self.address} failed while {doing}: {reason}"
            else:
                problem = (
                    f"the connection to {self.address} was lost while {doing}: its process may "
                    "have been ended, as by a model that crashes or wants too much memory, or the "
                    "network is interrupted; what the server printed may say more"
                )
            raise VmprofError(problem) from error


def connected(
    host: str,
    port: int,
    timeout: float | None = None,
    progress: Progress = silent,
    *,
    key: str = "",
) -> Connection:
    """A connection to the server there; one that serves another client is waited for.

    ``key`` is that of the match, of a server that a tracker gave. ``timeout``, in seconds, bounds
    the waiting, and then the session.
    """
    address = shown(host, port)
    _check_name(host, port)
    session, _ = _within(
        lambda: rpc.connect(host, port, key, session_timeout=timeout or 0),
        timeout,
        f"{address} is still busy with another client",
        lambda error: _not_connected(address, error),
        within(progress, f"waiting for {address}"),
    )
    return Connection(address, session)


def requested(
    tracker: tuple[str, int],
    key: str,
    timeout: float | None = None,
    progress: Progress = silent,
) -> Connection:
    """A connection to a free server of those that a tracker has under ``key``."""
    address = shown(*tracker)
    _check_name(*tracker)
    _check_listens(tracker, f"there is no tracker at {address}")

    def request() -> Any:
        at_tracker = rpc.connect_tracker(*tracker)
        try:
            if not any(
                each["key"] == f"server:{key}" for each in at_tracker.summary()["server_info"]
            ):
                raise VmprofError(
                    f"the tracker at {address} has no server under the key {key!r}; start one: "
                    f"vmprof rpc-server --tracker {address} --key {key}"
                )
            return at_tracker.request(key, session_timeout=timeout or 0, max_retry=1)
        finally:
            at_tracker.close()

    session, found = _within(
        request,
        timeout,
        f"all servers that the tracker at {address} has under the key {key!r} are still busy",
        lambda error: VmprofError(
            f"the tracker at {address} gave no server under the key {key!r}: {_reason(error)}"
        ),
        within(progress, f"waiting for a server under the key {key!r}"),
    )
    # Of several, others were made at the same time, by other threads.
    return Connection(shown(*found[0]) if len(found) == 1 else f"{key} of {address}", session)


def _within(
    connect: Callable[[], Any],
    timeout: float | None,
    too_late: str,
    told: Callable[[Exception], VmprofError],
    progress: Progress,
) -> tuple[Any, list[tuple[str, int]]]:
    """What ``connect`` gives, and the addresses that it connected to.

    Nobody waits for it longer than ``timeout`` seconds.
    """
    found: list[tuple[Any, list[tuple[str, int]]]] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            with kept_alive() as addresses:
                session = connect()
            found.append((session, addresses))
        except Exception as error:  # noqa: BLE001 # TVM raises what it likes
            failed.append(error)

    waiting = Thread(target=run, name="vmprof-connect", daemon=True)
    began = time.monotonic()
    waiting.start()
    while waiting.is_alive():
        # In small parts: what waits for ever cannot be interrupted.
        waiting.join(_PART)
        progress("")
        if timeout is not None and time.monotonic() - began > timeout and waiting.is_alive():
            raise VmprofError(f"{too_late} after {timeout:g} s; try again later")
    if failed:
        raise failed[0] if isinstance(failed[0], VmprofError) else told(failed[0])
    return found[0]


def _not_connected(address: str, error: Exception) -> VmprofError:
    mismatch = _MISMATCH.search(str(error))
    if mismatch is not None:
        return VmprofError(
            f"TVM's RPC protocol is {mismatch[1]} at {address} and {mismatch[2]} here; install the "
            "same version of apache-tvm on both hosts"
        )
    if "not TVM RPC server" in str(error):
        return VmprofError(f"what listens at {address} is no RPC server of TVM's")
    if "cannot find server that matches key" in str(error):
        return VmprofError(
            f"the server at {address} is registered at a tracker; ask for it there: --tracker"
        )
    return VmprofError(
        f"cannot connect to {address}: {_reason(error)}; is vmprof rpc-server running there?"
    )


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _check_name(host: str, port: int) -> None:
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise VmprofError(f"there is no host {host!r}: {error.strerror}") from error


def _check_listens(address: tuple[str, int], otherwise: str) -> None:
    """TVM would try a tracker that does not listen for a minute."""
    try:
        socket.create_connection(address, timeout=10).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise VmprofError(
            f"{otherwise}: {reason}; start it: python -m tvm.exec.rpc_tracker"
        ) from error
