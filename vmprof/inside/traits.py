"""What an instruction does, whatever the machine."""

from __future__ import annotations

from typing import Literal, NamedTuple

# In which registers it computes: the general ones, or those of vectors, and there on one
# element, or on vectors.
Unit = Literal["general", "scalar", "vector"]
# Where it goes on: with the next one, there or at a target, at a target, or nobody knows where.
Flow = Literal["next", "branch", "jump", "end"]

# Of scalable vectors, which have as many bits as the machine.
SCALABLE = 0


class Traits(NamedTuple):
    """``width`` is how many bits of a register it computes on, or :data:`SCALABLE`.

    ``target`` is the address that it may go on at. ``is_load`` and ``is_store`` are of operands
    in memory; ``is_fma`` is of products that are added up in one instruction.
    """

    unit: Unit = "general"
    width: int = 64
    is_load: bool = False
    is_store: bool = False
    is_fma: bool = False
    flow: Flow = "next"
    target: int | None = None
