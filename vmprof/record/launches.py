"""Putting the shim before TVM's launch function, in every library that launches parallel work.

Each kernel library has a pointer to that function, which TVM fills in when it
loads the library. Of a library that was loaded from a file the pointer has a
name; of a module that LLVM's JIT made it has none (:mod:`vmprof.record.jit`).
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from vmprof.native import ffi, lib
from vmprof.record.jit import pointers_of_jit
from vmprof.sampling.memory import own_memory


class _Slot(NamedTuple):
    """Where a pointer to the launch function is; ``library`` keeps that memory there."""

    address: int
    library: Any  # a handle, or NULL for what a JIT made

    def exchange(self, expected: Any, replacement: Any) -> bool:
        """Put ``replacement`` in the place of ``expected``; False if that is not there."""
        if self.library != ffi.NULL:
            return bool(
                lib.vmprof_exchange(ffi.cast("void **", self.address), expected, replacement)
            )
        # Modules in memory go when their last user does, whoever that is: through
        # this file, to touch what is no longer there is an error and no crash.
        try:
            with own_memory("r+b") as memory:
                if os.pread(memory.fileno(), 8, self.address) != _bytes(expected):
                    return False
                return os.pwrite(memory.fileno(), _bytes(replacement), self.address) == 8
        except OSError:
            return False

    def release(self) -> None:
        lib.vmprof_library_release(self.library)


def _address(pointer: Any) -> int:
    return int(ffi.cast("intptr_t", pointer))


def _bytes(pointer: Any) -> bytes:
    return _address(pointer).to_bytes(8, sys.byteorder)


@dataclass
class _Hook:
    """A slot that leads to the shim, and how many profiles want it so."""

    slot: _Slot
    users: int = 0


# By address. Several threads may profile at once, and share libraries.
_hooks: dict[int, _Hook] = {}
_lock = threading.Lock()


@contextmanager
def recorded_launches() -> Iterator[list[str]]:
    """Inside the ``with``, the shim sees the parallel launches of all libraries loaded by now.

    Gives what went wrong, a list that is empty if nothing did.
    """
    launch = lib.vmprof_tvm_launch()
    with _lock:
        hooked, problems = _hook_all(launch)
    try:
        yield problems
    finally:
        with _lock:
            _unhook(hooked, launch)


def _hook_all(launch: Any) -> tuple[set[int], list[str]]:
    """The addresses of the slots that are hooked from now on, and problems."""
    if launch == ffi.NULL:
        return set(), ["TVM's launch function was not found in the process"]
    hooked: set[int] = set()
    problems = []
    values = [_address(launch), _address(lib.vmprof_recorded_launch())]
    in_memory = [_Slot(address, ffi.NULL) for address in pointers_of_jit(values)]
    for slot in [*_library_slots(), *in_memory]:
        hook = _hooks.get(slot.address)
        if hook is None and slot.exchange(launch, lib.vmprof_recorded_launch()):
            hook = _hooks[slot.address] = _Hook(slot)
        else:
            slot.release()  # whoever hooked it first keeps it
        if hook is None and slot.library != ffi.NULL:
            problems.append("a library launches parallel work by a function that is not TVM's")
        elif hook is not None and slot.address not in hooked:
            hook.users += 1
            hooked.add(slot.address)
    return hooked, problems


def _unhook(addresses: set[int], launch: Any) -> None:
    for address in addresses:
        hook = _hooks[address]
        hook.users -= 1
        if hook.users:
            continue
        del _hooks[address]
        hook.slot.exchange(lib.vmprof_recorded_launch(), launch)
        hook.slot.release()


def _library_slots() -> list[_Slot]:
    """Those of libraries that were loaded from files; of one library maybe more than once."""
    room = 64
    while True:
        slots = ffi.new("vmprof_launch_slot[]", room)
        count = lib.vmprof_launch_slots(slots, room)
        found = [_Slot(_address(slots[i].slot), slots[i].library) for i in range(min(count, room))]
        if count <= room:
            return found
        for slot in found:
            slot.release()
        room = count
