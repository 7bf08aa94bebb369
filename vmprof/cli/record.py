"""Run a Python program and record every call of every TVM VM that it makes.

SCRIPT runs as python SCRIPT ARGS would: its output, arguments, exit code and
errors are its own. When it ends, however it does, the summary and a table for
each function that took time are printed to stderr.

Counters take turns over the calls of a function: one call is timed, one is
counted per pass, one is not recorded. See docs/how-to/sessions.md.

Examples:
  vmprof record chat.py --tokens 64
  vmprof record --counters ipc --save run.vmprof -- chat.py --tokens 64
  vmprof record --html page.html --trace trace.json -- chat.py --tokens 64
  vmprof record --metrics -m my.module

"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from functools import partial
from pathlib import Path
from typing import TextIO

from vmprof.cli import delivery, strict
from vmprof.cli.interrupts import interrupts
from vmprof.cli.progress import progress_line
from vmprof.cli.recorded import RecordingView
from vmprof.cli.results import ABOUT_FILES, Results, kept_if_lost
from vmprof.cli.strict import Strict
from vmprof.drivers.script import Script, run_as_main
from vmprof.errors import VmprofError
from vmprof.record.sessions.options import SessionOptions

_FORMS = {
    "json": "write a report for each function, as JSON",
    "html": "write a page of all functions",
    **{
        form: delivery.HELP[form] for form in ("trace", "kineto", "openmetrics", "parquet", "calls")
    },
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-m",
        dest="module",
        nargs=argparse.REMAINDER,
        help="run a module, as python -m does; what follows is its own",
    )
    parser.add_argument(
        "script", metavar="SCRIPT", nargs=argparse.REMAINDER, help="the program, and its arguments"
    )
    SessionOptions.add_arguments(parser)
    strict.add_argument(parser)
    where = parser.add_argument_group("what becomes of it, besides the text on stderr", ABOUT_FILES)
    where.add_argument(
        "--save", metavar="FILE", help="keep the recording, for vmprof show and diff"
    )
    for form, text in _FORMS.items():
        where.add_argument(f"--{form}", metavar="FILE", help=text)
    where.add_argument("--force", action="store_true", help="overwrite files that exist")
    RecordingView.add_arguments(parser)
    parser.add_argument(
        "--no-peaks",
        dest="measure_peaks",
        action="store_false",
        help="with --metrics, do not measure what this machine attains if it is not known yet, "
        "before the program begins",
    )


def execute(options: argparse.Namespace) -> int:
    script = _script(options)
    script.check()
    results = Results(options, ("save", *_FORMS))
    # What they need takes time to load.
    from vmprof.drivers.peaks import measure_if_unknown, with_kept_peaks
    from vmprof.record.sessions.session import Session
    from vmprof.recording.reports import reports
    from vmprof.recording.saved import dumps

    view = RecordingView.from_options(options)
    named = Strict(options)
    judged = 0
    stderr = sys.stderr  # the script may put something else in its place
    if view.metrics and options.measure_peaks:
        with progress_line(quiet=False) as progress:
            measure_if_unknown(progress)
    session = Session(**vars(SessionOptions.from_options(options)), attach_all=True)

    def finish() -> None:
        nonlocal judged
        session.close()
        recording = with_kept_peaks(session.recording())

        def show() -> None:
            shown = view.text(recording, width=_width_of(stderr))
            print(shown, end="", file=stderr)

        with kept_if_lost([partial(view.json, recording)]):
            results.write({"save": partial(dumps, recording), **view.forms(recording)}, show)
        if named:
            built = reports(recording).values()
            judged = named.exit_code(built, recording.missing, tell=stderr)

    # From here on an interrupt is the script's.
    interrupts.hand_over()
    # What vmprof and TVM consist of shall not make the collections of the script's garbage longer.
    gc.freeze()
    with session:
        try:
            code = run_as_main(script, finish)
        except SystemExit as leaving:
            if not judged or leaving.code not in (None, 0):
                raise
            code = 0
    return code or judged


def _width_of(stream: TextIO) -> int | None:
    """None if it is no terminal, or one that does not know its size."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def _script(options: argparse.Namespace) -> Script:
    words = options.module if options.module is not None else options.script
    words = words[1:] if words[:1] == ["--"] else words
    if not words:
        raise VmprofError("there is nothing to record: name a script, or a module with -m")
    name = words[0]
    if options.module is None and not Path(name).exists() and name.startswith("-"):
        raise VmprofError(f"{name} is no option of vmprof record, and no script")
    return Script(name, words[1:], is_module=options.module is not None)
