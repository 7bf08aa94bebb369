"""The inside of operators as text: what a terminal shows, and a file gets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from rich.cells import cell_len
from rich.text import Text

from vmprof.inside.annotation import Annotation, FunctionShare, LineShare
from vmprof.inside.listing import Listing, LoopShare, Step
from vmprof.inside.mix import Mix, order, width_name
from vmprof.report.annotated import Annotated, Operator
from vmprof.report.render.console import console as console_of
from vmprof.report.render.inside.near import Gap, near
from vmprof.visible import visible

_HOT = 0.1  # of an operator's samples: worth a look
_COLD = 0.01  # loops and functions with so few are not looked into
_MOST_LOOPS = 10
_WIDE = 10_000
_PLAIN, _BOLD, _DIM = "", "bold", "dim"


def overview(annotated: Annotated, *, width: int | None, colour: bool) -> str:
    """All operators, and where each spends most; ``width`` None is as wide as it gets."""
    rows = [("Share", "Samples", "Vector width", "Operator", "Most in")]
    rows += [
        (
            percent(operator.share),
            f"{operator.samples:,}",
            bits(operator),
            operator.name,
            _hottest(operator.annotation),
        )
        for operator in annotated.operators
    ]
    styles = [_DIM, *(_BOLD if each.share >= _HOT else _PLAIN for each in annotated.operators)]
    lines = [(_BOLD, annotated.title)] if annotated.title else []
    lines += [(_PLAIN, about(annotated)), (_PLAIN, "")]
    lines += zip(styles, _columns(rows, right=3), strict=True)
    return _rendered([*lines, *_unread(annotated)], width, colour=colour)


def operator_text(
    annotated: Annotated, operator: Operator, by: str, *, width: int | None, colour: bool
) -> str:
    """One operator ``by`` one of :data:`~vmprof.report.render.inside.BY`."""
    annotation = operator.annotation
    lines: list[tuple[str, str]] = [
        (_BOLD, operator.name),
        (_PLAIN, samples_told(annotated, operator)),
    ]
    if (widths := widths_told(annotation)) is not None:
        lines.append((_PLAIN, widths))
    if by == "line" and not annotation.lines:
        lines += [
            (
                _PLAIN,
                "Lines are known of libraries that vmprof compiled; these are instructions.",
            )
        ]
        by = "instruction"
    if by != "function":
        lines += _loops(annotation)
    match by:
        case "line":
            lines += _lines(annotation)
        case "instruction":
            for listing in hot_listings(annotation):
                lines += _instructions(listing, annotation.samples)
    lines += _functions(annotation)
    return _rendered([*lines, *_unread(annotated)], width, colour=colour)


def about(annotated: Annotated) -> str:
    return f"{annotated.samples:,} samples of {annotated.event}, {annotated.rate:,} a second"


def samples_told(annotated: Annotated, operator: Operator) -> str:
    # Twice the deviation of a share of one half, which is the largest.
    within = 1.96 * 0.5 / math.sqrt(max(operator.samples, 1))
    return (
        f"{operator.samples:,} samples of {annotated.event}, {percent(operator.share)} of all; "
        f"shares are true to {percent(within)}"
    )


def widths_told(annotation: Annotation) -> str | None:
    widths = annotation.widths
    if not widths.samples:
        return None
    parts = sorted(widths.by_name.items(), key=lambda item: order(item[0]), reverse=True)
    shares = ", ".join(f"{name} {percent(n / widths.samples)}" for name, n in parts)
    mean = "not known" if widths.mean is None else f"{widths.mean:.0f} bits"
    known = annotation.known / annotation.samples
    of = "" if known > 0.9995 else f"; of the {percent(known)} of the samples whose code is known"
    return f"Vector width: {mean} ({shares}{of})"


def gap_told(gap: Gap[LineShare] | Gap[Step] | Gap[FunctionShare], what: str, total: int) -> str:
    """What stands in its place, of an operator with ``total`` samples."""
    samples = sum(item.samples for item in gap.items)
    told = f", together {percent(samples / total)}" if samples else " without samples"
    return f"({len(gap.items):,} {what}{told})"


def hot_loops(annotation: Annotation) -> list[LoopShare]:
    """Those that have samples worth a look, the one with most first."""
    least = _COLD * annotation.samples
    return [loop for loop in annotation.loops if loop.own > least][:_MOST_LOOPS]


def hot_listings(annotation: Annotation) -> list[Listing]:
    """The functions that have samples worth a look."""
    least = _COLD * annotation.samples
    return [listing for listing in annotation.listings if listing.samples > least]


def _loops(annotation: Annotation) -> list[tuple[str, str]]:
    shown = hot_loops(annotation)
    if not shown:
        return []
    names = sorted({name for loop in shown for name in loop.mix.widths}, key=order)
    texts = {line.number: line.text.strip() for line in annotation.lines}
    head = ("Share", "Begins at", "Depth", "Instructions", *names, "Loads", "Stores", "FMAs")
    rows = [(*head, "Line", "Loop of")]
    rows += [
        (
            percent(loop.own / annotation.samples),
            f"{loop.loop.begin:#x}",
            str(loop.loop.depth),
            *_mix(loop.mix, names),
            "" if loop.line is None else str(loop.line),
            loop.function if loop.line is None else texts.get(loop.line, loop.function),
        )
        for loop in shown
    ]
    styles = [_DIM, *(_hot(loop.own, annotation.samples) for loop in shown)]
    lines = zip(styles, _columns(rows, right=len(head) + 1), strict=True)
    return [(_PLAIN, ""), (_PLAIN, "Loops of the machine code, and what is in them"), *lines]


def _mix(mix: Mix, names: Sequence[str]) -> Iterable[str]:
    numbers = [mix.instructions, *(mix.widths.get(name, 0) for name in names)]
    return (str(number) for number in [*numbers, mix.loads, mix.stores, mix.fmas])


def _lines(annotation: Annotation) -> list[tuple[str, str]]:
    total = annotation.samples
    lines = annotation.lines
    rows = [("Share", "In loop", "Line", "TensorIR")]
    styles = [_DIM]
    for line in near(lines, [line.inside or line.samples for line in lines]):
        if isinstance(line, Gap):
            rows.append(("", "", "", gap_told(line, "lines", total)))
            styles.append(_DIM)
        else:
            rows.append(_line(line, total))
            styles.append(_hot(line.samples, total))
    if annotation.unlined:
        rows.append((percent(annotation.unlined / total), "", "", "(of no line)"))
        styles.append(_PLAIN)
    return [(_PLAIN, ""), *zip(styles, _columns(rows, right=3), strict=True)]


def _line(line: LineShare, total: int) -> tuple[str, str, str, str]:
    return (
        percent(line.samples / total) if line.samples else "",
        percent(line.inside / total) if line.inside else "",
        str(line.number),
        line.text,
    )


def _instructions(listing: Listing, total: int) -> list[tuple[str, str]]:
    rows = [("Share", "Address", "Line", "Width", "Instruction")]
    styles = [_DIM]
    for step in near(listing.steps, [step.samples for step in listing.steps]):
        if isinstance(step, Gap):
            rows.append(("", "", "", "", gap_told(step, "instructions", total)))
            styles.append(_DIM)
        else:
            rows.append(_step(step, total))
            styles.append(_hot(step.samples, total))
    title = f"{listing.name}, {percent(listing.samples / total)}"
    return [(_PLAIN, ""), (_PLAIN, title), *zip(styles, _columns(rows, right=4), strict=True)]


def _step(step: Step, total: int) -> tuple[str, str, str, str, str]:
    traits = step.instruction.traits
    return (
        percent(step.samples / total) if step.samples else "",
        f"{step.instruction.address:x}",
        "" if step.line is None else str(step.line),
        "" if traits.unit == "general" else width_name(traits),
        # As deep as the loop that it is in.
        "| " * step.depth + step.instruction.text,
    )


def _functions(annotation: Annotation) -> list[tuple[str, str]]:
    rows = [("Share", "Function", "Library")]
    rows += [
        (
            percent(share.samples / annotation.samples),
            share.name or "(no symbol)",
            PurePath(share.path).name,
        )
        for share in annotation.functions
    ]
    styles = [_DIM, *(_hot(share.samples, annotation.samples) for share in annotation.functions)]
    return [(_PLAIN, ""), *zip(styles, _columns(rows, right=1), strict=True)]


def _unread(annotated: Annotated) -> list[tuple[str, str]]:
    if not annotated.unread:
        return []
    reasons = [(_PLAIN, f"{path}: {reason}") for path, reason in annotated.unread.items()]
    return [(_PLAIN, ""), (_PLAIN, "Code that is not shown"), *reasons]


def _hottest(annotation: Annotation) -> str:
    """The line with most samples; else the instruction; else the function."""
    if line := max(annotation.lines, key=lambda line: line.samples, default=None):
        return f"{percent(line.samples / annotation.samples)} {line.text.strip()}"
    steps = (step for listing in annotation.listings for step in listing.steps)
    if step := max(steps, key=lambda step: step.samples, default=None):
        return f"{percent(step.samples / annotation.samples)} {step.instruction.text}"
    function = annotation.functions[0]
    return f"{percent(function.samples / annotation.samples)} {function.name or function.path}"


def bits(operator: Operator) -> str:
    return "" if operator.vector_width is None else f"{operator.vector_width:.0f} bits"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _hot(samples: int, total: int) -> str:
    return _BOLD if samples >= _HOT * total else _PLAIN


def _columns(rows: Sequence[Sequence[str]], right: int) -> list[str]:
    """Lines of a table; the first ``right`` columns are right-justified."""
    cells = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        padded = [
            " " * (width - cell_len(cell)) + cell
            if at < right
            else cell + " " * (width - cell_len(cell))
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    return lines


def _rendered(lines: Iterable[tuple[str, str]], width: int | None, *, colour: bool) -> str:
    console, output = console_of(width or _WIDE, colour=colour)
    for style, line in lines:
        text = Text(line, style)
        if width is not None:
            text.truncate(width, overflow="ellipsis")
        console.print(text, no_wrap=True, crop=False, overflow="ignore", soft_wrap=True)
    return output.getvalue()
