"""What a test's marker says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vmprof.compare.diff import TIME, Limit
from vmprof.errors import VmprofError


@dataclass(frozen=True)
class Options:
    """``limit`` is None if the test does not judge.

    ``baseline`` is a saved report, or a model, which is then measured in turn with the test's;
    None is the test's own file in the folder of baselines. ``processes`` is how often a model is
    started, None if the test does not say; ``profiling`` are keywords of :func:`vmprof.profile`.
    """

    limit: Limit | None = None
    baseline: str | None = None
    processes: int | None = None
    profiling: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, args: Sequence[object], keywords: Mapping[str, Any]) -> Options:
        """Of what ``@pytest.mark.vmprof(...)`` was given; :class:`VmprofError` if it is wrong."""
        if args:
            raise VmprofError("the marker vmprof takes keywords alone, such as fail_over='5%'")
        rest = dict(keywords)
        fail_over = rest.pop("fail_over", None)
        baseline, processes = rest.pop("baseline", None), rest.pop("processes", None)
        column, share = rest.pop("column", TIME), rest.pop("min_share", "1%")
        if fail_over is None and baseline is not None:
            raise VmprofError("the marker vmprof has a baseline, and no fail_over: how much is it?")
        if processes is not None and (type(processes) is not int or processes < 1):
            raise VmprofError(f"processes={processes!r} is no number from 1 up")
        limit = None
        if fail_over is not None:
            limit = Limit(
                _percent("fail_over", fail_over), str(column), _percent("min_share", share)
            )
        return cls(limit, None if baseline is None else str(baseline), processes, rest)


def _percent(name: str, value: object) -> float:
    """The number in ``"5%"``, ``"5"`` or 5."""
    try:
        number = float(str(value).strip().removesuffix("%"))
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise VmprofError(f"{name}={value!r} is no percentage, such as '5%'")
    return number
