"""Writes what trials found into trust.md anew: the table of each of its parts.

    python docs/scripts/make_trust.py            rewrite what has changed
    python docs/scripts/make_trust.py --check    say whether something would change

They are made of docs/data/trust.json, in which fuzzers, soaks and tests of faults keep what came of
them (docs/scripts/trust.py).
"""

from __future__ import annotations

import sys
from functools import partial

import trust
from pages import DOCS, rewrite, with_parts

from vmprof.compare.grid import markdown

PAGE = DOCS / "explanation/trust.md"


def table(part: str) -> str:
    """Of the entries of ``part``, a line for each."""
    rows = [each.cells() for each in trust.read() if each.part == part]
    return markdown(trust.HEADER, rows) if rows else "No figure was kept yet.\n"


def renew(page: str) -> str:
    """``page`` with its tables made anew."""
    return with_parts(page, {name: partial(table, part) for part, name in trust.PARTS.items()})


if __name__ == "__main__":
    sys.exit(rewrite((PAGE,), renew))
