"""What a report's samples say of the inside of its operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from vmprof.errors import VmprofError
from vmprof.inside.annotation import Annotation, Spot, annotate
from vmprof.inside.code import MachineCode
from vmprof.inside.keep import Kept, keep
from vmprof.report.facts import title_of
from vmprof.report.model import Report
from vmprof.report.sampled import SAMPLES
from vmprof.sampling.model import IN_NO_CALL, Function, Sampled
from vmprof.values import Metric, Ratio

# Bits of the data that samples saw being computed on, on average.
VECTOR_WIDTH = "Vector width"
# Of fewer samples a mean says nothing.
_LEAST_SAMPLES = 20
# They move tensors, and compute nothing.
_BUILTIN = "vm.builtin."


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


def with_code(report: Report, contents: Mapping[Function, bytes]) -> Report:
    """``report`` with the code that its calls were found in, where it was sampled.

    ``contents`` are those of functions that lie in no file.
    """
    return replace(report, code=(*report.code, *_kept(report, contents).codes))


def with_vector_widths(report: Report) -> Report:
    """``report`` with the column :data:`VECTOR_WIDTH`, where it has samples enough to tell."""
    if report.samples is None:
        return report
    widths: dict[str, Metric] = {
        operator.name: Ratio(operator.vector_width)
        for operator in annotated(report).operators
        if operator.vector_width is not None
        and operator.annotation.known >= _LEAST_SAMPLES
        and not operator.name.startswith(_BUILTIN)
    }
    return replace(
        report,
        calls=tuple(
            {**row, VECTOR_WIDTH: widths[name]} if (name := row.get("Name")) in widths else row
            for row in report.calls
        ),
    )


def of_samples(codes: Sequence[MachineCode], sampled: Sampled) -> tuple[MachineCode, ...]:
    """Of ``codes`` the functions that ``sampled`` are of, and their lines."""
    begins: dict[str, set[int]] = {}
    for function in sampled.by_function():
        begins.setdefault(sampled.libraries[function.library].path, set()).add(function.begin)
    return tuple(part for code in codes if (part := code.part(begins.get(code.path, ()))))


def annotated(report: Report) -> Annotated:
    """``report``, with code read again where it was not kept with it.

    :class:`VmprofError` if it was not sampled.
    """
    sampled = report.samples
    if sampled is None:
        reason = report.missing.get(SAMPLES, "it was measured without --sample")
        raise VmprofError(f"the report has no samples: {reason}")
    kept = _kept(report)
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


def _kept(report: Report, contents: Mapping[Function, bytes] = MappingProxyType({})) -> Kept:
    """What is not yet kept with ``report``."""
    sampled = report.samples
    if sampled is None:
        return Kept((), {})
    every = (*sampled.hits, *sampled.others)
    in_calls = sampled.by_function(hit for hit in every if hit.call != IN_NO_CALL)
    return keep(sampled.libraries, in_calls, report.code, contents)
