"""What is run, as a library that can be sent to a host."""

from __future__ import annotations

import os
import platform
from dataclasses import replace
from pathlib import Path

from vmprof.errors import VmprofError
from vmprof.program import Program
from vmprof.progress import Progress
from vmprof.remote.exchange import RemoteHost
from vmprof.subject.options import Subject


def name_of(subject: Subject) -> str:
    """What a report calls the model."""
    source = subject.source
    if isinstance(source, Program):
        return source.name
    return Path(source).name if isinstance(source, str | os.PathLike) else "the module"


def compiled_for(subject: Subject, host: RemoteHost, progress: Progress) -> Subject:
    """``subject`` with the path of a library for ``host`` in place of what it was."""
    from vmprof.subject.load import load_program

    if isinstance(subject.source, str | os.PathLike) and Path(subject.source).suffix == ".so":
        return subject
    if host.machine != platform.machine():
        raise VmprofError(
            f"{host.name} is {host.machine} and this host {platform.machine()}; compile the model "
            "for it first, and give the library"
        )
    program = load_program(
        subject.source,
        entry=subject.entry,
        schedule=subject.schedule,
        in_library=True,
        progress=progress,
    )
    if program.library is None:
        raise VmprofError(
            f"{program.name} cannot be sent to {host.name}: no library can be made of it here, "
            "which takes a C compiler; export it with vmprof.compile where there is one"
        )
    params = subject.params
    if params is None:
        brought = program.weights.get(subject.entry, ())
        names = [each.name for each in program.parameters(subject.entry)]
        params = dict(zip(names[len(names) - len(brought) :], brought, strict=True))
    return replace(subject, source=program.library, params=params, schedule=None)
