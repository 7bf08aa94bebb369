"""Compare two profiles, operator by operator.

BEFORE and AFTER are saved reports, vmprof's or TVM's own (JSON, CSV, or a log
with tables; one of them may be -, standard input), or models as for vmprof run,
which are then profiled, all as the options that say what to run and how to measure
want it. Of files with reports of several models, those of the same name are
compared. Operators are matched by hash, else by name and shapes; the rest by name
without numbers, by layer, by operations, by place.

Several reports of one side, of several starts of a program, stand before and
after --; quoted patterns are names of files. From start to start a program differs
by more than from repeat to repeat: only several starts (5 of each side) show
whether a difference is more than chance. vmprof run --processes 5 makes a report of
several. With --processes 5, models are started so often, both in random order: the
surest comparison, since no drift of the machine can pass for a difference.

With --fail-over the exit code is 3 if the run or an operator costs more by more
than so much and by more than chance; it is 4 if starts or repeats are too few to
tell.

Examples:
  vmprof diff before.json after.json
  vmprof diff a1.json a2.json a3.json -- b1.json b2.json b3.json
  vmprof diff --processes 5 old.so new.so --fail-over 5% --html changes.html
  vmprof diff --processes 5 old.so new.so --entry decode --dim n=128

"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vmprof.cli.exit_codes import CANNOT_TELL, SAYS_NO
from vmprof.cli.numbers import percent, positive
from vmprof.cli.progress import progress_line
from vmprof.cli.results import ABOUT_FILES, Results, Text, kept_if_lost
from vmprof.cli.shown import ABOUT_PLAIN, as_text
from vmprof.cli.sides import add_sides, sides_of
from vmprof.compare.diff import TIME, Limit, diff_reports, regressions
from vmprof.compare.diff.data import to_csv, to_json
from vmprof.compare.diff.text import LEGEND, describe_verdict, parts_of
from vmprof.compare.page import page
from vmprof.compare.parts import Part, Prose, markdown
from vmprof.compare.readers import STANDARD_INPUT, SavedReport, read_reports, reports_of
from vmprof.defaults import DEFAULT_ENGINE
from vmprof.drivers.options import Profiling
from vmprof.errors import VmprofError
from vmprof.progress import Progress, silent
from vmprof.recording.recognized import holds_recording
from vmprof.report import Report
from vmprof.report.render.parquet import is_parquet
from vmprof.report.starts import joined
from vmprof.subject.options import Subject


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_sides(parser)
    parser.add_argument(
        "--report", metavar="NAME", help="the model, if the files have reports of several"
    )
    how = parser.add_argument_group("how to compare")
    how.add_argument(
        "--processes",
        type=positive,
        default=1,
        metavar="N",
        help="start each model N times, in fresh processes, in random order (default: 1)",
    )
    how.add_argument(
        "--in-turn",
        action="store_true",
        help="the saved reports of both sides were made in turn, not one side after the other",
    )
    how.add_argument("--top", type=positive, metavar="N", help="show the N longest rows alone")
    how.add_argument("--plain", action="store_true", help=ABOUT_PLAIN)
    Subject.add_what_to_run(parser)
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
    where.add_argument("--html", metavar="FILE", help="write a page to look at in a browser")
    where.add_argument(
        "--markdown", metavar="FILE", help="write tables for a comment, or a job's summary"
    )
    where.add_argument("--force", action="store_true", help="overwrite files that exist")
    where.add_argument("--quiet", action="store_true", help="no progress line")


def execute(options: argparse.Namespace) -> int:
    sides = sides_of(options)
    if [*sides[0], *sides[1]].count(STANDARD_INPUT) > 1:
        raise VmprofError("standard input holds one report of a diff; the others have to be files")
    results = Results(options, ("json", "csv", "html", "markdown"))
    # What is saved first: nothing is measured if it cannot be read.
    read = [[_read(source) for source in side] for side in sides]
    measured: list[Text] = []
    with kept_if_lost(measured):
        _measure_what_is_no_report(sides, read, options, measured)
        joined = [_joined(side, options.report) for side in read]
        return _compare(_pair(*joined), results, options, _are_in_turn(read, options))


_LEGEND = Prose(LEGEND, is_note=True)

# A report and its starts: those of one file are one, or of several models.
_Saved = list[SavedReport]


@dataclass(frozen=True)
class _Starts:
    """The reports of one model on one side, and what they are called."""

    reports: Sequence[Report]
    model: str | None
    title: str


def _read(source: str) -> _Saved | None:
    """None if ``source`` is a model."""
    return read_reports(source) if _is_saved(source) else None


def _measure_what_is_no_report(
    sides: Sequence[Sequence[str]],
    read: list[list[_Saved | None]],
    options: argparse.Namespace,
    measured: list[Text],
) -> None:
    """Put the reports of models, which are measured now, in the places of None in ``read``."""
    models = [
        (number, place, source)
        for number, side in enumerate(sides)
        for place, source in enumerate(side)
        if read[number][place] is None
    ]
    if not models:
        if _asks_to_measure(options):
            raise VmprofError(
                "all that is compared are saved reports, and nothing is measured; leave out the "
                "options that say what to run and how to measure"
            )
        return
    with progress_line(quiet=options.quiet) as progress:
        profiling = Profiling.from_options(options)
        subjects = [Subject.from_options(options, source) for _, _, source in models]
        makers = [partial(profiled, subject, profiling) for subject in subjects]
        if options.processes > 1:
            from vmprof.cli.processes import in_processes

            found = in_processes(makers, options.processes, progress=progress)
        else:
            found = []
            for make in makers:
                found.append([make(progress)])
                measured.append(found[-1][0].json)
    measured.clear()
    for (number, place, source), reports in zip(models, found, strict=True):
        report = joined(reports)
        measured.append(report.json)
        read[number][place] = [SavedReport(report, f"{source}, just now")]


def _asks_to_measure(options: argparse.Namespace) -> bool:
    what = argparse.ArgumentParser()
    Subject.add_what_to_run(what)
    given = vars(options)
    return (
        any(given[name] != default for name, default in vars(what.parse_args([])).items())
        or Profiling.from_options(options) != Profiling()
        or options.processes > 1
    )


def profiled(subject: Subject, profiling: Profiling, progress: Progress = silent) -> Report:
    """The report of a model, measured in this process."""
    from vmprof.drivers.engines import profile_engines  # TVM, which takes time to load

    return profile_engines(subject, [DEFAULT_ENGINE], profiling, progress=progress)[DEFAULT_ENGINE]


def _are_in_turn(read: Sequence[Sequence[_Saved | None]], options: argparse.Namespace) -> bool:
    just_now = [
        all(saved.where.endswith(", just now") for each in side for saved in each or ())
        for side in read
    ]
    return bool(options.in_turn or (options.processes > 1 and all(just_now)))


def _joined(side: Sequence[_Saved | None], model: str | None) -> list[_Starts]:
    """The reports of all files of a side, by model: those of one model are starts of it."""
    files = [each or [] for each in side]
    # A report that stands alone needs no name.
    if model is not None:
        files = [reports_of(model, each) if len(each) > 1 else each for each in files]
    if len(files) == 1:
        return [_Starts([each.report], each.model, _title(each)) for each in files[0]]
    by_model: dict[str | None, _Saved] = {}
    for saved in (saved for each in files for saved in each):
        by_model.setdefault(saved.model, []).append(saved)
    return [
        _Starts([saved.report for saved in group], name, _title_of_several(name, group))
        for name, group in by_model.items()
    ]


def _compare(
    pairs: Sequence[tuple[_Starts, _Starts]],
    results: Results,
    options: argparse.Namespace,
    in_turn: bool,  # noqa: FBT001
) -> int:
    if results.files and len(pairs) > 1:
        raise VmprofError("the files hold several reports; to write one, name it: --report NAME")
    shown: list[Part] = []
    codes = {0}
    texts: dict[str, Text] = {}
    for old, new in pairs:
        diff = diff_reports(old.reports, new.reports, in_turn=in_turn)
        titles = (old.title, new.title)
        found = None
        if options.fail_over is not None:
            limit = Limit(options.fail_over, options.column, options.min_share)
            found = regressions(diff, limit)
            codes.add(SAYS_NO if found.sure else CANNOT_TELL if found.undecided else 0)
        verdict = "" if found is None else describe_verdict(diff, found, limit)
        make_parts = partial(parts_of, diff, *titles, verdict=verdict)
        texts = {
            "json": partial(to_json, diff, *titles),
            "csv": partial(to_csv, diff),
            "html": lambda: page([*make_parts(), _LEGEND], "Diff"),  # noqa: B023 # of the one pair
            "markdown": lambda: markdown([*make_parts(top=options.top), _LEGEND]),  # noqa: B023
        }
        shown += make_parts(top=options.top)
    output = partial(as_text, [*shown, _LEGEND], plain=options.plain)
    results.deliver(texts, output)
    # Of several reports a sure regression says more than one that cannot be told.
    return SAYS_NO if SAYS_NO in codes else max(codes)


def _is_saved(source: str) -> bool:
    """Whether ``source`` is a file with reports, and no model."""
    if source == STANDARD_INPUT or Path(source).is_fifo():
        return True  # no model comes that way, and what is read of it is gone
    if holds_recording(source):
        return True
    if not _may_hold_reports(Path(source)):
        return False
    if os.sep in source or Path(source).suffix.strip(".0123456789"):
        return True  # named as no model of ours is
    from vmprof.zoo.models import MODELS  # TVM, which takes time to load

    return source not in MODELS


def _may_hold_reports(path: Path) -> bool:
    """Reports are text, or Parquet; whatever a model is saved as is neither."""
    try:
        with path.open("rb") as file:
            begin = file.read(4096)
    except OSError:
        return False
    if is_parquet(begin):
        return True
    # Of text in UTF-16 every other byte is 0; spreadsheets write it, after this mark.
    return begin.startswith((b"\xff\xfe", b"\xfe\xff")) or not set(begin) & set(range(8))


def _pair(before: list[_Starts], after: list[_Starts]) -> list[tuple[_Starts, _Starts]]:
    if len(before) == len(after) == 1:
        return [(before[0], after[0])]
    pairs = [(old, new) for old in before for new in after if old.model == new.model is not None]
    if not pairs:
        names = [", ".join(each.model or each.title for each in side) for side in (before, after)]
        raise VmprofError(
            f"no model has a report on both sides; before: {names[0]}; after: {names[1]}"
        )
    return pairs


def _title(saved: SavedReport) -> str:
    return f"{saved.model} ({saved.where})" if saved.model else saved.where


def _title_of_several(model: str | None, group: _Saved) -> str:
    where = group[0].where
    if len(group) > 1:
        where = f"{where} ... {group[-1].where}, {len(group)} reports"
    return f"{model} ({where})" if model else where
