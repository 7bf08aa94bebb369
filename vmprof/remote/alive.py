"""Connections whose other end may be gone without a word: a host without power, a cut network."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# When to ask whether the other end is there, if nothing comes: in seconds; how often; and how many
# times it may leave that unanswered. A minute together.
_IDLE, _INTERVAL, _UNANSWERED = 30, 10, 3
_UNACKNOWLEDGED = 60_000  # milliseconds

_DESCRIPTORS = Path("/proc/self/fd")


def keep_alive(connection: socket.socket) -> None:
    """Let ``connection`` fail once its other end has been gone for a minute."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_KEEPIDLE, _IDLE),
        (socket.TCP_KEEPINTVL, _INTERVAL),
        (socket.TCP_KEEPCNT, _UNANSWERED),
        (socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED),
    ):
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


@contextmanager
def kept_alive() -> Iterator[list[tuple[str, int]]]:
    """:func:`keep_alive` for connections that are made inside, by TVM, which hides its own.

    Gives the addresses that they lead to, once it is left.
    """
    before = _sockets()
    addresses: list[tuple[str, int]] = []
    yield addresses
    for name, descriptor in _sockets().items():
        if name not in before:
            # Of another kind, or not there any more.
            with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
                keep_alive(connection)
                addresses.append(connection.getpeername()[:2])


def _sockets() -> dict[str, int]:
    """The process's sockets, by their names in Linux, and their descriptors."""
    found = {}
    for each in _DESCRIPTORS.iterdir():
        with suppress(OSError):  # such as that of the folder itself
            name = str(each.readlink())
            if name.startswith("socket:"):
                found[name] = int(each.name)
    return found
