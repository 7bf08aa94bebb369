"""Profile a model by two engines, and say whether they agree.

The engines are vmprof's dispatch loop and TVM's own VM with the recorder as its
instrument. They take turns in one process. Their outputs must be the same bit for
bit, and so must their calls. An operator differs if its time or a counter does by
more than chance (a Mann-Whitney U test on the repeats, adjusted for the number of
values), by more than the tolerance, and by more than a window costs. If it is more
than those but may be chance, or repeats are too few to tell, nobody knows.

The exit code is 0 if the engines agree, 3 if they do not, 4 if it cannot be told.

Examples:
  vmprof validate resnet18
  vmprof validate model.so --tolerance 2% --json validation.json

"""

from __future__ import annotations

import argparse
from functools import partial

from vmprof.cli.exit_codes import CANNOT_TELL, SAYS_NO
from vmprof.cli.numbers import percent, positive
from vmprof.cli.progress import progress_line
from vmprof.cli.results import ABOUT_FILES, Results, kept_if_lost
from vmprof.cli.shown import ABOUT_PLAIN, as_text
from vmprof.compare.page import page_with_reports
from vmprof.defaults import LEAST_REPEATS, TOLERANCE
from vmprof.drivers.options import Profiling
from vmprof.subject.options import Subject

_EXIT_CODES = {True: 0, False: SAYS_NO, None: CANNOT_TELL}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    Subject.add_arguments(parser)
    Profiling.add_arguments(parser, LEAST_REPEATS)
    how = parser.add_argument_group("how to judge")
    how.add_argument(
        "--tolerance",
        type=percent,
        default=TOLERANCE,
        metavar="N%",
        help=f"a difference of up to N %% is none (default: {TOLERANCE:g}%%)",
    )
    how.add_argument("--top", type=positive, metavar="N", help="show the N longest rows alone")
    how.add_argument("--plain", action="store_true", help=ABOUT_PLAIN)
    where = parser.add_argument_group("where the result goes, besides the terminal", ABOUT_FILES)
    where.add_argument("--json", metavar="FILE", help="write it as JSON, with both reports")
    where.add_argument("--html", metavar="FILE", help="write a page of it and of both reports")
    where.add_argument("--force", action="store_true", help="overwrite a file that exists")
    where.add_argument("--quiet", action="store_true", help="no progress line")


def execute(options: argparse.Namespace) -> int:
    results = Results(options, ("json", "html"))
    # TVM, which takes time to load.
    from vmprof.compare.validate.data import to_json
    from vmprof.compare.validate.text import parts_of
    from vmprof.drivers.validate import validate

    subject = Subject.from_options(options)
    profiling = Profiling.from_options(options, LEAST_REPEATS)
    with progress_line(quiet=options.quiet) as progress:
        validation = validate(subject, profiling, tolerance=options.tolerance, progress=progress)
    json = partial(to_json, validation, options.model)
    with kept_if_lost([json]):
        results.deliver(
            {
                "json": json,
                "html": lambda: page_with_reports(
                    parts_of(validation, options.model), "Validation", validation.reports
                ),
            },
            lambda: as_text(
                parts_of(validation, options.model, top=options.top), plain=options.plain
            ),
        )
    return _EXIT_CODES[validation.agrees]
