"""The inside of operators as a page that needs nothing else: a click on one opens it."""

from __future__ import annotations

from collections.abc import Sequence

from vmprof.report.annotated import Annotated, Operator
from vmprof.report.render.html import frame
from vmprof.report.render.inside.text import about
from vmprof.report.render.inside.view import OperatorView

_HERE = __package__ or ""


def render(annotated: Annotated, operators: Sequence[Operator]) -> str:
    """``operators`` of ``annotated``; one alone is open."""
    return frame.page(
        "page.html",
        {},
        scripts=(),
        package=_HERE,
        title=f"Inside {annotated.title or 'a model'}",
        about=about(annotated),
        operators=[OperatorView.of(annotated, operator) for operator in operators],
    )
