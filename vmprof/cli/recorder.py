"""A session as options have it, and what becomes of what it recorded."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import TextIO

from vmprof.cli.progress import progress_line
from vmprof.cli.recorded import FORMS, RecordingView
from vmprof.cli.results import Results, kept_if_lost
from vmprof.cli.strict import Strict
from vmprof.drivers.peaks import measure_if_unknown, with_kept_peaks
from vmprof.record.sessions.options import SessionOptions
from vmprof.record.sessions.session import Session
from vmprof.recording.reports import reports
from vmprof.recording.saved import dumps
from vmprof.recording.tables import Recording


class Recorder:
    """What ``options`` say, which are those of :func:`vmprof.cli.recorded.add_arguments`.

    Files and names are checked at once, so that no work is lost.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._results = Results(options, ("save", *FORMS))
        self.view = RecordingView.from_options(options)
        self._named = Strict(options)

    def session(self) -> Session:
        """Not opened yet; what peaks have to be measured is measured before."""
        if self.view.metrics and self._options.measure_peaks:
            with progress_line(quiet=False) as progress:
                measure_if_unknown(progress)
        return Session(**vars(SessionOptions.from_options(self._options)), attach_all=True)

    def finish(self, session: Session, show: Callable[[Recording], None]) -> Recording:
        """Close ``session``, write the files, and ``show`` what was recorded, which is returned."""
        session.close()
        recording = with_kept_peaks(session.recording())
        forms = self.view.forms(recording)
        with kept_if_lost([partial(self.view.json, recording)]):
            self._results.write(
                {"save": partial(dumps, recording), **forms}, lambda: show(recording)
            )
        return recording

    def exit_code(self, recording: Recording, tell: TextIO) -> int:
        """With ``--strict`` not 0 if an event was not counted; ``tell`` gets which, and why."""
        if not self._named:
            return 0
        built = reports(recording).values()
        return self._named.exit_code(built, recording.missing, tell=tell)
