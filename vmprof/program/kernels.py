"""What the compiler knew of each kernel: operators, layouts, operations, bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmprof.program.dimensions import Dimension, evaluate

# What TVM's reports call the layouts of a kernel's tensors.
LAYOUT_COLUMNS = (
    *("data_layout", "kernel_layout", "out_layout", "layout"),
    *("src_layout", "dst_layout", "weight_layout"),
)


@dataclass(frozen=True)
class Cost:
    """Of one call: operations on data, and bytes that it moves of its tensors.

    None is a number that the shapes of the call do not settle.
    """

    flops: int | None
    bytes_read: int | None
    bytes_written: int | None


@dataclass(frozen=True)
class Flow:
    """Values that go through a kernel: from its tensor ``source`` to its tensor ``target``.

    ``exact`` if each element of ``target`` is one of ``source``; else it is computed of them.
    """

    source: int
    target: int
    exact: bool


@dataclass(frozen=True)
class Kernel:
    """One kernel.

    ``hash`` tells what it computes, in 16 hexadecimal digits, whatever its name
    and schedule; ``operators`` are those that it fuses; ``layouts`` says how
    tensors are laid out, by column of the table. ``flops`` and the numbers of
    bytes may be expressions over the symbols in ``shapes``, which are those of
    the tensors that the kernel takes.

    Of each of these tensors, ``limits`` says below what its elements have to stay, as they
    are places in another tensor: a number or one of the symbols, None where there is no
    limit. ``limits`` itself is None if nobody knows. ``flows`` are of integers alone.
    """

    hash: str
    operators: tuple[str, ...]
    layouts: Mapping[str, str]
    shapes: tuple[tuple[Dimension, ...], ...]
    flops: Dimension
    bytes_read: Dimension
    bytes_written: Dimension
    limits: tuple[Dimension, ...] | None = None
    flows: tuple[Flow, ...] = ()

    def cost(self, shapes: Sequence[Sequence[int]]) -> Cost:
        """What a call on tensors of these shapes costs."""
        values = {
            dimension: size
            for expected, given in zip(self.shapes, shapes, strict=False)
            for dimension, size in zip(expected, given, strict=False)
            if isinstance(dimension, str)
        }
        return Cost(
            evaluate(self.flops, values),
            evaluate(self.bytes_read, values),
            evaluate(self.bytes_written, values),
        )


Kernels = Mapping[str, Kernel]
