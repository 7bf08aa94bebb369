"""What guest and host have in common."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol


class UnavailableError(Exception):
    """Such a machine cannot be had here; the message says why, in one line."""


@dataclass(frozen=True)
class Outcome:
    """How a program ended, and what it printed."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """What the program printed, which must have ended well."""
        assert self.status == 0, f"the program ended with {self.status}:\n{self.err}{self.out}"
        return json.loads(self.out)


class Machine(Protocol):
    """Runs Python programs where there is a PMU, in the payload's folder.

    ``exact``: the same instructions give the same counts every time, so that
    tests may ask for equality.
    """

    exact: bool

    def run(self, *arguments: str, compiler: bool = False) -> Outcome:
        """Run Python with ``arguments``; ``compiler``: they need that of TVM."""
        ...
