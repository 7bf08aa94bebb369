"""Putting the shim before TVM's launch function, in every library that launches parallel work.

Each kernel library has a pointer to that function, which TVM fills in when it
loads the library. Of a library that was loaded from a file the pointer has a
name; of a module that LLVM's JIT made it has none (:mod:`vmprof.record.jit`).
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vmprof.native import ffi, lib
from vmprof.record.jit import pointers_of_jit
from vmprof.sampling.memory import own_memory


class _Slot(NamedTuple):
    """Where a pointer to the launch function is; ``libraries`` keep that memory there."""

    address: int
    libraries: Any  # that were found at a time, None for what a JIT made

    def exchange(self, expected: Any, replacement: Any) -> bool:
        """Put ``replacement`` in the place of ``expected``; False if that is not there."""
        if self.libraries is not None:
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


def _address(pointer: Any) -> int:
    return int(ffi.cast("intptr_t", pointer))


def _bytes(pointer: Any) -> bytes:
    return _address(pointer).to_bytes(8, sys.byteorder)


@dataclass
class _Hook:
    """A slot that leads to the shim, and the profiles that want it so."""

    slot: _Slot
    users: set[int] = field(default_factory=set)


# By address. Several threads may profile at once, and share libraries.
_hooks: dict[int, _Hook] = {}
_lock = threading.Lock()
_profiles = itertools.count()


def _in_child() -> None:
    """Another thread of the parent's may have had it; here there is none."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_in_child)


@contextmanager
def recorded_launches() -> Iterator[list[str]]:
    """Inside the ``with``, the shim sees the parallel launches of all libraries loaded by now.

    Gives what went wrong, a list that is empty if nothing did.
    """
    launch = lib.vmprof_tvm_launch()
    user = next(_profiles)
    problems: list[str] = []
    try:
        with _lock:
            _hook_all(user, launch, problems)
        yield problems
    finally:
        # What an interrupt leaves undone is done when it has come.
        try:
            with _lock:
                _unhook(user, launch)
        except KeyboardInterrupt:
            with _lock:
                _unhook(user, launch)
            raise


def _hook_all(user: int, launch: Any, problems: list[str]) -> None:
    """Have all slots lead to the shim, for ``user``; what went wrong is added to ``problems``."""
    if launch == ffi.NULL:
        problems.append("TVM's launch function was not found in the process")
        return
    values = [_address(launch), _address(lib.vmprof_recorded_launch())]
    in_memory = [_Slot(address, None) for address in pointers_of_jit(values)]
    for slot in [*_library_slots(), *in_memory]:
        hook = _hooks.get(slot.address)
        if hook is not None:
            hook.users.add(user)
            continue
        # Known before it is hooked: whatever comes in between, it is found again.
        hook = _hooks[slot.address] = _Hook(slot, {user})
        if not slot.exchange(launch, lib.vmprof_recorded_launch()):
            del _hooks[slot.address]
            if slot.libraries is not None:
                problems.append("a library launches parallel work by a function that is not TVM's")


def _unhook(user: int, launch: Any) -> None:
    """May be begun anew, if it was interrupted."""
    for address, hook in [*_hooks.items()]:
        if hook.users - {user}:
            hook.users.discard(user)
        elif user in hook.users:
            hook.slot.exchange(lib.vmprof_recorded_launch(), launch)
            del _hooks[address]


def _library_slots() -> list[_Slot]:
    """Those of libraries that were loaded from files; of one library maybe more than once."""
    count, room = 64, 0
    while count > room:
        room = count
        slots = ffi.new("vmprof_launch_slot[]", room + 1)  # the last one stays empty
        libraries = ffi.gc(slots, lib.vmprof_launch_slots_release)
        count = lib.vmprof_launch_slots(slots, room)
    return [_Slot(_address(slots[i].slot), libraries) for i in range(count)]
