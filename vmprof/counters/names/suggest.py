"""Help with names that were mistyped."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Of names that anything is called.
_LONGEST = 200


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """``"; did you mean: A, B?"`` with what is close to ``name``, or else ``otherwise``."""
    if len(name) > _LONGEST:  # to compare takes as long as both are, multiplied
        return otherwise
    # Case is no reason to miss a name.
    spelled = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), spelled, n=5)
    return f"; did you mean: {', '.join(spelled[each] for each in close)}?" if close else otherwise
