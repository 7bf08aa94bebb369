"""Puts the page together.

Everything that a report says is foreign text: the template escapes it, and what
the script reads is JSON in which no tag can begin. The page allows itself no
connection and no code but its own, which it names by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from vmprof import json_text
from vmprof.report.facts import facts, title_of
from vmprof.report.kinds import kinds
from vmprof.report.model import Report
from vmprof.report.render.html.operators import OperatorTable
from vmprof.report.render.html.roofline import Chart
from vmprof.report.render.html.sections import counter_shares, kind_bars, settings
from vmprof.report.render.html.timeline import timeline_data
from vmprof.report.roofline import roofline
from vmprof.uncollected import uncollected

# Kinds of operators with a colour of their own; the others share one.
COLOURS = 8


@uncollected()
def render(report: Report) -> str:
    """The whole page."""
    style, script = _file("style.css"), _file("page.js")
    colours = _colours(report)
    operators = OperatorTable.of(report, colours)
    data = timeline_data(report, operators)
    return json_text.encodable(
        _environment()
        .get_template("page.html")
        .render(
            title=title_of(report),
            policy=(
                f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
                "img-src data:; base-uri 'none'; form-action 'none'"
            ),
            # Files of ours.
            style=Markup(style),  # noqa: S704
            script=Markup(script),  # noqa: S704
            data=_embedded(data),
            facts=facts(report),
            bars=kind_bars(report, colours),
            operators=operators,
            chart=Chart.of(roofline(report), colours),
            shares=counter_shares(report),
            missing=report.missing,
            derived=report.derived,
            settings=settings(report),
            has_timeline=bool(data["calls"]["row"]),
            left_out=data["left_out"],
        )
    )


def fragment(report: Report, rows: int = 20) -> str:
    """The longest ``rows`` operators as a table for a notebook's cell."""
    colours = _colours(report)
    operators = OperatorTable.of(report, colours)
    return json_text.encodable(
        _environment()
        .get_template("fragment.html")
        .render(
            title=title_of(report),
            facts=facts(report),
            operators=operators,
            rows=operators.rows[:rows],
            missing=report.missing,
        )
    )


def _colours(report: Report) -> dict[str, int]:
    """A number for each of the kinds that take longest."""
    longest = kinds(report.calls)[:COLOURS]
    return {kind.name: number for number, kind in enumerate(longest)}


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_file),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a Content-Security-Policy names what stands between the tags."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _embedded(data: Any) -> Markup:
    """JSON for a script element, which any ``</script`` or ``<!--`` would end or change."""
    text = json_text.dumps(data, compact=True)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    # No character is left that HTML knows.
    return Markup(text)  # noqa: S704
