"""A comparison as one HTML file that needs nothing else, in the style of a report's page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from vmprof.compare.parts import Heading, Part, Prose, Table
from vmprof.visible import visible

# Of what a cell says: how sure it is.
_CLASSES = {"*": "real", "~": "chance", "?": "untold"}
_WORDS = {"FAILS": "worse", "DIFFERS": "worse", "ok": "better", "cannot tell": "untold"}
_OWN_STYLE = """\
main { max-width: 90rem; margin: 0 auto; padding: 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: .15rem .6rem; text-align: right; white-space: nowrap; }
th.text, td.text { text-align: left; }
td.text.wrapped { white-space: normal; min-width: 16rem; }
tr.sum:not(.sum ~ .sum) td { border-top: 1px solid; }
td.worse.real, td.worse { color: #c62828; font-weight: bold; }
td.better.real, td.better { color: #2e7d32; }
td.chance { opacity: .6; }
td.untold { color: #9a6700; }
pre { white-space: pre-wrap; }
@media (prefers-color-scheme: dark) {
  td.worse.real, td.worse { color: #ff8a80; } td.better.real, td.better { color: #81c784; }
  td.untold { color: #e3b341; }
}
@media print { .scroll { overflow: visible; } }
"""


def page(parts: Sequence[Part], title: str) -> str:
    """``parts`` under ``title``; all that they say is text, whatever is in it."""
    style = (files("vmprof.report.render.html") / "style.css").read_text(encoding="utf-8")
    body = "".join(map(_html, parts))
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>\n{style}\n{_OWN_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


def _html(part: Part) -> str:
    match part:
        case Heading(text):
            return f"<h1>{_text(text)}</h1>\n"
        case Prose(text, is_note):
            return f'<pre class="{"note" if is_note else "said"}">{escape(text)}</pre>\n'
        case Table():
            return _table(part)


def _table(table: Table) -> str:
    shown = [i for i, name in enumerate(table.header) if name or any(row[i] for row in table.rows)]
    head = "".join(
        f'<th scope="col" class="{_alignment(table, i)}">{_text(table.header[i])}</th>'
        for i in shown
    )
    lines = []
    for number, row in enumerate(table.lines):
        is_sum = number >= len(table.rows) - table.sums
        cells = "".join(
            f'<td class="{_alignment(table, i)} {_class(row[i])}">{_text(row[i])}</td>'
            for i in shown
        )
        lines.append(f"<tr{' class=' + chr(34) + 'sum' + chr(34) if is_sum else ''}>{cells}</tr>\n")
    note = f'<p class="note">{_text(table.note)}</p>\n' if table.note else ""
    return (
        f'<div class="scroll" tabindex="0"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{''.join(lines)}</tbody>\n</table></div>\n{note}"
    )


def _alignment(table: Table, column: int) -> str:
    kind = "text" if column < table.text_columns else "number"
    return f"{kind} wrapped" if column in table.wrapped else kind


def _class(cell: str) -> str:
    if cell in _WORDS:
        return _WORDS[cell]
    sureness = _CLASSES.get(cell[-1:], "") if " " in cell else ""
    if sureness != "real":
        return sureness
    return f"{'better' if cell.startswith('-') else 'worse'} real"


def _text(text: str) -> str:
    return escape(visible(text))
