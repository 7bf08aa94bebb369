"""A call that native code can make by itself, without Python in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PackedCall:
    """Of the packed ``function``, with ``arguments`` that tvm-ffi takes as they are.

    ``explain`` adds to an error of it where that comes from. ``name`` is of the VM function
    that it runs if nobody else says that it runs.
    """

    function: Callable[..., Any]
    arguments: Sequence[Any]
    explain: Callable[[Exception], None]
    name: str = ""

    def __call__(self) -> Any:
        try:
            return self.function(*self.arguments)
        except Exception as error:
            self.explain(error)
            raise
