"""Where to do it: on this host or on another one, and the same on the command line."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmprof.errors import VmprofError
from vmprof.progress import Progress, silent

if TYPE_CHECKING:
    from vmprof.remote.client import Remote

Address = tuple[str, int]


@dataclass(frozen=True)
class Where:
    """The server at ``rpc``, or a free one of those that ``tracker`` has under ``key``.

    Neither is this host, and then it is false.
    """

    rpc: Address | None = None
    tracker: Address | None = None
    key: str | None = None

    def __bool__(self) -> bool:
        return self.rpc is not None or self.tracker is not None

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        where = parser.add_argument_group("where to do it, if not here (docs/how-to/remote.md)")
        where.add_argument(
            "--rpc",
            type=address,
            metavar="HOST:PORT",
            help="on the host that has this server: vmprof rpc-server",
        )
        Where.add_tracker_arguments(where)

    @staticmethod
    def add_tracker_arguments(where: argparse._ActionsContainer) -> None:
        where.add_argument(
            "--tracker",
            type=address,
            metavar="HOST:PORT",
            help="on a host that this tracker of TVM's has a free server of",
        )
        where.add_argument(
            "--rpc-key", metavar="KEY", help="under which the tracker has its servers"
        )

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> Where:
        rpc = getattr(options, "rpc", None)
        if rpc is not None and options.tracker is not None:
            raise VmprofError("--rpc names a server and --tracker asks for one; give either")
        if (options.tracker is None) != (options.rpc_key is None):
            raise VmprofError("--tracker HOST:PORT and --rpc-key KEY go together")
        return cls(rpc, options.tracker, options.rpc_key)

    def connect(self, timeout: float | None = None, progress: Progress = silent) -> Remote:
        """A connection to the server, if it is not this host; ``progress`` hears of waiting."""
        from vmprof.remote.client import Remote  # TVM, which takes time to load

        if self.rpc is not None:
            return Remote.connect(*self.rpc, timeout=timeout, progress=progress)
        assert self.tracker is not None
        assert self.key is not None
        return Remote.request(self.tracker, self.key, timeout=timeout, progress=progress)


def address(text: str) -> Address:
    """``HOST:PORT``; a host that is written with colons stands in brackets."""
    host, separator, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    if not (separator and host and (bracketed or ":" not in host) and _is_port(port)):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form HOST:PORT")
    return host, int(port)


def shown(host: str, port: int) -> str:
    """An address as :func:`address` takes it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 1 << 16
