"""What trials found that try to break vmprof: docs/data/trust.json, for docs/explanation/trust.md.

Whoever tries something often, or for long, keeps here what came of it: one entry for each thing
that is tried. A fuzzer, from tests/fuzz::

    sys.path.append(str(ROOT / "docs/scripts"))
    import trust

    trust.keep(trust.Entry(
        part="Bad input", what="executables, damaged at random, read", number=1_000_000,
        outcome="each is read, or refused with BytecodeError", command="make fuzz"))

`keep` is called when the trial is over, and only of its long form: a quick one, such as tests
run, keeps nothing. An entry takes the place of that of the same part and the same ``what``.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

KEPT = Path(__file__).parents[1] / "data/trust.json"
# As the page has them; what an entry's `part` may be, and what docs/explanation/trust.md calls it.
PARTS = {
    "Bad input": "input",
    "Hostile programs": "programs",
    "Native code": "native",
    "Faults": "faults",
    "Load": "load",
    "Versions": "versions",
}


def _today() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%d")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """``number`` times was ``what`` tried, by ``command``, and ``outcome`` is what came of it.

    ``unit`` stands behind the number if that is no mere count: "MiB", "ns".
    """

    part: str
    what: str
    number: float
    unit: str = ""
    outcome: str
    command: str
    date: str = field(default_factory=_today)

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise ValueError(
                f"no part of docs/explanation/trust.md: {self.part}; there are {', '.join(PARTS)}"
            )

    def cells(self) -> list[str]:
        """What stands below :data:`HEADER`."""
        number = f"{self.number:,.4g}" if self.number % 1 else f"{self.number:,.0f}"
        shown = f"{number} {self.unit}".rstrip()
        return [self.what, shown, self.outcome, f"`{self.command}`", self.date]


HEADER = ("What", "Number", "What came of it", "Command", "Date")


def read(path: Path = KEPT) -> list[Entry]:
    """All that is kept, in the order in which it was first."""
    if not path.exists():
        return []
    return [Entry(**each) for each in json.loads(path.read_text(encoding="utf-8"))]


def keep(*entries: Entry, path: Path = KEPT) -> None:
    """Put ``entries`` among those kept; several processes may do so at a time."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        kept = {(each.part, each.what): each for each in read(path)}
        kept |= {(each.part, each.what): each for each in entries}
        beside = path.with_suffix(".new")
        beside.write_text(_text([*kept.values()]), encoding="utf-8")
        beside.replace(path)
    finally:
        os.close(folder)


def _text(entries: Sequence[Entry]) -> str:
    return json.dumps([asdict(each) for each in entries], indent=1, ensure_ascii=False) + "\n"
