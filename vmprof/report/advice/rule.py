"""A rule of advice: a TOML file, checked; every complaint names the file, the line, the key.

    title = "Threads wait for one another"
    description = "Why, and when it matters."
    looks_at = "each operator"
    needs = "vmprof run MODEL --threads"
    when = "parallel_efficiency < least_efficiency and share >= least_share"
    finding = "{share} % of Total; {parallel_efficiency} % of the threads' time was work"
    remedy = "what to do"

    [figures]
    share = "100 * duration_us / total_duration_us"

    [thresholds]
    least_efficiency = 70
    least_share = 5

``looks_at`` is "each operator", "all operators" (as one: what adds up, added), or "the run"
(Total alone); ``operators``, a regular expression, leaves others out. ``gain`` is a formula: the
microseconds that could be won at most. Which names there are: :mod:`vmprof.report.advice.names`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from vmprof.errors import VmprofError
from vmprof.expression import Condition, Formula
from vmprof.report.advice.wording import Wording
from vmprof.toml_file import TomlFile, TomlTable

SHIPPED = Path(__file__).parent / "rules"


class Scope(Enum):
    """What a rule is applied to."""

    EACH = "each operator"
    ALL = "all operators"
    RUN = "the run"


@dataclass(frozen=True)
class Rule:
    """``figures`` may use those before them; ``page`` is where more is said."""

    name: str
    title: str
    description: str
    scope: Scope
    operators: re.Pattern[str] | None
    needs: str
    when: Condition
    gain: Formula | None
    finding: Wording
    remedy: str
    figures: Mapping[str, Formula]
    thresholds: Mapping[str, float]
    page: str

    @classmethod
    def read(cls, path: Path) -> Rule:
        """Read and check ``path``; :class:`VmprofError` says what is wrong and where."""
        table = TomlFile.read(path, "rule of advice").top()
        gain = table.take("gain", str, "")
        operators = table.take("operators", str, "")
        rule = cls(
            name=path.stem,
            title=table.take("title", str),
            description=table.take("description", str).strip(),
            scope=table.made("looks_at", _scope, table.take("looks_at", str)),
            operators=table.made("operators", _pattern, operators) if operators else None,
            needs=table.take("needs", str),
            when=table.made("when", Condition, table.take("when", str)),
            gain=table.made("gain", Formula, gain) if gain else None,
            finding=table.made("finding", Wording, table.take("finding", str)),
            remedy=table.take("remedy", str),
            figures=_figures(table),
            thresholds=_thresholds(table),
            page=table.take("page", str, _page(path)),
        )
        table.no_more()
        return rule

    @property
    def names(self) -> frozenset[str]:
        """Of what a report has to have for it."""
        used = {*self.when.names, *self.finding.names, *(self.gain.names if self.gain else ())}
        for name, formula in reversed([*self.figures.items()]):
            if name in used:
                used = (used - {name}) | formula.names
        return frozenset(used - self.thresholds.keys())


def _page(path: Path) -> str:
    """Where more is said of the rule; of a user's own that is the rule itself."""
    return f"docs/how-to/advice.md#{path.stem}" if path.parent == SHIPPED else str(path)


def _scope(text: str) -> Scope:
    try:
        return Scope(text)
    except ValueError:
        there_are = ", ".join(repr(each.value) for each in Scope)
        raise VmprofError(f"there is no {text!r}; there are: {there_are}") from None


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise VmprofError(f"it is no regular expression: {error}") from error


def _figures(table: TomlTable) -> dict[str, Formula]:
    inner = table.inner("figures", table.take("figures", dict, {}))
    return {name: inner.made(name, Formula, inner.take(name, str)) for name in [*inner.entries]}


def _thresholds(table: TomlTable) -> dict[str, float]:
    inner = table.inner("thresholds", table.take("thresholds", dict, {}))
    return {name: inner.take(name, float) for name in [*inner.entries]}
