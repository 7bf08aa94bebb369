"""Outputs on pages are what the commands before them printed, whole."""

from __future__ import annotations

import json

import make_shown


def test_the_pages_are_up_to_date() -> None:
    """If this fails: python docs/scripts/make_shown.py."""
    for path in make_shown.PAGES:
        page = path.read_text(encoding="utf-8")
        printed = json.loads(make_shown.recording(path).read_text(encoding="utf-8"))
        assert make_shown.renew(page, printed) == page
        # What somebody changes by hand is put right.
        assert make_shown.renew(page.replace("    Total", "    Nearly"), printed) == page
