"""Sentences with figures in them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vmprof.errors import VmprofError
from vmprof.report.render.figures import short_time, three_digits

_PLACE = re.compile(r"\{(\w+)(?::(\w*))?\}")


def _number(value: float) -> str:
    """All digits of what is whole: 16 threads, not 16.0."""
    return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e6 else three_digits(value)


_FORMS = {None: _number, "time": short_time}


class Wording:
    """Text with ``{name}``, a number of three digits, or ``{name:time}``, of microseconds.

    Raises :class:`VmprofError` for other braces.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        places = list(_PLACE.finditer(text))
        if unknown := [place[2] for place in places if place[2] not in _FORMS]:
            raise VmprofError(f"a figure is {{name}} or {{name:time}}, not {{name:{unknown[0]}}}")
        if "{" in _PLACE.sub("", text) or "}" in _PLACE.sub("", text):
            raise VmprofError("a brace has no partner, or no name in between")
        self.names = frozenset(place[1] for place in places)

    def say(self, values: Mapping[str, float | str]) -> str:
        """The text with ``values``, which have all ``names``."""

        def figure(place: re.Match[str]) -> str:
            value = values[place[1]]
            return value if isinstance(value, str) else _FORMS[place[2]](value)

        return _PLACE.sub(figure, self.text)
