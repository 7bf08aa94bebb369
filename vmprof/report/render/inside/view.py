"""The inside of an operator as a page shows it: tables of texts, and how hot each row is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from vmprof.inside.annotation import Annotation
from vmprof.inside.listing import Listing
from vmprof.inside.mix import order, width_name
from vmprof.report.annotated import Annotated, Operator
from vmprof.report.render.inside.near import Gap, near
from vmprof.report.render.inside.text import (
    bits,
    gap_told,
    hot_listings,
    hot_loops,
    percent,
    samples_told,
    widths_told,
)

# How many degrees of heat the style knows.
_DEGREES = 9
_HOTTEST = 0.3  # of an operator's samples: as hot as it gets


@dataclass(frozen=True)
class TableRow:
    """Cells of a table; ``heat`` is 0 for what has no samples."""

    heat: int
    cells: Sequence[str]


@dataclass(frozen=True)
class Code:
    """A function: its instructions, or of some how many are left out."""

    title: str
    rows: Sequence[TableRow]


@dataclass(frozen=True)
class OperatorView:
    """What a page shows of an operator.

    ``about`` says what its samples are and what of it is not shown; ``widths`` are the columns of
    ``loops`` between those that they always have.
    """

    name: str
    share: str
    samples: str
    vector_width: str
    about: Sequence[str]
    widths: Sequence[str]
    loops: Sequence[TableRow]
    lines: Sequence[TableRow]
    codes: Sequence[Code]
    functions: Sequence[TableRow]

    @classmethod
    def of(cls, annotated: Annotated, operator: Operator, most: int | None = None) -> OperatorView:
        """Of ``operator``, one of ``annotated``.

        With ``most``, so many of its lines, of the instructions of a function, and of its
        functions, those that have the most samples, and what is near them.
        """
        annotation = operator.annotation
        loops = hot_loops(annotation)
        names = sorted({name for loop in loops for name in loop.mix.widths}, key=order)
        return cls(
            operator.name,
            percent(operator.share),
            f"{operator.samples:,}",
            bits(operator),
            list(_about(annotated, operator)),
            names,
            list(_loops(operator, names)),
            list(_lines(operator, most)),
            [
                Code(
                    f"{listing.name}, {percent(listing.samples / operator.samples)}",
                    list(_instructions(listing, operator.samples, most)),
                )
                for listing in hot_listings(annotation)
            ],
            list(_functions(annotation, most)),
        )


def _about(annotated: Annotated, operator: Operator) -> Iterator[str]:
    annotation = operator.annotation
    yield samples_told(annotated, operator)
    if told := widths_told(annotation):
        yield told
    loops = len([loop for loop in annotation.loops if loop.own]) - len(hot_loops(annotation))
    listings = len(annotation.listings) - len(hot_listings(annotation))
    left_out = [
        f"{number:,} {one if number == 1 else several}"
        for number, one, several in (
            (loops, "loop", "loops"),
            (listings, "function by instruction", "functions by instruction"),
        )
        if number > 0
    ]
    if left_out:
        yield f"Not shown, as they have few samples: {' and '.join(left_out)}"
    for path in {share.path: None for share in annotation.functions}:
        if reason := annotated.unread.get(path):
            yield f"The code of {path} is not shown: {reason}"


def _loops(operator: Operator, names: Sequence[str]) -> Iterator[TableRow]:
    texts = {line.number: line.text.strip() for line in operator.annotation.lines}
    for loop in hot_loops(operator.annotation):
        mix = loop.mix
        yield TableRow(
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


def _lines(operator: Operator, most: int | None) -> Iterator[TableRow]:
    lines, total = operator.annotation.lines, operator.samples
    for line in near(lines, [line.inside or line.samples for line in lines], most):
        if isinstance(line, Gap):
            yield TableRow(0, ("", "", "", gap_told(line, "lines", total)))
        else:
            own = percent(line.samples / total) if line.samples else ""
            inside = percent(line.inside / total) if line.inside else ""
            cells = (own, inside, str(line.number), line.text)
            yield TableRow(_heat(line.samples, total), cells)
    if lines and operator.annotation.unlined:
        unlined = operator.annotation.unlined
        yield TableRow(_heat(unlined, total), (percent(unlined / total), "", "", "(of no line)"))


def _instructions(listing: Listing, total: int, most: int | None) -> Iterator[TableRow]:
    for step in near(listing.steps, [step.samples for step in listing.steps], most):
        if isinstance(step, Gap):
            yield TableRow(0, ("", "", "", "", gap_told(step, "instructions", total)))
            continue
        traits = step.instruction.traits
        yield TableRow(
            _heat(step.samples, total),
            (
                percent(step.samples / total) if step.samples else "",
                f"{step.instruction.address:x}",
                "" if step.line is None else str(step.line),
                "" if traits.unit == "general" else width_name(traits),
                "| " * step.depth + step.instruction.text,
            ),
        )


def _functions(annotation: Annotation, most: int | None) -> Iterator[TableRow]:
    total = annotation.samples
    for share in annotation.functions[:most]:
        name = share.name or "(no symbol)"
        cells = (percent(share.samples / total), name, PurePath(share.path).name)
        yield TableRow(_heat(share.samples, total), cells)
    if most is not None and (rest := annotation.functions[most:]):
        yield TableRow(0, ("", gap_told(Gap(rest), "functions", total), ""))


def _heat(samples: int, total: int) -> int:
    """From 0 for nothing to the most that the style knows."""
    if not samples:
        return 0
    return min(_DEGREES, 1 + int((_DEGREES - 1) * samples / total / _HOTTEST))
