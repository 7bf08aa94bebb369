"""A recorder as the instrument of a VM of TVM's: native/hook.c."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vmprof.native import ffi, hook, lib


class Hook:
    """``instrument`` is for one VM, whose calls of packed functions ``recorder`` then sees.

    ``recorder`` is a ``vmprof_recorder``. Sites are numbered from ``first`` as ``names`` are;
    behind them come those of at most ``learn`` functions that are called and not among
    ``names``.
    """

    def __init__(
        self,
        recorder: Any,
        names: Sequence[str],
        *,
        first: int = 0,
        learn: int = 0,
    ) -> None:
        self._first = first + len(names)
        self._learn = learn
        self._hooked = lib.vmprof_hook_new(
            recorder,
            [ffi.new("char[]", name.encode()) for name in names],
            len(names),
            first,
            learn,
        )
        if self._hooked == ffi.NULL:
            raise MemoryError
        self.instrument = hook(int(ffi.cast("intptr_t", self._hooked)))

    def learned(self) -> Mapping[int, str]:
        """The names of functions that came up, by site."""
        names = [lib.vmprof_hook_learned(self._hooked, number) for number in range(self._learn)]
        return {
            self._first + number: ffi.string(name).decode(errors="replace")
            for number, name in enumerate(names)
            if name != ffi.NULL
        }
