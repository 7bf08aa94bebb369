"""Profile a model on all servers of a fleet, and say where they differ.

The servers are those that a tracker of TVM's has under a key: vmprof rpc-server
--tracker HOST:PORT --key KEY on each host. They measure side by side, with all the
options of vmprof run. Each host's report is a file in the folder of the study; the
summary says of each operator what is usual and which hosts stand out. A server that
fails, hangs or is lost costs its own row: --resume asks those again, and those that
have come since. vmprof show FOLDER shows the study later, and --report HOST a report.

The exit code is 0 if every server gave a report, 3 if one did not, 1 if none did.

Examples:
  vmprof fleet model.so --tracker desk:9190 --rpc-key board --output study
  vmprof fleet model.so --tracker desk:9190 --rpc-key board --resume study
  vmprof fleet resnet18 --tracker desk:9190 --rpc-key board --output s --html fleet.html

"""

from __future__ import annotations

import argparse
import webbrowser
from functools import partial

from vmprof.cli.exit_codes import SAYS_NO
from vmprof.cli.numbers import positive
from vmprof.cli.progress import progress_line
from vmprof.cli.results import ABOUT_FILES, Results
from vmprof.cli.shown import ABOUT_PLAIN, as_text
from vmprof.compare.study.text import TOP, parts_of
from vmprof.defaults import DEFAULT_ENGINE, ENGINES
from vmprof.drivers.options import Profiling
from vmprof.errors import VmprofError
from vmprof.remote.limits import JOBS, LIMIT, Limits
from vmprof.remote.options import Where
from vmprof.subject.options import Subject


def add_arguments(parser: argparse.ArgumentParser) -> None:
    Subject.add_arguments(parser)
    which = parser.add_argument_group("which servers, and where their reports go")
    Where.add_tracker_arguments(which)
    folder = which.add_mutually_exclusive_group(required=True)
    folder.add_argument("--output", metavar="FOLDER", help="a new folder for the study")
    folder.add_argument(
        "--resume",
        metavar="FOLDER",
        help="complete this study: servers that have a report in it are not asked again; model "
        "and options have to be the same",
    )
    which.add_argument(
        "--jobs",
        type=positive,
        default=JOBS,
        metavar="N",
        help=f"how many servers work at once (default: {JOBS})",
    )
    which.add_argument(
        "--limit",
        type=_seconds,
        default=LIMIT,
        metavar="SECONDS",
        help="what takes a server longer is given up, and so is one that another client has for "
        f"longer (default: {LIMIT:g})",
    )
    how = parser.add_argument_group("how to run it")
    how.add_argument(
        "--engine",
        choices=ENGINES,
        default=DEFAULT_ENGINE,
        help=f"what runs the model there (default: {DEFAULT_ENGINE})",
    )
    how.add_argument(
        "--processes",
        type=positive,
        default=1,
        metavar="N",
        help="measure in N fresh processes on each host, one after the other (default: 1)",
    )
    how.add_argument("--quiet", action="store_true", help="no progress line")
    Profiling.add_arguments(parser)
    what = parser.add_argument_group("what is shown")
    what.add_argument(
        "--top",
        type=positive,
        default=TOP,
        metavar="N",
        help=f"the N longest operators alone, and as many outliers (default: {TOP})",
    )
    what.add_argument("--plain", action="store_true", help=ABOUT_PLAIN)
    where = parser.add_argument_group("where the summary goes, besides the terminal", ABOUT_FILES)
    where.add_argument("--json", metavar="FILE", help="write it as JSON")
    where.add_argument("--html", metavar="FILE", help="write a page to look at in a browser")
    where.add_argument("--open", action="store_true", help="show the --html FILE in a browser")
    where.add_argument("--force", action="store_true", help="overwrite files that exist")


def execute(options: argparse.Namespace) -> int:
    results = Results(options, ("json", "html"))
    page = results.files.get("html")
    if options.open and (page is None or not page.is_file):
        raise VmprofError("--open needs a page to show: --html FILE")
    where = Where.from_options(options)
    if where.tracker is None or where.key is None:
        raise VmprofError("name the fleet: --tracker HOST:PORT and --rpc-key KEY")
    from vmprof.remote.fleet import Fleet  # TVM, which takes time to load

    fleet = Fleet(
        where.tracker,
        where.key,
        options.output,
        options.resume,
        Limits(options.jobs, options.limit),
    )
    with progress_line(quiet=options.quiet) as progress:
        study = fleet.profile(
            Subject.from_options(options),
            Profiling.from_options(options),
            options.engine,
            starts=options.processes,
            progress=progress,
        )
    place = page.path if page is not None and page.is_file else None
    results.deliver(
        {"json": study.json, "html": partial(study.html, place)},
        lambda: as_text(parts_of(study, top=options.top), plain=options.plain),
    )
    if options.open and place is not None:
        webbrowser.open(place.as_uri())
    if not study.missing:
        return 0
    return SAYS_NO if len(study) else 1


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds
