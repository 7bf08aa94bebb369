"""While a session is open, TVM's VMs remember what they were made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tvm
from tvm.runtime.vm import VirtualMachine

from vmprof.machine.tvm_vm import TvmVirtualMachine

_ATTRIBUTE = "_vmprof_made_of"


class MadeOf(NamedTuple):
    """The arguments of a VM's constructor; ``module`` is a module, whatever was given."""

    module: Any
    device: Any
    memory_cfg: Any


def made_of(vm: Any) -> MadeOf | None:
    """What ``vm`` was made of, if it was made while a session was open."""
    found: MadeOf | None = getattr(vm, _ATTRIBUTE, None)
    return found


class Patch:
    """``VirtualMachine.__init__`` that remembers, and then calls ``made`` with the VM.

    The class itself is patched: whoever imported it by whatever path has the same one,
    and so have subclasses.
    """

    def __init__(self, made: Callable[[Any], None]) -> None:
        original = VirtualMachine.__init__

        def remembering(
            self: Any, rt_mod: Any, device: Any, memory_cfg: Any = None, *rest: Any, **more: Any
        ) -> None:
            # Compiled once, for the twin too.
            if isinstance(rt_mod, tvm.runtime.Executable):
                rt_mod = rt_mod.jit()
            # TVM appends a CPU to the list that it is given.
            devices = [*device] if isinstance(device, list | tuple) else device
            original(self, rt_mod, device, memory_cfg, *rest, **more)
            if isinstance(self, TvmVirtualMachine) or self.__dict__.get(_ATTRIBUTE):
                return
            setattr(self, _ATTRIBUTE, MadeOf(rt_mod, devices, memory_cfg))
            made(self)

        self._original, self._ours = original, remembering
        VirtualMachine.__init__ = remembering

    def undo(self) -> None:
        """As before; whoever patched it since keeps what they have, which calls ours."""
        if VirtualMachine.__init__ is self._ours:
            VirtualMachine.__init__ = self._original
