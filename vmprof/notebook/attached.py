"""VMs that a notebook has made before: recorded while a cell runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from tvm.runtime.vm import VirtualMachine as TvmsOwn

from vmprof.cli.lines import error_line
from vmprof.errors import VmprofWarning
from vmprof.record.sessions.session import Session
from vmprof.vm import VirtualMachine


@contextmanager
def attached(session: Session, names: MutableMapping[str, Any]) -> Iterator[None]:
    """Inside the ``with`` the VMs among the variables ``names`` are attached to ``session``.

    Afterwards the variables are what they were, unless they were given another value meanwhile.
    """
    stand_ins: dict[int, Any] = {}
    replaced: dict[str, tuple[Any, Any]] = {}
    try:
        for name, value in [*names.items()]:
            # What begins so is IPython's: values that were displayed.
            if name.startswith("_") or not isinstance(value, TvmsOwn | VirtualMachine):
                continue
            if id(value) not in stand_ins:
                stand_ins[id(value)] = _attached(session, name, value)
            replaced[name] = value, stand_ins[id(value)]
            names[name] = stand_ins[id(value)]
        yield
    finally:
        for name, (value, stand_in) in replaced.items():
            if names.get(name) is stand_in:
                names[name] = value


def _attached(session: Session, name: str, vm: Any) -> Any:
    """``vm`` itself if it cannot be recorded: the cell runs all the same."""
    try:
        return session.attach(vm)
    except Exception as error:  # noqa: BLE001
        warnings.warn(f"{name} is not recorded: {error_line(error)}", VmprofWarning, stacklevel=2)
        return vm
