"""What the viewer says in words: of an operator, of a report. No text of it is markup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vmprof.report.advice import Case, Rule
from vmprof.report.aggregate import merge_key
from vmprof.report.facts import facts, title_of
from vmprof.report.noise import noise_of, spread_of
from vmprof.report.render import advice as advice_text
from vmprof.report.render.figures import like, short, short_time
from vmprof.report.render.legends import legend
from vmprof.report.render.table import columns_of, format_metric
from vmprof.report.render.terminal import facts_text, missing_text, noise_text
from vmprof.values import (
    PER_THREAD_SUFFIX,
    SAMPLES_SUFFIX,
    Count,
    Duration,
    Metric,
    Percent,
    Ratio,
    Row,
    Samples,
)
from vmprof.viewer.functions import FunctionsSheet
from vmprof.viewer.sheet import ReportSheet
from vmprof.visible import visible

_MOST_THREADS = 16
_WIDE = 110
_TIME = "Duration (us)"
_TOLD_ELSEWHERE = ("Name", "Argument Shapes", "Percent", "Bound")


def head(sheet: ReportSheet, width: int) -> Text:
    """What a report begins with."""
    title = title_of(sheet.report)
    lines = [Text(visible(title), "bold")] if title else []
    lines.append(facts_text(sheet.report, width))
    if (noise := noise_of(sheet.report)) is not None:
        told = noise_text(noise)
        told.truncate(width, overflow="ellipsis")
        lines.append(told)
    return Text("\n").join(lines)


def about(sheet: ReportSheet, width: int) -> RenderableType:
    """All that a report says besides its rows."""
    report = sheet.report
    parts: list[RenderableType] = [Text(visible(title_of(report)), "bold"), Text()]
    parts.append(_lines((fact.name, fact.value, fact.note) for fact in facts(report)))
    if (noise := noise_of(report)) is not None:
        parts += [Text(), noise_text(noise)]
    advised = sheet.advised
    told = advised if isinstance(advised, str) else advice_text.text(advised, max(width, 40))
    parts += [_title("Advice"), Text(_visible_lines(told))]
    if report.missing:
        parts += [Text(), missing_text(report)]
    for title, entries in (
        ("Derived", {entry.column: entry.formula for entry in report.derived}),
        ("Configuration", _settings(report.configuration)),
        ("Provenance", _settings(report.provenance)),
    ):
        if entries:
            parts += [_title(title), _lines((*pair, "") for pair in entries.items())]
    return Group(*parts)


def about_functions(sheet: FunctionsSheet) -> RenderableType:
    """What a recording says besides its functions."""
    parts: list[RenderableType] = []
    for title, lines in (("What grows", sheet.grows), ("Not seen", sheet.unseen)):
        parts += [Text(title, "bold"), *(Text(visible(line)) for line in lines or ["nothing"])]
        parts.append(Text())
    return Group(*parts)


def overview(sheet: ReportSheet, row: Row, width: int) -> RenderableType:
    """What is known of an operator: what bounds it, its cells, and why others are not there.

    What columns mean is said where ``width`` has room for it.
    """
    parts: list[RenderableType] = []
    bound = sheet.bounds.get(merge_key(row))
    if bound is not None:
        word = Text.assemble(("Bound: ", "bold"), (bound.word, "bold yellow"))
        parts.append(word.append(visible(f", as {bound.because}"), "not bold"))
        parts += [Padding(Text(visible(figure), "dim"), (0, 0, 0, 2)) for figure in bound.figures]
        parts.append(Text())
    parts.append(_lines(_cells(sheet, row, told=width >= _WIDE)))
    if threads := [*_threads(row)]:
        parts += [_title("By thread, the calling one first"), _lines(threads)]
    lacking = {name: why for name, why in sheet.report.missing.items() if not row.get(name)}
    if lacking:
        parts += [_title("Not there"), _lines((name, "", why) for name, why in lacking.items())]
    return Group(*parts)


def advice(sheet: ReportSheet, row: Row) -> RenderableType:
    """What rules say of an operator."""
    advised = sheet.advised
    if isinstance(advised, str):
        return Text(visible(advised))
    name, shapes = (str(row.get(column, "")) for column in ("Name", "Argument Shapes"))
    found = [
        (given.rule, case)
        for given in advised.given
        for case in given.cases
        if (case.name, case.shapes) == (name, shapes)
    ]
    parts: list[RenderableType] = []
    for rule, case in found:
        parts += [*_case(rule, case), Text()]
    if not found:
        parts += [Text("No rule has anything to say of this operator."), Text()]
    for unable, why in advised.untold.items():
        parts.append(Text(visible(f"Cannot tell: {unable}: {why}"), "dim"))
    return Group(*parts)


def _case(rule: Rule, case: Case) -> Iterator[RenderableType]:
    won = f" (at most {short_time(case.gain_us)} to win)" if case.gain_us else ""
    yield Text(visible(rule.title), "bold")
    yield Padding(Text(visible(f"{case.text}{won}")), (0, 0, 0, 2))
    yield Padding(Text(visible(f"-> {rule.remedy}"), "green"), (0, 0, 0, 2))
    yield Padding(Text(visible(rule.page), "dim"), (0, 0, 0, 2))


def _cells(sheet: ReportSheet, row: Row, *, told: bool) -> Iterator[tuple[str, str, str]]:
    """Each column: its name, the number with all digits, what repeats said, and what it means."""
    for title in columns_of([row]):
        metric = row.get(title)
        if title in _TOLD_ELSEWHERE:
            continue
        if not metric and not isinstance(metric, Count | Duration | Percent | Ratio):
            continue
        more = []
        if (spread := spread_of(row, title)) is not None:
            low, high = (short(like(metric, value)) for value in (spread.low, spread.high))
            more.append(f"{spread.text}: {low} to {high}, of {spread.repeats} repeats")
        if title == _TIME:
            more.insert(0, f"{sheet.share(row):.1f} % of Total")
        if told and (meaning := legend(title, sheet.report.derived)):
            more.append(meaning)
        yield title, _exact(metric), "; ".join(more)


def _exact(metric: Metric | None) -> str:
    """In short, with all digits behind it where these say more."""
    brief, whole = short(metric), format_metric(metric)
    same = isinstance(metric, str | Ratio | Percent) or brief == whole
    return brief if same else f"{brief} ({whole})"


def _threads(row: Row) -> Iterator[tuple[str, str, str]]:
    for title, metric in row.items():
        if title.endswith(PER_THREAD_SUFFIX) and isinstance(metric, Samples):
            column = title.removesuffix(PER_THREAD_SUFFIX)
            whole = row.get(column)
            texts = [short(like(whole, value)) for value in metric.values[:_MOST_THREADS]]
            more = len(metric.values) - len(texts)
            yield column, ", ".join(texts) + (f" and {more:,} more" if more else ""), ""


def _settings(entries: Mapping[str, Metric]) -> dict[str, str]:
    return {
        name: format_metric(metric)
        for name, metric in entries.items()
        if not isinstance(metric, Samples) and not name.endswith(SAMPLES_SUFFIX)
    }


def _visible_lines(text: str) -> str:
    return "\n".join(map(visible, text.split("\n")))


def _title(text: str) -> Text:
    return Text(f"\n{text}", "bold")


def _lines(entries: Iterable[Sequence[str]]) -> Table:
    """Names, what they are, and a note."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="cyan", no_wrap=True, max_width=24, overflow="ellipsis")
    table.add_column()
    table.add_column(style="dim")
    for name, value, note in entries:
        table.add_row(Text(visible(name)), Text(visible(value)), Text(visible(note)))
    return table
