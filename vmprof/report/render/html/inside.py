"""The insides of a report's operators, as its page shows them in their opened rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from vmprof.report.annotated import annotated
from vmprof.report.model import Report
from vmprof.report.render.html import frame
from vmprof.report.render.inside.view import OperatorView

# These limits keep the page small, however much was sampled.
_MOST_BYTES = 1_500_000
_MOST_ROWS = 40  # of a table, besides what is near them


@dataclass(frozen=True)
class Insides:
    """``parts`` are HTML, those of the operators with most samples first.

    ``place`` is where in ``parts`` an operator's is, by its name; for those of ``crowded`` there
    was no room. Both are empty without samples.
    """

    parts: Sequence[Markup]
    place: Mapping[str, int]
    crowded: Sequence[str]

    @classmethod
    def of(cls, report: Report) -> Insides:
        """Of code that is kept with ``report``, or else in libraries that are still the same."""
        if report.samples is None:
            return cls((), {}, ())
        found = annotated(report)
        parts: list[Markup] = []
        place: dict[str, int] = {}
        crowded = []
        left = _MOST_BYTES
        for operator in found.operators:
            view = OperatorView.of(found, operator, _MOST_ROWS)
            html = frame.rendered("opened.html", op=view)
            size = len(html.encode())
            if size > left:
                crowded.append(operator.name)
                continue
            left -= size
            place[operator.name] = len(parts)
            # The template has escaped foreign text.
            parts.append(Markup(html))  # noqa: S704
        return cls(parts, place, crowded)
