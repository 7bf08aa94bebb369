"""Let others profile on this machine: TVM's RPC server, with vmprof's functions in it.

vmprof run, events, doctor and peaks with --rpc HOST:PORT do their work here, one
client after the other; so do programs that use TVM's own RPC. With --tracker and
--key it is one of the servers that a tracker of TVM's hands out.

Whoever can reach it can run whatever they like as this user: it listens on this
machine alone, unless --host says otherwise. From elsewhere it is best reached
through a tunnel: ssh -L 9090:localhost:9090 BOARD

Examples:
  vmprof rpc-server
  vmprof rpc-server --host 0.0.0.0 --tracker desk:9190 --key board

"""

from __future__ import annotations

import argparse
import signal
import sys
from types import FrameType

from vmprof.cli.output import print_out
from vmprof.errors import VmprofError
from vmprof.remote.options import address, shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="the address to listen at (default: 127.0.0.1, which this machine alone can reach)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=9090,
        metavar="N",
        help="0: one that is free (default: 9090)",
    )
    parser.add_argument(
        "--tracker", type=address, metavar="HOST:PORT", help="a tracker of TVM's to register at"
    )
    parser.add_argument("--key", metavar="KEY", help="under which the tracker hands it out")
    parser.add_argument(
        "--custom-addr",
        metavar="ADDRESS",
        help="what the tracker tells clients (default: what it sees of this host)",
    )


def execute(options: argparse.Namespace) -> None:
    if (options.tracker is None) != (options.key is None):
        raise VmprofError("--tracker HOST:PORT and --key KEY go together")
    # TVM, which takes time to load.
    from vmprof.remote.folders import server_folder
    from vmprof.remote.server import Listening, serve

    where = Listening(
        options.host, options.port, options.tracker, options.key or "", options.custom_addr
    )
    listening = where.open()
    if not where.is_loopback:
        print(
            f"vmprof: warning: listening at {options.host}: whoever can reach this host can run "
            "whatever they like on it as this user; in a network that is not all yours, listen on "
            "loopback and use a tunnel (docs/how-to/remote.md)",
            file=sys.stderr,
        )
    # As an interrupt, so that nothing is left.
    signal.signal(signal.SIGTERM, _interrupt)
    with server_folder() as folder:
        host, port, *_ = listening.getsockname()
        print_out(f"listening at {shown(host, port)}\n")
        serve(listening, where, folder)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise KeyboardInterrupt


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)
