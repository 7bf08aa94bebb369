"""While a session is open, it is told of VMs, and TVM's remember what they were made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple

import tvm
from tvm.runtime.vm import VirtualMachine as TvmsOwn

from vmprof.program.info import ModelInfo
from vmprof.program.known import info_of
from vmprof.vm import VirtualMachine
from vmprof.vm.tvm_vm import TvmVirtualMachine

_ATTRIBUTE = "_vmprof_made_of"


class MadeOf(NamedTuple):
    """The arguments of a VM's constructor; ``module`` is a module, whatever was given.

    ``info`` is what is known of it.
    """

    module: Any
    device: Any
    memory_cfg: Any
    info: ModelInfo


def made_of(vm: Any) -> MadeOf | None:
    """What ``vm`` was made of, if it was made while a session was open."""
    found: MadeOf | None = getattr(vm, _ATTRIBUTE, None)
    return found


@contextmanager
def patched(made: Callable[[Any], None]) -> Iterator[None]:
    """Inside the ``with`` both classes' ``__init__`` remember, and then call ``made`` with the VM.

    The classes themselves are patched: whoever imported one by whatever path has the same,
    and so have subclasses. Whoever patched one since keeps what they have, which calls ours.
    """
    of_tvm, of_ours = TvmsOwn.__init__, VirtualMachine.__init__

    @wraps(of_tvm)
    def remembering(
        self: Any, rt_mod: Any, device: Any, memory_cfg: Any = None, *rest: Any, **more: Any
    ) -> None:
        # Compiled once, for the twin too.
        if isinstance(rt_mod, tvm.runtime.Executable):
            rt_mod = rt_mod.jit()
        # TVM appends a CPU to the list that it is given.
        devices = [*device] if isinstance(device, list | tuple) else device
        of_tvm(self, rt_mod, device, memory_cfg, *rest, **more)
        if not isinstance(self, TvmVirtualMachine):
            setattr(self, _ATTRIBUTE, MadeOf(rt_mod, devices, memory_cfg, info_of(rt_mod)))
            made(self)

    @wraps(of_ours)
    def reporting(self: Any, *args: Any, **kwargs: Any) -> None:
        of_ours(self, *args, **kwargs)
        made(self)

    try:
        TvmsOwn.__init__ = remembering
        VirtualMachine.__init__ = reporting  # type: ignore[method-assign]
        yield
    finally:
        if TvmsOwn.__init__ is remembering:
            TvmsOwn.__init__ = of_tvm
        if VirtualMachine.__init__ is reporting:
            VirtualMachine.__init__ = of_ours  # type: ignore[method-assign]
