"""The kinds of values that a report is made of, and the names of its columns.

They lie below everything: counters and collectors give them, reports hold them, a large
one millions. Therefore they are msgspec's, made and compared in C, and not among what
Python searches for cycles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct


class Count(Struct, frozen=True, gc=False, repr_omit_defaults=True):
    """A number of things; adds up."""

    value: int


class Duration(Struct, frozen=True, gc=False, repr_omit_defaults=True):
    """Microseconds; adds up."""

    microseconds: float


class Percent(Struct, frozen=True, gc=False, repr_omit_defaults=True):
    """A share of Total in percent; adds up, unless it ``is_lone`` as a :class:`Ratio` can be."""

    percent: float
    is_lone: bool = False


class Ratio(Struct, frozen=True, gc=False, repr_omit_defaults=True):
    """A quotient; averages.

    One that ``is_lone`` was read from a text that does not say of what it is the
    quotient: several make none.
    """

    ratio: float
    is_lone: bool = False


class Samples(Struct, frozen=True, gc=False, repr_omit_defaults=True):
    """What lies behind a value, in the unit of its column: not shown in tables, kept by JSON.

    In column ``"X samples"``, next to the mean in column ``"X"``, what each repeat
    measured; in ``"X per thread"`` what each thread did, the calling one first, which
    adds up to the value in ``"X"``; in ``"X per start"`` what each start of the program
    measured, whose mean it is; in :data:`WINDOW` and :data:`TASKS` when it was.
    """

    values: tuple[float, ...]


Kind = Literal["ratio", "percent", "count", "duration"]
Metric = Count | Duration | Percent | Ratio | Samples | str
Row = Mapping[str, Metric]

SAMPLES_SUFFIX = " samples"
PER_THREAD_SUFFIX = " per thread"
# Of a report of several starts of a program: what each start measured, a Samples.
PER_START_SUFFIX = " per start"

# A row's values are of the call itself. Where calls lie inside one another, columns
# "X incl." have what the calls inside took as well. Those do not add up: a Sum of
# them would count what is inside twice.
INCLUSIVE = " incl."
INCLUSIVE_DURATION = f"Duration{INCLUSIVE} (us)"
# The VM functions that a call was made in, outermost first; where there are several.
PATH = "Call path"
# In the configuration: the one that was called from outside.
FUNCTION = "Function"
# In the configuration of what was recorded of a program: how often it called the function. Its rows
# are means over invocations, which differ as the program wants it.
INVOCATIONS = "Invocations"
# Of such a row: how many calls there were, from the least to the most if that differs.
CALLS_PER_INVOCATION = "Calls per invocation"
# The layers of the model that a call does the work of: :mod:`vmprof.report.layers`.
LAYER = "Layer"


def is_inclusive(column: str) -> bool:
    """Whether ``column`` includes calls that have rows of their own."""
    return column.removesuffix(" (us)").endswith(INCLUSIVE)


# Begin and end of a call in one of the runs, since that run began: a Samples of two.
WINDOW = "Window (us)"
# The tasks of its parallel launches in that run: thread, begin and end of each in turn. Threads
# are numbered, 0 is the one that called.
TASKS = "Tasks (us)"

# Of an invocation: at what time since it began how much memory was alive, in turn.
LIVE_MEMORY = f"Live memory (us, bytes){SAMPLES_SUFFIX}"
PEAK_MEMORY = "Peak memory (bytes)"
PEAK_AT = "Peak memory at"
ALIVE_AT_PEAK = "Alive at the peak (bytes)"

# Operations on data, and bytes moved, of kernels that are known.
FLOPS, BYTES = "FLOPs", "Bytes"

# What begins so is no value, but says why it is not known.
UNKNOWN = "unknown: "

# A cell of a count that nobody counted for that row; a sum with it in is none.
NOT_COUNTED = ""


@dataclass(frozen=True)
class Derived:
    """The column ``column``, which is ``formula`` over the columns of the same row.

    ``sources`` has the columns by their names in the formula. The result of a
    formula of kind ``percent`` is a share (0.5 is 50 %), of ``duration``
    microseconds; that of ``count`` is rounded.
    """

    column: str
    formula: str
    kind: Kind
    sources: Mapping[str, str]


# In a table these columns come first, in this order; the others follow alphabetically.
LEADING_COLUMNS = ("Name", "Duration (us)", "Percent", "Device", "Count", "Argument Shapes")
