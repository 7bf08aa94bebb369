"""The inside of operators as a page that needs nothing else: a click on one opens it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from vmprof.inside.listing import Listing
from vmprof.inside.mix import order, width_name
from vmprof.report.annotated import Annotated, Operator
from vmprof.report.render.html import frame
from vmprof.report.render.inside.near import near
from vmprof.report.render.inside.text import (
    about,
    hot_listings,
    hot_loops,
    percent,
    samples_told,
    widths_told,
)

_HERE = __package__ or ""
# How many degrees of heat the style knows.
_DEGREES = 9
_HOTTEST = 0.3  # of an operator's samples: as hot as it gets


@dataclass(frozen=True)
class _Row:
    """Cells of a table; ``heat`` is 0 for what has no samples."""

    heat: int
    cells: Sequence[str]


@dataclass(frozen=True)
class _Code:
    """A function: its instructions, or of some how many are left out."""

    title: str
    rows: Sequence[_Row]


@dataclass(frozen=True)
class _Operator:
    """What the page shows of one."""

    name: str
    share: str
    samples: str
    vector_width: str
    about: Sequence[str]
    widths: Sequence[str]
    loops: Sequence[_Row]
    lines: Sequence[_Row]
    codes: Sequence[_Code]
    functions: Sequence[_Row]

    @classmethod
    def of(cls, annotated: Annotated, operator: Operator) -> _Operator:
        annotation = operator.annotation
        told = widths_told(annotation)
        loops = hot_loops(annotation)
        names = sorted({name for loop in loops for name in loop.mix.widths}, key=order)
        width = operator.vector_width
        return cls(
            operator.name,
            percent(operator.share),
            f"{operator.samples:,}",
            "" if width is None else f"{width:.0f} bits",
            [samples_told(annotated, operator), *([told] if told else [])],
            names,
            list(_loops(operator, names)),
            list(_lines(operator)),
            [
                _Code(
                    f"{listing.name}, {percent(listing.samples / operator.samples)}",
                    list(_instructions(listing, operator.samples)),
                )
                for listing in hot_listings(annotation)
            ],
            [
                _Row(
                    _heat(share.samples, operator.samples),
                    (
                        percent(share.samples / operator.samples),
                        share.name or "(no symbol)",
                        PurePath(share.path).name,
                    ),
                )
                for share in annotation.functions
            ],
        )


def render(annotated: Annotated, operators: Sequence[Operator]) -> str:
    """``operators`` of ``annotated``; one alone is open."""
    return frame.page(
        "page.html",
        {},
        scripts=(),
        styles=(*frame.STYLES, "inside.css"),
        package=_HERE,
        title=f"Inside {annotated.title or 'a model'}",
        about=about(annotated),
        operators=[_Operator.of(annotated, operator) for operator in operators],
        unread=annotated.unread,
    )


def _loops(operator: Operator, names: Sequence[str]) -> Iterator[_Row]:
    texts = {line.number: line.text.strip() for line in operator.annotation.lines}
    for loop in hot_loops(operator.annotation):
        mix = loop.mix
        yield _Row(
            _heat(loop.own, operator.samples),
            (
                percent(loop.own / operator.samples),
                f"{loop.loop.begin:#x}",
                str(loop.loop.depth),
                str(mix.instructions),
                *(str(mix.widths.get(name, 0)) for name in names),
                str(mix.loads),
                str(mix.stores),
                str(mix.fmas),
                "" if loop.line is None else str(loop.line),
                loop.function if loop.line is None else texts.get(loop.line, loop.function),
            ),
        )


def _lines(operator: Operator) -> Iterator[_Row]:
    lines, total = operator.annotation.lines, operator.samples
    for line in near(lines, [line.samples > 0 or bool(line.inside) for line in lines]):
        if isinstance(line, int):
            yield _Row(0, ("", "", "", f"({line} lines without samples)"))
        else:
            own = percent(line.samples / total) if line.samples else ""
            inside = percent(line.inside / total) if line.inside else ""
            yield _Row(_heat(line.samples, total), (own, inside, str(line.number), line.text))
    if lines and operator.annotation.unlined:
        unlined = percent(operator.annotation.unlined / total)
        yield _Row(_heat(operator.annotation.unlined, total), (unlined, "", "", "(of no line)"))


def _instructions(listing: Listing, total: int) -> Iterator[_Row]:
    for step in near(listing.steps, [step.samples > 0 for step in listing.steps]):
        if isinstance(step, int):
            yield _Row(0, ("", "", "", "", f"({step} instructions without samples)"))
            continue
        traits = step.instruction.traits
        yield _Row(
            _heat(step.samples, total),
            (
                percent(step.samples / total) if step.samples else "",
                f"{step.instruction.address:x}",
                "" if step.line is None else str(step.line),
                "" if traits.unit == "general" else width_name(traits),
                "| " * step.depth + step.instruction.text,
            ),
        )


def _heat(samples: int, total: int) -> int:
    """From 0 for nothing to the most that the style knows."""
    if not samples:
        return 0
    return min(_DEGREES, 1 + int((_DEGREES - 1) * samples / total / _HOTTEST))
