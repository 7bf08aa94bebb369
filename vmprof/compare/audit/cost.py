"""What the measuring itself cost, found in the rows: counter = rate x time + cost x count.

Operators that do next to nothing (an allocation, a reshape) show it bare: what
they count beyond what their time explains is the cost of having been measured.
Medians throughout, since operators differ in their rates and some rows stray.
"""

from __future__ import annotations

from dataclasses import dataclass

TIME = "Duration (us)"
# A call that takes no longer is next to nothing.
NEAR_EMPTY_US = 1.0

_SIGMAS = 3.0
# So much of what near-empty rows count must be cost, or it may be their work.
_SHARE_OF_NEAR_EMPTY = 0.8


@dataclass(frozen=True)
class Cost:
    """What one event counts of the measuring, per call.

    ``per_call`` is fitted, ``spread`` its robust standard deviation from row to
    row; of ``near_empty`` rows, or where those are too few of all, as is
    ``over_all`` always. ``rate`` is in counts per microsecond. ``typical`` is
    what a near-empty call counts in all. ``declared`` is what the report itself
    says that an empty call counts, None if it is silent, and ``declared_cost``
    what that is beyond the time which the report says that an empty call takes.
    """

    event: str
    per_call: float
    spread: float
    rate: float
    near_empty: int
    over_all: float
    typical: float
    declared: float | None
    declared_cost: float

    @property
    def is_hidden(self) -> bool:
        """Whether rows carry a cost that the report does not declare.

        It must stand out from the spread and make up nearly all of what
        near-empty rows count. A read in the middle of a model meets colder
        caches than in the loop that measures an empty call: as much again as an
        empty call is taken for that.
        """
        excess = self.per_call - self.declared_cost
        return (
            excess > _SIGMAS * self.spread
            and excess >= _SHARE_OF_NEAR_EMPTY * (self.typical - self.declared_cost)
            and excess > (self.declared or 0.0)
        )

    @property
    def correction(self) -> float:
        """What to take off each call: as declared, else as fitted if it stands out, else 0."""
        return self.per_call if self.is_hidden else self.declared_cost

    @property
    def uncertainty(self) -> float:
        """Of :attr:`correction` in one row, as a standard deviation."""
        return max(self.spread, abs(self.per_call - self.correction))
