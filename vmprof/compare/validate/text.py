"""A validation as text."""

from __future__ import annotations

from vmprof.compare.diff import TIME
from vmprof.compare.parts import Heading, Part, Prose, Table
from vmprof.compare.validate.agreement import ALPHA, Agreement, Cell, Operator, Verdict
from vmprof.compare.validate.conclusion import Validation


def parts_of(validation: Validation, title: str, *, top: int | None = None) -> list[Part]:
    """Verdict, table of the ``top`` longest operators, costs and method.

    ``title`` names the model.
    """
    agreement = validation.agreement
    parts: list[Part] = [
        Heading(f"{title}: {validation.conclusion.value}"),
        _findings(validation),
    ]
    if agreement.operators:
        header, lines = table(agreement)
        left_out = len(lines) - len(lines[:top])
        parts.append(
            Table(
                header,
                lines[:top],
                text_columns=2,
                names=0,
                yielding=[[2], [1], *([i, i + 1, i + 2] for i in range(6, len(header), 3))],
                note=f"{left_out:,} more operators are not shown (--top)" if left_out else "",
            )
        )
    header, lines = costs(agreement)
    parts.append(Table(header, lines, yielding=[[5], [4]]))
    return [*parts, Prose(method(agreement), is_note=True)]


def table(agreement: Agreement) -> tuple[list[str], list[list[str]]]:
    """Header and a row per operator, of the columns in which any row varies."""
    columns = [
        column
        for column in agreement.columns
        if column == TIME or any(_varies(each.cells[column]) for each in agreement.operators)
    ]
    header = ["Name", "Argument Shapes", "Count"]
    for column in columns:
        header += [f"{column}, {agreement.engines[0]}", agreement.engines[1], "change"]
    return header, [
        [
            each.name,
            each.shapes,
            f"{each.count:,}",
            *(text for column in columns for text in described_cell(column, each.cells[column])),
        ]
        for each in agreement.operators
    ]


def described_cell(column: str, cell: Cell) -> list[str]:
    """By the first engine, by the second, and the change with its verdict."""
    digits = 2 if column == TIME else 0
    values = [
        "" if value is None else f"{value:,.{digits}f} ± {spread:,.{digits}f}"
        for value, spread in zip((cell.change.before, cell.change.after), cell.spreads, strict=True)
    ]
    percent = cell.change.percent
    change = "" if percent is None else f"{percent:+,.1f} % "
    return [*values, f"{change}{cell.verdict.value}"]


def costs(agreement: Agreement) -> tuple[list[str], list[list[str]]]:
    """Header and a row per engine: what it costs."""
    header = [
        "Engine",
        "Total (us)",
        "Unprofiled (us)",
        "Slowdown",
        "Between calls (us)",
        "Empty call (us)",
    ]
    return header, [
        [
            name,
            f"{cost.total_us:,.2f}",
            f"{cost.unprofiled_us:,.2f}",
            "" if cost.slowdown is None else f"{cost.slowdown:.3f}",
            f"{cost.between_us:.3f}",
            f"{cost.empty_us:.3f}",
        ]
        for name, cost in zip(agreement.engines, agreement.costs, strict=True)
    ]


def method(agreement: Agreement) -> str:
    """How it was judged, and what the marks mean."""
    return f"""\
Values are means over the middle half of the repeats, in which the engines took turns; ± is 1.4826
x the median absolute deviation. Unprofiled is TVM's VM in the same rounds.
{Verdict.NOISE.value}  within chance
{Verdict.SMALL.value}  more than chance, at {100 * ALPHA:.0f} %: Mann-Whitney U test on the \
repeats, exact, two-sided, adjusted
   for the {agreement.tested} values that were tested (Holm); but no more than \
{agreement.tolerance:g} % or than a window costs
{Verdict.DIFFERS.value}  more than chance, and than both of those
{Verdict.UNDECIDED.value}  undecided: more than both, but within chance; or too few repeats for so
   many values

A window costs {agreement.window[TIME]:.3f} us per call: what passes from one to the next, in no \
row, in the least
disturbed repeat of the dearer engine, and what an empty call reads.
""" + "".join(f"Not compared: {column}: {why}\n" for column, why in agreement.not_compared.items())


def _findings(validation: Validation) -> Table:
    agreement = validation.agreement
    one, other = agreement.engines
    if not validation.reproducible:
        outputs = "not compared: two runs of TVM's own VM differ, without any profiler"
    else:
        outputs = validation.other_output or (
            f"identical, bit for bit: {one}, {other}, and TVM's VM unprofiled"
        )
    calls = agreement.other_call or (
        f"the same {agreement.calls:,} with the same shapes, in the same order"
    )
    return Table(
        ["Outputs", outputs],
        [["Calls", calls], ["Operators", _operators(agreement)]],
        text_columns=2,
        wrapped=(1,),
    )


def _operators(agreement: Agreement) -> str:
    if agreement.other_call:
        return "not compared"
    found = [_named(*each) for each in agreement.differing()]
    undecided = agreement.undecided()
    if undecided and not agreement.tested:
        found.append(
            f"not told: {agreement.repeats} repeats are too few for {agreement.varying} values, "
            f"{agreement.enough_repeats} are needed (--repeats)"
        )
    elif undecided:
        found.append(
            f"not told, may be chance (--repeats, or another --tolerance): "
            f"{', '.join(_named(*each) for each in undecided)}"
        )
    return "; ".join(found) or f"all {len(agreement.operators)} agree"


def _named(operator: Operator, column: str, cell: Cell) -> str:
    percent = cell.change.percent
    change = "from 0" if percent is None else f"{percent:+,.1f} %"
    return f"{operator.name}: {column} {change}"


def _varies(cell: Cell) -> bool:
    return cell.change.before != cell.change.after or any(cell.spreads)
