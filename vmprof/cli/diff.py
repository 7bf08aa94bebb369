"""Compare two profiles, operator by operator.

BEFORE and AFTER are saved reports, vmprof's or TVM's own (JSON, CSV, or a log
with tables; one of them may be -, standard input), or models as for vmprof run,
which are then profiled, as the options that say how to measure want it. Of files
with reports of several models, those of the same name are compared. Operators
are matched by hash, else by name and shapes; the rest by name without numbers,
in their order.

With --fail-over the exit code is 3 if the run or an operator costs more by more
than so much, unless repeats show that it may be chance; it is 4 if repeats are too
few to tell, as in reports of TVM's profiler, which ran once.

Examples:
  vmprof diff before.json after.json
  vmprof diff before.json model.so --fail-over 5% --csv changes.csv

"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from vmprof.cli.exit_codes import CANNOT_TELL, SAYS_NO
from vmprof.cli.progress import progress_line
from vmprof.cli.results import ABOUT_FILES, Results, Text, kept_if_lost
from vmprof.compare.diff import TIME, Change, Limit, Regressions, diff_reports, regressions
from vmprof.compare.diff.data import to_csv, to_json
from vmprof.compare.diff.text import LEGEND, describe_change, render
from vmprof.compare.readers import (
    STANDARD_INPUT,
    SavedReport,
    names_of,
    read_reports,
    reports_of,
)
from vmprof.defaults import DEFAULT_ENGINE
from vmprof.drivers.options import Profiling
from vmprof.errors import VmprofError
from vmprof.recording.recognized import holds_recording
from vmprof.report import Report
from vmprof.subject.options import Subject
from vmprof.visible import visible


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", metavar="BEFORE", help="a saved report, or a model")
    parser.add_argument("after", metavar="AFTER", help="the same")
    parser.add_argument(
        "--report", metavar="NAME", help="the model, if the files have reports of several"
    )
    Profiling.add_arguments(parser)
    fail = parser.add_argument_group("when to fail")
    fail.add_argument(
        "--fail-over", type=percent, metavar="N%", help="fail if something costs more by over N %%"
    )
    fail.add_argument(
        "--column", default=TIME, metavar="NAME", help=f"of what to fail (default: {TIME})"
    )
    fail.add_argument(
        "--min-share",
        type=percent,
        default=1.0,
        metavar="N%",
        help="do not fail for operators that make up less of Sum (default: 1%%)",
    )
    where = parser.add_argument_group("where the differences go, besides the terminal", ABOUT_FILES)
    where.add_argument("--json", metavar="FILE", help="write them as JSON")
    where.add_argument("--csv", metavar="FILE", help="write a line per operator")
    where.add_argument("--force", action="store_true", help="overwrite files that exist")
    where.add_argument("--quiet", action="store_true", help="no progress line")


def execute(options: argparse.Namespace) -> int:
    if options.before == options.after == STANDARD_INPUT:
        raise VmprofError("standard input holds one side of a diff; the other has to be a file")
    results = Results(options, ("json", "csv"))
    sources = (options.before, options.after)
    # What is saved first: nothing is measured if it cannot be read.
    sides = [read_reports(source) if _is_saved(source) else [] for source in sources]
    if all(sides) and Profiling.from_options(options) != Profiling():
        raise VmprofError(
            "both sides are saved reports, and nothing is measured; leave out the options that say "
            "how to measure"
        )
    measured: list[Text] = []
    with kept_if_lost(measured):
        for source, side in zip(sources, sides, strict=True):
            if not side:
                report = _profile(source, options)
                measured.append(report.json)
                side.append(SavedReport(report, f"{source}, just now"))
        before, after = sides
        return _compare(_pair(before, after, options.report), results, options)


def _compare(
    pairs: list[tuple[SavedReport, SavedReport]], results: Results, options: argparse.Namespace
) -> int:
    if results.files and len(pairs) > 1:
        raise VmprofError("the files hold several reports; to write one, name it: --report NAME")
    shown = []
    codes = {0}
    for old, new in pairs:
        diff = diff_reports(old.report, new.report)
        titles = (_title(old), _title(new))
        texts = {"json": partial(to_json, diff, *titles), "csv": partial(to_csv, diff)}
        shown.append(render(diff, *titles))
        if options.fail_over is not None:
            limit = Limit(options.fail_over, options.column, options.min_share)
            found = regressions(diff, limit)
            shown.append(_describe(found, limit))
            codes.add(SAYS_NO if found.sure else CANNOT_TELL if found.undecided else 0)
    results.deliver(texts, lambda: "\n".join([*shown, LEGEND]))
    # Of several reports a sure regression says more than one that cannot be told.
    return SAYS_NO if SAYS_NO in codes else max(codes)


def _profile(source: str, options: argparse.Namespace) -> Report:
    from vmprof.drivers.profile import profile_engines  # TVM, which takes time to load

    profiling = Profiling.from_options(options)
    with progress_line(quiet=options.quiet) as progress:
        reports = profile_engines(Subject(source), [DEFAULT_ENGINE], profiling, progress=progress)
    return reports[DEFAULT_ENGINE]


def _is_saved(source: str) -> bool:
    """Whether ``source`` is a file with reports, and no model."""
    if source == STANDARD_INPUT or Path(source).is_fifo():
        return True  # no model comes that way, and what is read of it is gone
    if holds_recording(source):
        return True
    if not _is_text(Path(source)):
        return False
    if os.sep in source or Path(source).suffix.strip(".0123456789"):
        return True  # named as no model of ours is
    from vmprof.zoo.models import MODELS  # TVM, which takes time to load

    return source not in MODELS


def _is_text(path: Path) -> bool:
    """Reports are text, whatever a model is saved as is not."""
    try:
        with path.open("rb") as file:
            begin = file.read(4096)
    except OSError:
        return False
    # Of text in UTF-16 every other byte is 0; spreadsheets write it, after this mark.
    return begin.startswith((b"\xff\xfe", b"\xfe\xff")) or not set(begin) & set(range(8))


def _pair(
    before: list[SavedReport], after: list[SavedReport], model: str | None
) -> list[tuple[SavedReport, SavedReport]]:
    # A report that stands alone needs no name.
    if model is not None:
        before = reports_of(model, before) if len(before) > 1 else before
        after = reports_of(model, after) if len(after) > 1 else after
    if len(before) == len(after) == 1:
        return [(before[0], after[0])]
    pairs = [(old, new) for old in before for new in after if old.model == new.model is not None]
    if not pairs:
        raise VmprofError(
            "no model has a report on both sides; "
            f"before: {names_of(before)}; after: {names_of(after)}"
        )
    return pairs


def _title(saved: SavedReport) -> str:
    return f"{saved.model} ({saved.where})" if saved.model else saved.where


def _describe(found: Regressions, limit: Limit) -> str:
    what = f"{limit.percent:g} % more {visible(limit.column)}"
    parts = [
        _listed(f"Over {what}", found.sure),
        _listed(f"Over {what}, or not: too few repeats to tell", found.undecided),
        _listed(f"Over {what}, but within chance", found.chance),
    ]
    if not any(parts):
        parts.append(f"Nothing has over {what}.\n")
    if found.blind and not found.undecided:
        parts.append(
            f"Repeats are too few to tell this from chance for {found.blind} of "
            f"{found.looked_at} changes.\n"
        )
    return "".join(parts)


def _listed(title: str, changes: Sequence[tuple[str, Change]]) -> str:
    lines = [f"  {visible(name)}: {describe_change(change)}\n" for name, change in changes]
    return f"{title}:\n{''.join(lines)}" if lines else ""


def percent(text: str) -> float:
    """The number in ``5%``."""
    try:
        number = float(text.strip().removesuffix("%"))
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage, such as 5%")
    return number
