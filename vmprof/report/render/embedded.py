"""The reports that a page or a Parquet file shows, in it: whoever has it has all figures.

They are the reports' JSON, compressed: that of 200,000 calls has 58 MB, compressed 5. The file may
come from a stranger: what is read of it is a list of JSON texts, or an error of one line.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vmprof import json_text
from vmprof.errors import VmprofError
from vmprof.report.model import Report

_FORMAT = "vmprof page 1"
_IS_PAGE = re.compile(
    r"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)
_EMBEDDED = re.compile(r'<script type="application/json" id="reports">([^<]*)</script>')
# Of characters of JSON, which a small page could be made to grow to.
_MOST = 1 << 28


@dataclass(frozen=True)
class Embedded:
    """A report of a file: what it is called there, and its JSON."""

    title: str
    json: str


def document_of(reports: Iterable[tuple[str, Report]]) -> dict[str, Any]:
    """What the file holds as JSON, of ``reports`` with their titles."""
    entries = [{"title": title, "deflated": _deflated(report)} for title, report in reports]
    return {"format": _FORMAT, "reports": entries}


def is_page(content: str) -> bool:
    """Whether ``content`` is a web page, of vmprof's or of anybody else's."""
    return _IS_PAGE.match(content) is not None


def reports_in(page: str) -> Sequence[Embedded]:
    """The reports in ``page``, at least one; :class:`VmprofError` if there is none."""
    found = _EMBEDDED.search(page)
    if found is None:
        raise VmprofError(
            "it is a web page that holds no report of vmprof's; name the report's JSON instead, "
            "or make the page anew"
        )
    return reports_of(found[1], "page")


def reports_of(text: str, where: str) -> Sequence[Embedded]:
    """The reports in ``text``, JSON of :func:`document_of`, which stands in a page or other file.

    :class:`VmprofError` if it is damaged or has none.
    """
    try:
        document = json_text.loads(text)
        if document["format"] != _FORMAT:
            raise VmprofError(f"its reports are not of the format {_FORMAT!r}, which is read")
        reports = [
            Embedded(str(e["title"]), _inflated(e["deflated"], where)) for e in document["reports"]
        ]
    except (
        KeyError, TypeError, ValueError, AttributeError, binascii.Error, zlib.error,
    ) as error:  # fmt: skip
        raise VmprofError(f"the reports in the {where} are damaged: {error}") from error
    if not reports:
        raise VmprofError(f"the {where} shows no report: nothing was recorded")
    return reports


def _deflated(report: Report) -> str:
    return base64.b64encode(zlib.compress(report.json().encode(), 6)).decode()


def _inflated(text: str, where: str) -> str:
    inflater = zlib.decompressobj()
    content = inflater.decompress(base64.b64decode(text, validate=True), _MOST)
    if inflater.unconsumed_tail:
        raise VmprofError(f"a report in the {where} has more than {_MOST >> 20} MiB")
    if not inflater.eof:
        raise ValueError("a report is cut short")
    return content.decode()
