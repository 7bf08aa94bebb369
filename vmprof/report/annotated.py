"""What a report's samples say of the inside of its operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vmprof.errors import VmprofError
from vmprof.inside.annotation import Annotation, Spot, annotate
from vmprof.inside.keep import keep
from vmprof.program.code import read_code as read_text
from vmprof.report.facts import title_of
from vmprof.report.model import Report
from vmprof.report.sampled import SAMPLES
from vmprof.sampling.model import IN_NO_CALL


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


def annotated(report: Report) -> Annotated:
    """``report``, with code read again where it was not kept with it.

    :class:`VmprofError` if it was not sampled.
    """
    sampled = report.samples
    if sampled is None:
        reason = report.missing.get(SAMPLES, "it was measured without --sample")
        raise VmprofError(f"the report has no samples: {reason}")
    kept = keep(sampled, lambda path: read_text(Path(path)), besides=report.code)
    spots: dict[str, list[Spot]] = {}
    for hit in sampled.hits:
        if hit.call != IN_NO_CALL:
            function = sampled.functions[hit.function]
            path = sampled.libraries[function.library].path
            spot = Spot(path, function.name, hit.address, hit.samples)
            spots.setdefault(str(report.calls[hit.call].get("Name", "")), []).append(spot)
    codes = [*report.code, *kept.codes]
    operators = [
        Operator(name, sum(spot.samples for spot in of) / sampled.total, annotate(codes, of))
        for name, of in spots.items()
    ]
    operators.sort(key=lambda operator: -operator.samples)
    return Annotated(
        title_of(report) or "",
        sampled.event,
        sampled.rate,
        sampled.total,
        tuple(operators),
        kept.unread,
    )
