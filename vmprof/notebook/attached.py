"""VMs that a notebook has made before: recorded while a cell runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from tvm.runtime.vm import VirtualMachine as TvmsOwn

from vmprof.errors import VmprofError, VmprofWarning
from vmprof.record.sessions.session import Session
from vmprof.vm import VirtualMachine


@contextmanager
def attached(session: Session, names: MutableMapping[str, Any]) -> Iterator[None]:
    """Inside the ``with`` the VMs among the variables ``names`` are attached to ``session``.

    Afterwards the variables are what they were, unless they were given another value meanwhile.
    """
    stand_ins: dict[int, Any] = {}
    replaced: dict[str, tuple[Any, Any]] = {}
    for name, value in [*names.items()]:
        # What begins so is IPython's: values that were displayed.
        if name.startswith("_") or not isinstance(value, TvmsOwn | VirtualMachine):
            continue
        if id(value) not in stand_ins:
            try:
                stand_ins[id(value)] = session.attach(value)
            except VmprofError as error:
                warnings.warn(f"{name} is not recorded: {error}", VmprofWarning, stacklevel=2)
                continue
        names[name] = stand_ins[id(value)]
        replaced[name] = value, names[name]
    try:
        yield
    finally:
        for name, (value, stand_in) in replaced.items():
            if names.get(name) is stand_in:
                names[name] = value
