"""The extents of a tensor's dimensions, as reports write them: ``1, 64, 56, 56``."""

from __future__ import annotations

import re

# No memory has more bytes than a number of so many digits.
_SIZES = re.compile(r"\s*(?:[0-9]{1,18}\s*(?:,\s*|$))*", re.ASCII)


def sizes_of(text: str) -> tuple[int, ...] | None:
    """The extents in ``text``; None if it is anything else, as it may be in a damaged report."""
    if not _SIZES.fullmatch(text):
        return None
    return tuple(int(size) for size in text.split(",") if size.strip())
