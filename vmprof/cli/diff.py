"""Compare two profiles, operator by operator.

BEFORE and AFTER are saved reports, vmprof's or TVM's own (JSON, CSV, or a log
with tables), or models as for vmprof run, which are then profiled. Of files
with reports of several models, those of the same name are compared. Operators
are matched by hash, else by name and shapes; the rest by name without numbers,
in their order.

With --fail-over the exit code is 3 if the run or an operator costs more by more
than so much, unless repeats show that it may be chance.

Examples:
  vmprof diff before.json after.json
  vmprof diff before.json model.so --fail-over 5% --csv changes.csv

"""

from __future__ import annotations

import argparse
from pathlib import Path

from vmprof.cli.output import OutputFile, check_distinct
from vmprof.cli.progress import progress_line
from vmprof.compare.diff import TIME, Change, Limit, diff_reports, regressions
from vmprof.compare.diff.data import to_csv, to_json
from vmprof.compare.diff.text import LEGEND, describe_change, render
from vmprof.compare.readers import SavedReport, names_of, read_reports, reports_of
from vmprof.errors import VmprofError
from vmprof.models import MODELS
from vmprof.profiler import profile
from vmprof.record.saved import holds_recording

_REGRESSION = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", metavar="BEFORE", help="a saved report, or a model")
    parser.add_argument("after", metavar="AFTER", help="the same")
    parser.add_argument(
        "--report", metavar="NAME", help="the model, if the files have reports of several"
    )
    parser.add_argument(
        "--repeats", type=int, metavar="N", help="measured rounds, of models (default: as in run)"
    )
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
    where = parser.add_argument_group("where the differences go, besides the terminal")
    where.add_argument("--json", metavar="FILE", help="write them as JSON")
    where.add_argument("--csv", metavar="FILE", help="write a line per operator")
    where.add_argument("--force", action="store_true", help="overwrite files that exist")
    where.add_argument("--quiet", action="store_true", help="no progress line")


def execute(options: argparse.Namespace) -> int:
    outputs = {
        form: OutputFile(path, force=options.force)
        for form in ("json", "csv")
        if (path := getattr(options, form)) is not None
    }
    check_distinct(outputs.values())
    before, after = _load(options.before, options), _load(options.after, options)
    pairs = _pair(before, after, options.report)
    if outputs and len(pairs) > 1:
        raise VmprofError("the files hold several reports; to write one, name it: --report NAME")
    shown = []
    failed = False
    for old, new in pairs:
        diff = diff_reports(old.report, new.report)
        if "json" in outputs:
            outputs["json"].write(to_json(diff, _title(old), _title(new)))
        if "csv" in outputs:
            outputs["csv"].write(to_csv(diff))
        shown.append(render(diff, _title(old), _title(new)))
        if options.fail_over is not None:
            limit = Limit(options.fail_over, options.column, options.min_share)
            found = regressions(diff, limit)
            shown.append(_describe(found, limit))
            failed |= bool(found)
    print("\n".join([*shown, LEGEND]), end="")
    return _REGRESSION if failed else 0


def _load(source: str, options: argparse.Namespace) -> list[SavedReport]:
    """The reports in a file, or the one of profiling the model that ``source`` is."""
    if source not in MODELS and (_is_text(Path(source)) or holds_recording(source)):
        return read_reports(source)
    with progress_line(quiet=options.quiet) as progress:
        report = profile(source, repeats=options.repeats, progress=progress)
    return [SavedReport(report, f"{source}, just now")]


def _is_text(path: Path) -> bool:
    """Reports are text, whatever a model is saved as is not."""
    try:
        with path.open("rb") as file:
            return not set(file.read(4096)) & set(range(8))
    except OSError:
        return False


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


def _describe(found: list[tuple[str, Change]], limit: Limit) -> str:
    if not found:
        return f"Nothing has over {limit.percent:g} % more {limit.column}.\n"
    lines = [f"  {name}: {describe_change(change)}\n" for name, change in found]
    return f"Over {limit.percent:g} % more {limit.column}:\n{''.join(lines)}"


def percent(text: str) -> float:
    """The number in ``5%``."""
    try:
        number = float(text.strip().removesuffix("%"))
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage, such as 5%")
    return number
