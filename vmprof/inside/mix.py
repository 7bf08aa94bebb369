"""What instructions compute on, summed up: of a loop, or as samples saw it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vmprof.inside.instructions import Instruction
from vmprof.inside.loops import Loop
from vmprof.inside.traits import SCALABLE, Traits

SCALAR, SVE = "scalar", "SVE"


@dataclass(frozen=True)
class Mix:
    """How many instructions there are, and of which kind.

    ``widths`` has them by what they compute on: :data:`SCALAR`, or the bits of a vector.
    """

    instructions: int
    widths: Mapping[str, int]
    loads: int
    stores: int
    fmas: int

    @classmethod
    def of(cls, instructions: Iterable[Instruction]) -> Mix:
        traits = [each.traits for each in instructions]
        return cls(
            len(traits),
            dict(sorted(Counter(map(width_name, traits)).items(), key=lambda item: order(item[0]))),
            sum(each.is_load for each in traits),
            sum(each.is_store for each in traits),
            sum(each.is_fma for each in traits),
        )


def width_name(traits: Traits) -> str:
    if traits.unit != "vector":
        return SCALAR
    return SVE if traits.width == SCALABLE else str(traits.width)


def order(name: str) -> tuple[int, str]:
    """Names of widths, narrow first."""
    return (int(name) if name.isdigit() else -1 if name == SCALAR else 1 << 20, name)


@dataclass(frozen=True)
class Widths:
    """Of the data that samples saw being computed on: how wide it was.

    ``by_name`` has the samples by width, as :class:`Mix` names them; ``bits`` is the sum of the
    widths of all, in bits, None where a scalable vector's is not known.
    """

    by_name: Mapping[str, float]
    bits: float | None

    @property
    def samples(self) -> float:
        return sum(self.by_name.values())

    @property
    def mean(self) -> float | None:
        """Bits, or None where there are no samples or nobody can tell."""
        return self.bits / self.samples if self.bits is not None and self.samples else None

    @classmethod
    def sum(cls, parts: Iterable[Widths]) -> Widths:
        names: Counter[str] = Counter()
        bits: float | None = 0.0
        for part in parts:
            names.update(part.by_name)
            bits = None if bits is None or part.bits is None else bits + part.bits
        return cls(dict(sorted(names.items(), key=lambda item: order(item[0]))), bits)


def widths_seen(
    code: Sequence[Instruction],
    inner: Mapping[int, Loop],
    samples: Mapping[int, int],
    scalable: int,
) -> Widths:
    """What ``samples`` (how many there are, by address) of a function saw.

    A sample on an instruction of a vector unit counts by that. One on what counts, compares and
    jumps beside it says of its loop what the loop's other instructions do, in equal parts: an
    interrupt is as likely there. Where a loop has none of these, its data are in
    general registers. ``inner`` has the innermost loop by address; ``scalable`` is the width of
    scalable vectors, 0 if it is not known.
    """
    of_loops: dict[int, list[Traits]] = {}
    parts = []
    for each in code:
        count = samples.get(each.address, 0)
        if not count:
            continue
        told = [each.traits]
        loop = inner.get(each.address)
        if each.traits.unit == "general" and loop is not None:
            told = of_loops.setdefault(loop.begin, _on_data(code, loop)) or told
        parts += [_one(traits, count / len(told), scalable) for traits in told]
    return Widths.sum(parts)


def _on_data(code: Sequence[Instruction], loop: Loop) -> list[Traits]:
    inside = (each.traits for each in code if each.address in loop.addresses)
    return [traits for traits in inside if traits.unit != "general"]


def _one(traits: Traits, count: float, scalable: int) -> Widths:
    width = scalable if traits.unit == "vector" and traits.width == SCALABLE else traits.width
    return Widths({width_name(traits): count}, count * width if width else None)
