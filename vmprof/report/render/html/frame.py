"""What every page has: one file that needs nothing else.

Everything that a report says is foreign text: the template escapes it, and what
the script reads is JSON in which no tag can begin. The page allows itself no
connection and no code but its own, which it names by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from vmprof import json_text
from vmprof.report.model import Report
from vmprof.report.render.embedded import document_of

HERE = __package__
# Of the sections of a report.
SCRIPTS = ("parts.js", "save.js", "groups.js", "details.js", "table.js", "timeline.js")
STYLES = ("style.css", "table.css", "charts.css", "inside.css", "narrow.css", "print.css")


def page(
    template: str,
    data: Any,
    reports: Iterable[tuple[str, Report]] = (),
    *,
    scripts: Sequence[str],
    styles: Sequence[str] = STYLES,
    package: str = HERE,
    **context: Any,
) -> str:
    """The page of ``template``, which extends ``frame.html``; ``data`` is what the scripts read.

    ``reports`` are those that it shows, by title: it holds them whole. Files are those of
    ``package``, or of this one.
    """
    script = "".join(_file(name, package) for name in scripts)
    style = "".join(_file(name, package) for name in styles)
    return rendered(
        template,
        package=package,
        policy=(
            f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
            "img-src data:; base-uri 'none'; form-action 'none'"
        ),
        # Files of ours.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        data=_embedded(data),
        reports=_embedded(document_of(reports)),
        **context,
    )


def rendered(template: str, *, package: str = HERE, **context: Any) -> str:
    """``template`` with what it shows, as a file can hold it."""
    return json_text.encodable(_environment(package).get_template(template).render(context))


@cache
def _environment(package: str) -> Environment:
    return Environment(
        loader=FunctionLoader(lambda name: _file(name, package)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _file(name: str, package: str) -> str:
    found = resources.files(package).joinpath(name)
    if not found.is_file():
        found = resources.files(HERE).joinpath(name)
    return found.read_text(encoding="utf-8")


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
