"""What a report's samples say of the inside of its operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmprof.inside.annotation import Annotation, Spot, annotate
from vmprof.inside.code import Code


@dataclass(frozen=True)
class Operator:
    """An operator that has samples: ``share`` is its part of all that the run has, 0 to 1."""

    name: str
    share: float
    annotation: Annotation

    @property
    def samples(self) -> int:
        return self.annotation.samples

    @property
    def vector_width(self) -> float | None:
        """Bits, as :class:`vmprof.inside.mix.Widths` has them."""
        return self.annotation.widths.mean


@dataclass(frozen=True)
class Annotated:
    """``operators`` have the one with most samples first.

    ``event`` is what was sampled, ``rate`` times a second; ``samples`` are all that there are.
    ``unread`` says of libraries whose code is not known why that is.
    """

    title: str
    event: str
    rate: int
    samples: int
    operators: tuple[Operator, ...]
    unread: Mapping[str, str]

    @classmethod
    def of(
        cls,
        spots: Mapping[str, Sequence[Spot]],
        codes: Sequence[Code],
        *,
        title: str,
        event: str,
        rate: int,
        samples: int,
        unread: Mapping[str, str],
    ) -> Annotated:
        """``spots`` are the samples by operator."""
        operators = [
            Operator(name, sum(spot.samples for spot in of) / samples, annotate(codes, of))
            for name, of in spots.items()
        ]
        operators.sort(key=lambda operator: -operator.samples)
        return cls(title, event, rate, samples, tuple(operators), unread)
