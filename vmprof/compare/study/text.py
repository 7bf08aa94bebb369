"""What a study says, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from vmprof.compare.parts import Heading, Part, Prose, Table
from vmprof.compare.study.gathered import Facts
from vmprof.compare.study.outliers import LEAST_HOSTS
from vmprof.compare.study.study import Study
from vmprof.compare.study.summary import Outlier, Summaries, Summary
from vmprof.report.render.figures import short_count, short_time

TOP = 15
# What is not said of hosts beside their times, as it is of the same number everywhere.
_UNTOLD = ("Count", "Percent", "FLOPs", "Bytes")
_MARKS = {True: "*", False: "~"}


def parts_of(study: Study, *, top: int | None = TOP) -> list[Part]:
    """Of operators, outliers and servers without a report the ``top`` first; None is all."""
    summary = study.summary
    missing = study.missing
    heading = f"{study.title}: {len(summary.facts):,} of {len(study.folder.points):,} servers"
    parts: list[Part] = [Heading(heading)]
    names = study.names()
    if summary.rows:
        parts.append(_operators(summary, names, top))
    outliers = summary.outliers_of()
    if outliers:
        parts.append(Heading("Outliers"))
        parts.append(_outliers(summary, outliers, names, top))
    if missing:
        parts.append(Heading("Without a report"))
        parts.append(_missing(missing, top))
    if summary.rows:
        parts.append(Prose(legend(summary), is_note=True))
    return parts


def legend(summary: Summaries) -> str:
    """How to read the marks."""
    hosts = max(len(row.times) for row in summary.rows)
    text = (
        f"*  more than chance, at {100 * summary.alpha:.0f} % for all rows and hosts together: "
        "Student's t\n"
        "   on logarithms, against the hosts that are not outliers themselves; disturbed now and\n"
        "   then, hosts that are alike are named more often\n"
        "~  no more than hosts differ\n"
    )
    if hosts < summary.enough:
        text += (
            f"?  not told: {summary.enough} hosts are enough to tell what is off by 12 times the "
            f"spread\n   of the others, and here are {hosts}\n"
        )
    return text


def away_of(row: Summary, summary: Summaries) -> str:
    """``+12.3 % *``: how far the farthest is from the rest, and whether that is chance."""
    if len(row.times) < 2:
        return ""
    is_outlier = any(outlier.point == row.furthest for outlier in row.outliers)
    few = len(row.times) < max(summary.enough, LEAST_HOSTS)
    mark = "?" if few and not is_outlier else _MARKS[is_outlier]
    return f"{100 * row.away:+,.1f} % {mark}"


def _operators(summary: Summaries, names: Mapping[str, str], top: int | None) -> Table:
    shown = summary.operators[:top]
    header = ["Name", "Argument Shapes", "Hosts", "Median", "Spread", "Farthest", "Host"]
    header.append("Outliers")
    lines = [_line(row, summary, names) for row in (*shown, *summary.wholes)]
    left_out = len(summary.operators) - len(shown)
    # A text that stands behind numbers is aligned as they are.
    return Table(
        header,
        lines,
        text_columns=2,
        names=0,
        yielding=[[2], [6], [4], [1]],
        sums=len(summary.wholes),
        note=f"{left_out:,} more operators are not shown (--top)" if left_out else "",
    )


def _line(row: Summary, summary: Summaries, names: Mapping[str, str]) -> list[str]:
    return [
        row.operator.name,
        row.operator.shapes,
        f"{len(row.times):,}",
        short_time(row.middle),
        f"±{row.spread:.1f} %" if len(row.times) >= LEAST_HOSTS else "",
        away_of(row, summary),
        names.get(row.furthest, row.furthest) if len(row.times) > 1 else "",
        f"{len(row.outliers):,}" if row.outliers else "",
    ]


def _outliers(
    summary: Summaries,
    outliers: Mapping[str, Sequence[tuple[Summary, Outlier]]],
    names: Mapping[str, str],
    top: int | None,
) -> Table:
    """Of each host what costs most, and of how many operators it is an outlier."""
    columns = [name for name in summary.columns if _is_told(name, summary)]
    header = ["Host", "Operators", "Most in", "Unlike others", "Time", "Rest", "Change", *columns]
    usual = _usual(summary)
    lines = []
    for point, pairs in [*outliers.items()][:top]:
        parts = [pair for pair in pairs if not pair[0].operator.is_whole]
        row, outlier = (parts or pairs)[0]
        lines.append(
            [
                names.get(point, point),
                f"{len(parts):,} of {len(summary.operators):,}",
                row.operator.name,
                _unlike(summary.facts[point], usual),
                short_time(outlier.value),
                short_time(outlier.rest),
                f"{outlier.percent:+,.1f} % *",
                *(_beside(outlier, column) for column in columns),
            ]
        )
    left_out = len(outliers) - len(lines)
    texts = 4
    if not any(line[3] for line in lines):  # who has nothing to say has no column
        header, *lines = ([*line[:3], *line[4:]] for line in (header, *lines))
        texts = 3
    counters = [[texts + 3 + place] for place in range(len(columns))]
    return Table(
        header,
        lines,
        text_columns=texts,
        names=2,
        yielding=[[texts + 1], *([[3]] if texts == 4 else []), *counters, [1]],
        wrapped=(3,) if texts == 4 else (),
        note=f"{left_out:,} more hosts are not shown (--top)" if left_out > 0 else "",
    )


def _usual(summary: Summaries) -> Facts:
    """What most hosts say of themselves."""
    facts = summary.facts.values()
    most = {
        name: Counter(getattr(each, name) for each in facts).most_common(1)[0][0]
        for name in ("processor", "kernel")
    }
    return Facts(**most)


def _unlike(facts: Facts, usual: Facts) -> str:
    """In what a host differs from most, and whether it was noisy there."""
    level = facts.noise.partition(":")[0]
    parts = [
        text
        for text, other in ((facts.processor, usual.processor), (facts.kernel, usual.kernel))
        if text and text != other
    ]
    return "; ".join([level, *parts] if "noisy" in level else parts)


def _is_told(column: str, summary: Summaries) -> bool:
    return column not in _UNTOLD and any(
        column in outlier.beside for row in summary.rows for outlier in row.outliers
    )


def _beside(outlier: Outlier, column: str) -> str:
    """``2.3 M (+0.1 %)``: what it is there, and how it compares with the rest."""
    if column not in outlier.beside:
        return ""
    value, rest = outlier.beside[column]
    change = f" ({100 * (value / rest - 1):+,.1f} %)" if rest else ""
    return f"{short_count(value)}{change}"


def _missing(missing: Mapping[str, str], top: int | None) -> Table:
    """Those of one reason in one line."""
    alike: dict[str, list[str]] = {}
    for point, reason in missing.items():
        alike.setdefault(reason, []).append(point)
    lines = [
        [f"{points[0]} and {len(points) - 1:,} more" if points[1:] else points[0], reason]
        for reason, points in [*alike.items()][:top]
    ]
    left_out = len(alike) - len(lines)
    return Table(
        ["Server", "Why"],
        lines,
        text_columns=2,
        wrapped=(1,),
        note=f"{left_out:,} more reasons are not shown (--top)" if left_out else "",
    )
