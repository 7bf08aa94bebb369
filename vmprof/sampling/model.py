"""Samples as a report has them: where its calls spent time, folded. Plain data.

A report's ``samples`` is a :class:`Sampled`, or None if it was not sampled. Each :class:`Hit` is
all samples of one instruction that one thread took in one call; of a session's report, in all
calls of one row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

# Where code comes from: a file that can be read again; a module that was compiled in memory; Linux
# itself; memory that belongs to nothing that is known.
Kind = Literal["file", "memory", "kernel", "unknown"]

IN_NO_CALL = -1


class Library(NamedTuple):
    """Code that was found in the process.

    ``path`` is that of the file, and of a module compiled in memory that of an object with the
    same code, if there is one: where to disassemble from. Otherwise it is a name in brackets.
    ``build_id`` is that of the file when it was sampled, in hexadecimal, or of files without one
    empty.
    """

    path: str
    kind: Kind = "file"
    build_id: str = ""


class Function(NamedTuple):
    """What an ELF symbol says: the function ``name`` of ``libraries[library]``.

    It lies from the address ``begin`` on, ``size`` bytes; addresses are those of the file, as
    objdump prints them. Code without a symbol has no name, begins at 0 and has no size.
    """

    library: int
    name: str = ""
    begin: int = 0
    size: int = 0


class Hit(NamedTuple):
    """So many ``samples`` of the instruction at ``address`` in ``functions[function]``'s library.

    ``call`` is the index of the row in the report's ``calls``, or :data:`IN_NO_CALL`: between
    calls, or a worker without a task. ``thread`` is 0 for the thread that calls, then 1 and up for
    TVM's workers. ``weight`` is the sum of the samples' periods, in the event's unit. The address
    of code in the kernel is 0.
    """

    call: int
    function: int
    address: int
    thread: int
    samples: int
    weight: int


@dataclass(frozen=True)
class Sampled:
    """All samples of a report.

    ``event`` is what was sampled as perf writes it (``cpu-clock``, ``cycles:pp``), ``unit`` that
    of the hits' weights (``ns``, or the event), ``rate`` the samples per second and thread that
    were asked for, ``runs`` how many runs of the function they are of. ``lost`` samples found no
    room, and ``throttled`` times the kernel paused because they came too fast. ``others`` are hits
    of threads that are neither the calling one nor TVM's, numbered from 1: where they were while
    a call ran, be it for that call or not.
    """

    event: str
    unit: str
    rate: int
    runs: int
    libraries: tuple[Library, ...]
    functions: tuple[Function, ...]
    hits: tuple[Hit, ...]
    lost: int = 0
    throttled: int = 0
    others: tuple[Hit, ...] = ()

    def of_call(self, call: int) -> list[Hit]:
        """Those of one row of the report's ``calls``."""
        return [hit for hit in self.hits if hit.call == call]

    @property
    def total(self) -> int:
        """The number of samples."""
        return sum(hit.samples for hit in self.hits)

    def by_function(self, hits: Iterable[Hit] | None = None) -> Mapping[Function, int]:
        """How many samples (of ``hits``, or all) each function has, most first."""
        counts: Counter[int] = Counter()
        for hit in self.hits if hits is None else hits:
            counts[hit.function] += hit.samples
        return {self.functions[number]: count for number, count in counts.most_common()}
