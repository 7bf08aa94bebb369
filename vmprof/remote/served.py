"""The functions that a server has, besides TVM's, in the process of one client.

All take and return texts and bytes. What takes time is started, and goes on while the client
waits for it: :mod:`vmprof.remote.job`.
"""

from __future__ import annotations

import platform
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NoReturn

import tvm
import tvm_ffi

from vmprof.counters import Machine
from vmprof.counters.hardware.host import describe_host
from vmprof.remote import exchange
from vmprof.remote.exchange import CHUNK, RemoteHost, encoded
from vmprof.remote.job import Job
from vmprof.remote.work import WORK, path_of
from vmprof.version import __version__
from vmprof.zoo.lowering.host import this_target


class Served:
    """One client's files, in ``folder``, and what it has started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._job: Job | None = None
        self._jobs: SimpleQueue[Job] = SimpleQueue()

    def register(self) -> None:
        """Have TVM's RPC find the functions."""
        functions: dict[str, Callable[..., Any]] = {
            exchange.HELLO: self.hello,
            exchange.PUT: self.put,
            exchange.START: self.start,
            exchange.WAIT: self.wait,
            exchange.TAKE: self.take,
        }
        for name, function in functions.items():
            tvm_ffi.register_global_func(name, function, override=True)

    def work(self) -> NoReturn:
        """Do what is started, in the thread that calls this: a model runs in the main one."""
        while True:
            self._jobs.get().run()

    def hello(self) -> str:
        """The :class:`RemoteHost`, the first thing that is asked."""
        return encoded(this_host())

    def put(self, name: str, begin: int, data: bytes) -> str:
        """Write the part of a file that begins there; what is in the way, or ``""``."""
        path = path_of(self._folder, name)
        try:
            path.parent.mkdir(exist_ok=True)
            if begin == 0:
                path.unlink(missing_ok=True)  # one that was loaded stays as it is
            with path.open("ab") as file:
                file.write(data)
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def start(self, what: str, order: str) -> None:
        """Begin ``what``, a key of :data:`vmprof.remote.work.WORK`."""
        work = partial(WORK[what], self._folder, str(order))
        self._job = Job(work, self._folder)
        self._jobs.put(self._job)

    def wait(self) -> str:
        """What is new, once there is something: a :class:`vmprof.remote.exchange.News`."""
        assert self._job is not None
        return encoded(self._job.wait())

    def take(self, offset: int) -> bytes:
        """So much of the result as goes over at once."""
        assert self._job is not None
        return self._job.result[offset : offset + CHUNK]


def this_host() -> RemoteHost:
    """What the host tells of itself."""
    target = this_target()
    return RemoteHost(
        name=socket.gethostname(),
        protocol=exchange.PROTOCOL,
        vmprof=__version__,
        tvm=tvm.__version__,
        tvm_ffi=tvm_ffi.__version__,
        machine=platform.machine(),
        target=target.text,
        target_note=target.note,
        provenance=dict(describe_host(Machine.read())),
    )
