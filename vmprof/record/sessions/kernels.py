"""What is known of the kernels that the VMs of a session call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import tvm

from vmprof.program.kernels import Kernel, Kernels
from vmprof.program.known import note_library

_PLACES = (tvm.runtime, tvm.runtime.module)


class KnownKernels:
    """Kernels by the numbers of callees, which get their numbers while a VM is attached."""

    def __init__(self) -> None:
        self._found: dict[int, Kernel] = {}
        self._thread = threading.local()  # several may attach VMs at once

    @contextmanager
    def of_vm(self, kernels: Kernels) -> Iterator[None]:
        """Inside the ``with``, this thread attaches a VM that has these, by name."""
        self._thread.kernels = kernels
        try:
            yield
        finally:
            self._thread.kernels = {}

    def add(self, first: int, names: Sequence[str]) -> None:
        """Callees of these names have the numbers from ``first`` on."""
        kernels: Kernels = getattr(self._thread, "kernels", {})
        for number, name in enumerate(names, start=first):
            if name in kernels:
                self._found[number] = kernels[name]

    def by_callee(self) -> Mapping[int, Kernel]:
        return dict(self._found)


@contextmanager
def libraries_noted(seen: Callable[[Path], None]) -> Iterator[None]:
    """Inside the ``with``, a module that the program loads is noted with its file.

    ``seen`` is told of each file.
    """
    originals = [place.load_module for place in _PLACES]

    @wraps(originals[0])
    def load_module(path: Any) -> Any:
        module = originals[0](path)
        note_library(module, path)
        seen(Path(path))
        return module

    try:
        for place in _PLACES:
            place.load_module = load_module
        yield
    finally:
        for place, original in zip(_PLACES, originals, strict=True):
            if place.load_module is load_module:
                place.load_module = original
