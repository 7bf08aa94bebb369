"""A recording as text: the summary, what grows, and a table for each function that matters."""

from __future__ import annotations

from collections.abc import Callable

from vmprof.recording.groups import Group, groups_of
from vmprof.recording.growth import growths
from vmprof.recording.reports import build
from vmprof.recording.summary import not_seen, summary
from vmprof.recording.tables import Recording
from vmprof.report.model import Report
from vmprof.report.noise import noise_of
from vmprof.report.render.table import grid, heading
from vmprof.values import Row
from vmprof.visible import visible

# A function with this share of all the time has a table; if none has it, the longest few do.
_MATTERS = 0.01
_FEWEST = 3
# Columns that a summary does without where there is no room, in this order.
_SPARE = (
    *("Unrecorded (us)", "p10 (us)", "p90 (us)", "Timed", "Peak memory (bytes)"),
    *("Rest (us)", "First (us)", "Threads"),
)
# The summary shortens longer titles in the middle.
_TITLE = 80


def render(
    recording: Recording,
    *,
    by: str = "operator",
    metrics: bool = False,
    table: Callable[[Report], str] | None = None,
    width: int | None = None,
) -> str:
    """The whole text; the summary leaves columns out if it is to fit into ``width`` characters.

    ``table`` renders one report; by default as TVM's table with its heading.
    """
    groups = groups_of(recording, by)
    parts = [_summary_text(summary(groups), width) if groups else f"{nothing(recording)}\n"]
    grown = [str(each) for group in groups for each in growths(group)]
    if grown:
        parts.append(_section("What grows", grown))
    unseen = not_seen(recording)
    if unseen:
        parts.append(_section("Not seen", unseen))
    shown = matter(groups)
    built = [build(group, by, metrics=metrics) for group in shown]
    found = [report for report in built if report is not None]
    if found and (noise := noise_of(found[0])) is not None:
        # What happened on the processors meanwhile: the same for all functions.
        parts.append(_section("Noise", [noise.verdict, *filter(None, [noise.remedy])]))
    parts += [table(report) if table else heading(report) + report.table() for report in found]
    if len(shown) < len(groups):
        parts.append(_about_others(len(groups) - len(shown)))
    return "\n".join(parts)


def matter(groups: list[Group]) -> list[Group]:
    """Those of ``groups`` that have a table of their own."""
    least_ns = _MATTERS * sum(group.total("sum_ns") for group in groups)
    return [group for group in groups if group.total("sum_ns") >= least_ns] or groups[:_FEWEST]


def nothing(recording: Recording) -> str:
    """Why there is no line in the summary."""
    if recording.vms:
        return "Nothing was recorded: no attached VM was called."
    return (
        "Nothing was recorded: no tvm.relax.VirtualMachine and no vmprof.VirtualMachine was made "
        "in this process, or attached; those of child processes are not seen."
    )


def _about_others(count: int) -> str:
    functions = "1 function has" if count == 1 else f"{count:,} functions have"
    return (
        f"{functions} no table here, as less than {100 * _MATTERS:.0f} % of the time went there: "
        "vmprof show FILE --report NAME shows one, and --html and --json have all.\n"
    )


def _summary_text(rows: list[Row], width: int | None) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    shown = [{**row, "Function": _shortened(str(row["Function"]))} for row in rows]
    left_out: list[str] = []
    while True:
        text = grid(shown, [], [column for column in columns if column not in left_out])
        spare = [column for column in _SPARE if column in columns and column not in left_out]
        if width is None or len(text.partition("\n")[0].rstrip()) <= width or not spare:
            break
        left_out.append(spare[0])
    return text + (f"Not shown, for want of room: {', '.join(left_out)}\n" if left_out else "")


def _shortened(title: str) -> str:
    half = _TITLE // 2
    return title if len(title) <= _TITLE else f"{title[: half - 1]}…{title[-half:]}"


def _section(title: str, lines: list[str]) -> str:
    return "".join(f"{visible(line)}\n" for line in (title, "-" * len(title), *lines))
