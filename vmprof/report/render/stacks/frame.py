"""What stacks are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from vmprof.sampling.model import Function, Library

FrameKind = Literal["run", "invocation", "function", "operator", "code", "line"]


class Frame(NamedTuple):
    """``file`` is where the code comes from, ``line`` a line in it; empty and 0 if unknown."""

    name: str
    kind: FrameKind
    file: str = ""
    line: int = 0


# What an instruction of a function was made from; None where nobody knows.
LineOf = Callable[[Library, Function, int], Frame | None]
