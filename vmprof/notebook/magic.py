"""``%%vmprof``: runs a cell in a session, and shows below it what ``vmprof record`` shows.

Functions of VMs that the cell calls are recorded: of VMs that it makes, and of those that are
variables of the notebook. Options are those of ``vmprof record``; ``%vmprof --help`` lists them.

Examples:
  %%vmprof
  %%vmprof --counters ipc --html page.html -o recording
  %vmprof vm["main"](x)

"""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import no_var_expand
from IPython.display import display

from vmprof.cli.lines import error_line, warnings_as_lines
from vmprof.cli.recorder import Recorder
from vmprof.errors import VmprofError
from vmprof.notebook.attached import attached
from vmprof.notebook.line import Helped, options_and_statement, options_of
from vmprof.notebook.statements import Statements
from vmprof.record.sessions.patch import patched
from vmprof.recording import fragment
from vmprof.recording.tables import Recording

_MAGIC = "vmprof"
_remembering = ExitStack()


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext vmprof``: from now on VMs remember what they are made of, so that later cells
    can have them recorded.
    """

    def cell(line: str, cell: str) -> None:
        with _told():
            _record(shell, options_of(line), Statements(shell, cell, above=1))

    def line(line: str) -> None:
        with _told():
            options, statement = options_and_statement(line)
            _record(shell, options, Statements(shell, statement))

    for kind, magic in (("cell", cell), ("line", no_var_expand(line))):
        magic.__doc__ = __doc__
        shell.register_magic_function(magic, kind, _MAGIC)
    _remembering.close()
    _remembering.enter_context(patched(lambda _vm: None))


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext vmprof``."""
    for kind in ("cell", "line"):
        shell.magics_manager.magics[kind].pop(_MAGIC, None)
    _remembering.close()


@contextmanager
def _told() -> Iterator[None]:
    """What the user has to do is a line, as IPython shows its ``UsageError``."""
    try:
        yield
    except Helped:
        pass
    except VmprofError as error:
        raise UsageError(f"%vmprof: {error_line(error)}") from None


def _record(shell: Any, options: Namespace, statements: Statements) -> None:
    def show(recording: Recording) -> None:
        if options.out is not None:
            shell.user_ns[options.out] = recording
        _display(shell, recorder, recording)

    with ExitStack() as stack:
        with warnings_as_lines():  # and not around the cell, whose filters are its own
            recorder = Recorder(options)
            session = stack.enter_context(recorder.session())
            stack.enter_context(attached(session, shell.user_ns))
        raised = statements.run()
    with warnings_as_lines():
        try:
            recording = recorder.finish(session, show)
            uncounted = recorder.exit_code(recording, sys.stderr)
        except VmprofError as error:
            if raised is None:
                raise
            print(f"vmprof: error: {error_line(error)}", file=sys.stderr)  # noqa: T201
    if raised is not None:
        raise raised
    if uncounted:
        raise UsageError("%vmprof: not all events that --counters names were counted")


def _display(shell: Any, recorder: Recorder, recording: Recording) -> None:
    """As a page shows it where pages are shown, or else as text."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    forms = {"text/plain": recorder.view.text(recording, width=width)}
    if "text/html" in shell.display_formatter.active_types:
        view = recorder.view
        forms["text/html"] = fragment.render(recording, view.by, metrics=view.metrics)
    display(forms, raw=True)
