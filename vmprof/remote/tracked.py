"""The servers that TVM's tracker has under a key, to be used one by one.

A server that is registered takes none but the client that the tracker sent, which proves it by
the key of that one match. So a request is left with the tracker until it gives a server, whichever
is free; servers come back to the end of its queue when they are free again.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from tvm import rpc
from tvm.rpc import base
from tvm.rpc.base import TrackerCode

from vmprof.errors import VmprofError
from vmprof.progress import Progress
from vmprof.remote.gather import Server
from vmprof.remote.options import shown
from vmprof.report.model import Report

# A server that the tracker gave, and that nobody then connects to, is kept from all others until
# it registers again, after up to 8 seconds. So we pass by those that we do not want once, and
# wait for so many seconds before we do so again.
_PAUSE = 15.0
_ANSWER = 10.0  # seconds that a tracker may take for a list


class TrackedServer:
    """The server at ``host`` and ``port``, ours alone if we come with ``match``."""

    def __init__(self, host: str, port: int, match: str, measure: Measure) -> None:
        self.host, self.port, self.match = host, port, match
        self._measure = measure

    @property
    def address(self) -> str:
        return shown(self.host, self.port)

    def measured(self, progress: Progress) -> Report:
        return self._measure(self, progress)

    def hang_up(self) -> None:
        """Close our connection below TVM, which waits in it for an answer and cannot be told."""
        with suppress(OSError):
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            peers = {address[:2] for *_, address in found}
            for descriptor in _open_sockets():
                with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
                    if connection.getpeername()[:2] in peers:
                        connection.shutdown(socket.SHUT_RDWR)


Measure = Callable[[TrackedServer, Progress], Report]


class TrackedServers:
    """All under ``key`` at the tracker; ``measure`` is what each is used for.

    :class:`VmprofError` for a tracker that cannot be reached, or has none.
    """

    def __init__(self, tracker: tuple[str, int], key: str, measure: Measure) -> None:
        self._tracker, self._key = tracker, key
        self._measure = measure
        self._summaries = self._connected()
        self._requests = self._connected()
        self._is_requested = False
        self._passed: set[str] = set()
        self._not_before = 0.0

    def __enter__(self) -> TrackedServers:  # noqa: PYI034 # Python 3.10 has no Self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._summaries.close()
        self._requests.close()  # a tracker gives nothing to a client that is gone

    def listed(self) -> Sequence[str]:
        """In order of their addresses; two registrations of one address are one server."""
        with self._told():
            summary = self._summaries.summary()
        found = {
            (host, port)
            for each in summary["server_info"]
            if each["key"] == f"server:{self._key}"
            for host, port in [each["addr"]]
            if isinstance(host, str) and isinstance(port, int)  # anybody can register anything
        }
        return [shown(host, port) for host, port in sorted(found)]

    def check(self) -> None:
        """Raise :class:`VmprofError` if there is none."""
        if not self.listed():
            where = shown(*self._tracker)
            raise VmprofError(
                f"the tracker at {where} has no server under the key {self._key!r}; start one: "
                f"vmprof rpc-server --tracker {where} --key {self._key}"
            )

    def given(self, seconds: float) -> TrackedServer | None:
        if time.monotonic() < self._not_before:
            time.sleep(seconds)
            return None
        connection = self._requests._sock  # noqa: SLF001
        with self._told():
            if not self._is_requested:
                base.sendjson(connection, [TrackerCode.REQUEST, self._key, "", 1])
                self._is_requested = True
            if not select.select([connection], [], [], seconds)[0]:
                return None
            code, answer = base.recvjson(connection)
            if code != TrackerCode.SUCCESS:
                raise OSError(f"it answered with {code}")
            self._is_requested = False
        host, port, match = answer
        return TrackedServer(host, port, match, self._measure)

    def put_off(self, server: Server) -> None:
        if server.address in self._passed:
            self._passed.clear()
            self._not_before = time.monotonic() + _PAUSE
        self._passed.add(server.address)

    def _connected(self) -> Any:
        with self._told():
            socket.create_connection(self._tracker, timeout=_ANSWER).close()
            connected = rpc.connect_tracker(*self._tracker)  # tries for a minute
            connected._sock.settimeout(_ANSWER)  # noqa: SLF001
            return connected

    def _told(self) -> _Told:
        return _Told(shown(*self._tracker))


class _Told:
    """Around what is asked of the tracker."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, OSError | RuntimeError | ValueError):
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise VmprofError(
                f"the tracker at {self._address} does not answer: {reason}; is python -m "
                "tvm.exec.rpc_tracker running there?"
            ) from error


def _open_sockets() -> list[int]:
    return [int(each.name) for each in Path("/proc/self/fd").iterdir() if each.is_socket()]
