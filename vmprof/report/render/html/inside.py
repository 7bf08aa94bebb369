"""The insides of a report's operators, as its page shows them in their opened rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from vmprof.errors import VmprofError
from vmprof.report.annotated import annotated
from vmprof.report.model import Report
from vmprof.report.render.html import frame
from vmprof.report.render.inside.view import OperatorView
from vmprof.sampling.model import IN_NO_CALL

# These limits keep the page small, however much was sampled.
_MOST_BYTES = 1_500_000
_MOST_ROWS = 40  # of a table, besides what is near them
_NO_ROOM = "There was no room on this page for its inside; vmprof annotate --op shows it."


@dataclass(frozen=True)
class Insides:
    """``parts`` are HTML, those of the operators with most samples first.

    ``place`` is where in ``parts`` an operator's is, by its name; for the others that have samples
    ``notes`` say why they have none. All are empty without samples.
    """

    parts: Sequence[Markup]
    place: Mapping[str, int]
    notes: Mapping[str, str]

    @classmethod
    def of(cls, report: Report) -> Insides:
        """Of code that is kept with ``report``, or else in libraries that are still the same."""
        sampled = report.samples
        if sampled is None:
            return cls((), {}, {})
        try:
            found = annotated(report)
        except VmprofError as error:
            # What reads machine code is not installed. The page has much else.
            calls = {hit.call for hit in sampled.hits} - {IN_NO_CALL}
            names = {str(report.calls[call].get("Name")) for call in calls}
            return cls((), {}, dict.fromkeys(names, f"Its inside is not shown: {error}."))
        parts: list[Markup] = []
        place: dict[str, int] = {}
        notes: dict[str, str] = {}
        left = _MOST_BYTES
        for operator in found.operators:
            view = OperatorView.of(found, operator, _MOST_ROWS)
            html = frame.rendered("opened.html", op=view)
            size = len(html.encode())
            if size > left:
                notes[operator.name] = _NO_ROOM
                continue
            left -= size
            place[operator.name] = len(parts)
            # The template has escaped foreign text.
            parts.append(Markup(html))  # noqa: S704
        return cls(parts, place, notes)
