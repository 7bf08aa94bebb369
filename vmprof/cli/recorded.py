"""The forms of a whole recording, as ``vmprof record`` and ``vmprof show`` write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vmprof.cli.results import Text

if TYPE_CHECKING:
    from vmprof.recording.tables import Recording


def forms(recording: Recording, by: str) -> Mapping[str, Text]:
    """By the options that ask for them; rows are by operator or by shape."""

    def json() -> str:
        """One report after the other, which all that read reports here take."""
        from vmprof.recording.reports import reports

        return "".join(f"{report.json()}\n" for report in reports(recording, by).values())

    def html() -> str:
        from vmprof.recording import page

        return page.render(recording, by)

    def trace() -> str:
        from vmprof.recording import trace

        return trace.render(recording)

    return {"json": json, "html": html, "trace": trace}
