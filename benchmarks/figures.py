"""What benchmarks give: figures, each beside its goal, and how they are printed and kept.

A benchmark is a module with a function ``figures(quick=False)`` that yields :class:`Figure`;
``quick`` wants the same figures from as few samples as make any. It ends in :func:`alone`,
which prints them where the module is run by itself; run.py collects those of all.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from vmprof.compare.grid import markdown

TIMES = "times"  # the unit of a ratio


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number: ``name`` of ``case``; ``of`` says what it is a time or a ratio of.

    ``low`` and ``high`` are quartiles of the samples whose median ``value`` is. ``goal`` is
    what the value shall at most be, or at least; None where it is there for comparison. Where
    there is no value, ``absent`` says why.
    """

    case: str
    name: str
    of: str
    unit: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    goal: float | None = None
    at_least: bool = False
    absent: str = ""

    @classmethod
    def of_samples(
        cls,
        case: str,
        name: str,
        samples: Sequence[float],
        *,
        unit: str,
        of: str,
        goal: float | None = None,
    ) -> Figure:
        """The median of ``samples``, at least two, and their quartiles."""
        low, middle, high = quantiles(samples, n=4, method="inclusive")
        return cls(
            case=case, name=name, of=of, unit=unit, value=middle, low=low, high=high, goal=goal
        )

    @classmethod
    def of_ratio(
        cls,
        case: str,
        name: str,
        samples: Sequence[float],
        base: Sequence[float],
        *,
        of: str,
        goal: float | None = None,
    ) -> Figure:
        """The ratio of both medians, with the quartiles of the rounds' own."""
        low, _, high = quantiles(ratios(samples, base), n=4, method="inclusive")
        value = median(samples) / median(base)
        return cls(
            case=case, name=name, of=of, unit=TIMES, value=value, low=low, high=high, goal=goal
        )

    @property
    def met(self) -> bool | None:
        """Whether the goal is; None without one, or without a value."""
        if self.goal is None or self.value is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def cells(self) -> list[str]:
        """What stands below :data:`HEADER`."""
        spread = ""
        if self.low is not None and self.high is not None:
            spread = f"{_digits(self.low, self.unit)} to {_digits(self.high, self.unit)}"
        met = {True: "yes", False: "NO", None: ""}[self.met]
        return [f"{self.case}: {self.name}", self.shown(), spread, self.wanted(), met, self.of]

    def shown(self) -> str:
        """The value with its unit, or why there is none."""
        if self.value is None:
            return self.absent
        return f"{_digits(self.value, self.unit)} {self.unit}"

    def wanted(self) -> str:
        """The goal; empty if there is none."""
        if self.goal is None:
            return ""
        return f"at {'least' if self.at_least else 'most'} {self.goal:,g} {self.unit}"


HEADER = ("Figure", "Value", "Quartiles", "Goal", "Met", "Of what")
_WIDTHS = (56, 16, 20, 19, 3)


def table(figures: Sequence[Figure]) -> str:
    """In Markdown, a line for each."""
    return markdown(HEADER, [figure.cells() for figure in figures], text_columns=1)


def line(cells: Sequence[str]) -> str:
    """``cells`` as a line of a table that is printed while it is being measured."""
    first, *others = (f"{cell:{width}}" for cell, width in zip(cells, _WIDTHS, strict=False))
    return "  ".join([first, *others, *cells[len(_WIDTHS) :]]).rstrip()


def alone(
    figures: Callable[..., Iterable[Figure]],
    text: str | None,
    *add_arguments: Callable[[argparse.ArgumentParser], object],
) -> None:
    """The program of a benchmark: print its ``figures``; keep them with ``--json FILE``.

    ``text`` is what ``--help`` says of it. ``add_arguments`` give options of its own, which
    are handed to ``figures`` by their names.
    """
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few samples: to try whether it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to keep the figures")
    for add in add_arguments:
        add(parser)
    options = vars(parser.parse_args())
    path: Path | None = options.pop("json")
    print(line(HEADER))
    found = []
    for figure in figures(**options):
        found.append(figure)
        print(line(figure.cells()), flush=True)
    if path:
        save(path, [asdict(figure) for figure in found])


def save(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> list[Figure]:
    """What a benchmark kept."""
    return [Figure(**each) for each in json.loads(path.read_text(encoding="utf-8"))]


def ratios(samples: Sequence[float], base: Sequence[float]) -> list[float]:
    """Of each round."""
    return [ours / theirs for ours, theirs in zip(samples, base, strict=True)]


def differences(samples: Sequence[float], base: Sequence[float]) -> list[float]:
    """Of each round."""
    return [ours - theirs for ours, theirs in zip(samples, base, strict=True)]


def _digits(value: float, unit: str) -> str:
    if unit == TIMES and abs(value) < 10:
        return f"{value:.3f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"
