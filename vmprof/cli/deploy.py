"""Install vmprof on another host, by ssh.

Makes a virtual environment in HOST's home folder, sends vmprof there, has pip install
what its server needs, and asks vmprof doctor whether it works. Prints then what
starts the server, and a tunnel to it; --start does that, until it is interrupted.

HOST is USER@HOST or a name of ssh's configuration. On it there must be Linux on
x86-64 or aarch64, Python 3.10 or newer with its venv module, and a package index
that pip can reach; of another kind of processor or version of Python than this one
also a C compiler, unless --wheel names a wheel for it.

Examples:
  vmprof deploy me@board
  vmprof deploy me@board --python python3.12 --no-compiler --start

"""

from __future__ import annotations

import argparse
import shlex
import subprocess
from pathlib import Path

from vmprof.cli.numbers import positive
from vmprof.cli.output import print_out
from vmprof.cli.progress import progress_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("host", metavar="HOST", help="where: USER@HOST")
    parser.add_argument(
        "--python",
        default="python3",
        metavar="COMMAND",
        help="the host's Python, 3.10 or newer (default: python3)",
    )
    parser.add_argument(
        "--folder",
        default=".vmprof",
        metavar="FOLDER",
        help="where in the user's home folder there (default: .vmprof)",
    )
    parser.add_argument(
        "--wheel",
        type=Path,
        metavar="FILE",
        help="a wheel or source distribution of vmprof (default: made of the source that this "
        "vmprof runs from, else what the host's package index has)",
    )
    parser.add_argument(
        "--no-compiler",
        dest="compiler",
        action="store_false",
        help="remove TVM's compiler there, most of what is installed: models are compiled here, "
        "and the host's peaks cannot be measured",
    )
    parser.add_argument(
        "--ssh-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="as ssh -o takes it, such as Port=2222; repeatable",
    )
    parser.add_argument(
        "--port",
        type=positive,
        default=9090,
        metavar="N",
        help="of the server there and of the tunnel here (default: 9090)",
    )
    parser.add_argument(
        "--start", action="store_true", help="start the server and the tunnel at the end"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress line")


def execute(options: argparse.Namespace) -> int:
    from vmprof.remote.deploy import Deployment, deploy

    deployment = Deployment(
        options.host,
        options.python,
        options.folder,
        options.wheel,
        options.compiler,
        tuple(options.ssh_option),
    )
    with progress_line(quiet=options.quiet) as progress:
        done = deploy(deployment, progress)
    start = deployment.start(options.port)
    print_out(
        f"{done.doctor}\n"
        f"installed in {options.folder} on {options.host}, {done.bytes / 1e6:,.0f} MB\n\n"
        f"start the server, and a tunnel to it:  {shlex.join(start)}\n"
        f"then profile there:                    vmprof run MODEL --rpc 127.0.0.1:{options.port}\n"
    )
    if not options.start:
        return 0
    return subprocess.run(start, check=False).returncode  # noqa: S603 # what was just printed
