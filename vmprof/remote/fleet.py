"""A model on all servers that a tracker has under a key: one study."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from vmprof.compare.study import Study, StudyFolder
from vmprof.counters.hardware.instruction_sets import HostTarget
from vmprof.defaults import DEFAULT_ENGINE
from vmprof.drivers.keywords import wanted
from vmprof.drivers.options import Profiling
from vmprof.errors import VmprofError
from vmprof.inputs import Given
from vmprof.progress import Progress, silent
from vmprof.remote.asked import asked
from vmprof.remote.client import Remote
from vmprof.remote.connection import connected
from vmprof.remote.exchange import RemoteHost, plain_profiling
from vmprof.remote.gather import gather
from vmprof.remote.limits import JOBS, LIMIT, Limits
from vmprof.remote.options import Address, address
from vmprof.remote.tracked import TrackedServer, TrackedServers
from vmprof.report import Report
from vmprof.subject.cross import compiled_for
from vmprof.subject.load import Source, named
from vmprof.subject.options import Subject


@dataclass(frozen=True)
class Fleet:
    """The servers that ``tracker`` has under ``key``, and the folder of the study.

    ``output`` is a new one, or ``resume`` one that is completed.
    """

    tracker: Address
    key: str
    output: str | os.PathLike[str] | None = None
    resume: str | os.PathLike[str] | None = None
    limits: Limits = field(default_factory=Limits)

    def profile(
        self,
        subject: Subject,
        profiling: Profiling | None = None,
        engine: str = DEFAULT_ENGINE,
        *,
        starts: int = 1,
        progress: Progress = silent,
    ) -> Study:
        """What :meth:`Remote.profile` gives, of each server.

        Raises :class:`VmprofError` for what no server has to be asked for: a model that is not
        there, a folder that is taken or of something else, a tracker without servers.
        """
        if (self.output is None) == (self.resume is None):
            raise VmprofError(
                "name a new folder for the study, output=, or one to complete, resume=",
                command_line="name a new folder for the study, --output, or one to complete, "
                "--resume",
            )
        profiling = profiling or Profiling()
        plain_profiling(profiling)  # which refuses what cannot be sent
        if isinstance(subject.source, str | os.PathLike):
            named(os.fspath(subject.source), subject.entry)
        what = asked(subject, profiling, engine, starts, key=self.key)
        libraries = _Libraries(subject)

        def measure(server: TrackedServer, progress: Progress) -> Report:
            connection = connected(server.host, server.port, self.limits.seconds, key=server.match)
            with Remote(connection) as remote:
                library = libraries.of(remote.host, progress)
                return remote.profile(
                    library, profiling, engine, starts=starts, name=subject.name, progress=progress
                )

        with TrackedServers(self.tracker, self.key, measure) as servers:
            if self.resume is not None:
                folder = StudyFolder.opened(self.resume)
                folder.check(what)
            else:
                servers.check()
                assert self.output is not None
                folder = StudyFolder.made(self.output, what)
            return gather(servers, folder, self.limits, progress)


class _Libraries:
    """The library of the model for each kind of host, made once, when the first one asks."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._lock = Lock()
        self._made: dict[tuple[str, str], Subject | VmprofError] = {}

    def of(self, host: RemoteHost, progress: Progress) -> Subject:
        kind = (host.machine, host.target)
        if self._lock.locked():
            progress("waiting for the library")
        with self._lock:
            if kind not in self._made:
                target = HostTarget(host.target, host.target_note)
                try:
                    self._made[kind] = compiled_for(self._subject, target, progress)
                except VmprofError as error:
                    self._made[kind] = error
        made = self._made[kind]
        if isinstance(made, VmprofError):
            raise VmprofError(str(made), command_line=made.command_line)
        return made


def fleet(
    source: Source,
    inputs: Given | None = None,
    *,
    tracker: Address | str,
    rpc_key: str,
    output: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    jobs: int = JOBS,
    limit: float = LIMIT,
    progress: Progress = silent,
    **options: Any,
) -> Study:
    """Profile ``source`` on all servers that ``tracker`` has under ``rpc_key``.

    ``tracker`` is ``"HOST:PORT"``. Each server's report is kept in the folder ``output``, a new
    one, or in ``resume``, which an earlier run left incomplete. ``jobs`` servers work at once, each
    for at most ``limit`` seconds. Inputs and all other keywords are as of
    :func:`vmprof.profile`. A server that fails, hangs or is lost is among the study's ``missing``.
    """
    try:
        place = address(tracker) if isinstance(tracker, str) else tracker
    except argparse.ArgumentTypeError as error:
        raise VmprofError(f"tracker: {error}") from error
    servers = Fleet(place, rpc_key, output, resume, Limits(jobs, limit))
    what = wanted(source, inputs, remote=None, **options)
    return servers.profile(
        what.subject, what.profiling, what.engine, starts=what.processes, progress=progress
    )
