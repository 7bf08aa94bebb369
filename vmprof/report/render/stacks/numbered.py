"""Values by number, each once: the tables that all formats of profiles are made of."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

_T = TypeVar("_T", bound=Hashable)


class Numbered(Generic[_T]):
    """``values`` in the order in which they were first asked for; ``numbered[value]`` is its
    number, from ``first`` on.
    """

    def __init__(self, first: int = 0) -> None:
        self.values: list[_T] = []
        self._first = first
        self._numbers: dict[_T, int] = {}

    def __getitem__(self, value: _T) -> int:
        number = self._numbers.setdefault(value, len(self.values) + self._first)
        if number == len(self.values) + self._first:
            self.values.append(value)
        return number
