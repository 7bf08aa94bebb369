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
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from vmprof.cli import recorded
from vmprof.cli.interrupts import interrupts
from vmprof.drivers.script import Script, run_as_main
from vmprof.errors import VmprofError

if TYPE_CHECKING:
    from vmprof.recording.tables import Recording


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
    recorded.add_arguments(parser, "on stderr")


def execute(options: argparse.Namespace) -> int:
    script = _script(options)
    script.check()
    from vmprof.cli.recorder import Recorder  # TVM, which takes time to load

    recorder = Recorder(options)
    judged = 0
    stderr = sys.stderr  # the script may put something else in its place
    session = recorder.session()

    def show(recording: Recording) -> None:
        shown = recorder.view.text(recording, width=_width_of(stderr))
        print(shown, end="", file=stderr)

    def finish() -> None:
        nonlocal judged
        recording = recorder.finish(session, show)
        judged = recorder.exit_code(recording, stderr)

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
