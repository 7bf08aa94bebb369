"""Printed cells -> Metrics: what kind of column they stand in, and whose separators they have.

TVM prints by the user's locale: 1,577.51 is 1.577,51 in Germany, 1 577,51 in
France, 1'577.51 in Switzerland and 1577.51 in the locale C.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from vmprof.errors import VmprofError
from vmprof.report.columns import kind_of_column
from vmprof.values import Count, Duration, Metric, Percent, Ratio
from vmprof.visible import unquoted

_STRING_SETTINGS = frozenset({"Executor", "Engine", "Model", "Counters", "Note", "TVM", "vmprof"})

# Some locales have a blank of their own: no-break, thin, narrow no-break.
_GROUP_SEPARATORS = ",. '\u2019\u00a0\u2009\u202f"

# Of a count, with separators. Longer ones are damage; of these floats can be made.
_MOST_DIGITS = 100

_SHARE = re.compile(r"-?(?:\d+(?:[.,]\d+)?(?:e[+-]?\d+)?|nan|inf)")

# In these a cell that is no number is an error; other columns then are of text.
_STRICT = frozenset({"Count", "Percent"})

Convert = Callable[[str], Metric | None]


class Numbers:
    """The numbers of one text, whose decimal separator is ``decimal``; None for what is none.

    Quotients are lone: the text does not say of what they are.
    """

    def __init__(self, decimal: str = ".") -> None:
        self._decimal = decimal
        groups = f"[{re.escape(_GROUP_SEPARATORS.replace(decimal, ''))}]"
        # In India groups are of two, but for the last.
        grouped = rf"\d{{1,3}}(?:{groups}\d{{3}})+|\d{{1,2}}(?:{groups}\d{{2}})+{groups}\d{{3}}"
        whole = rf"-?(?:\d+|{grouped})"
        self._separators = re.compile(groups)
        self._count = re.compile(whole)
        self._real = re.compile(rf"{whole}(?:{re.escape(decimal)}\d+)?(?:e[+-]?\d+)?|-?(?:nan|inf)")

    @classmethod
    def of_durations(cls, cells: Iterable[str]) -> Numbers:
        """Numbers as in ``cells``, which have two decimals, as TVM prints durations."""
        for cell in cells:
            if len(cell) > 3 and cell[-3] in ".," and unquoted(cell) is None:
                return cls(cell[-3])
        return cls()

    def count(self, cell: str) -> Count | None:
        if not self._count.fullmatch(cell) or len(cell) > _MOST_DIGITS:
            return None
        return Count(int(self._bare(cell)))

    def whole(self, cell: str) -> Count | None:
        """As :meth:`count`, and as pandas writes counts of which one is missing: 5.0."""
        return self.count(cell.removesuffix(f"{self._decimal}0"))

    def duration(self, cell: str) -> Duration | None:
        return None if (number := self._number(cell)) is None else Duration(number)

    def share(self, cell: str) -> Percent | None:
        """Of Total: these add up."""
        # TVM prints these alone without regard to the locale, and no groups.
        return Percent(float(cell.replace(",", "."))) if _SHARE.fullmatch(cell) else None

    def percent(self, cell: str) -> Percent | None:
        share = self.share(cell)
        return None if share is None else Percent(share.percent, is_lone=True)

    def ratio(self, cell: str) -> Ratio | None:
        return None if (number := self._number(cell)) is None else Ratio(number, is_lone=True)

    def _number(self, cell: str) -> float | None:
        if not self._real.fullmatch(cell):
            return None
        return float(self._bare(cell).replace(self._decimal, "."))

    def _bare(self, cell: str) -> str:
        return self._separators.sub("", cell)


def parse_column(
    name: str, cells: Sequence[str], numbers: Numbers, places: Sequence[str]
) -> list[Metric | None]:
    """The values of column ``name``; None for empty cells.

    Its kind follows from its name, else from all of ``cells``: whole numbers are
    counts, numbers are ratios, anything else is text. What stands in quotes as our
    table writes them is text in any column. A column that is empty throughout is one
    of empty strings, as TVM prints it, unless its name says otherwise. Raises
    :class:`VmprofError` for a cell that is no number where the name says so; ``places`` say
    where each cell stands.
    """
    convert = _kind_of_name(name, numbers)
    if not any(cells):
        # A hash is never empty: operators without one are told apart by their names.
        return [None if convert not in (None, str) or name == "Hash" else ""] * len(cells)
    texts = [unquoted(cell) for cell in cells]
    if convert is None or not (name in _STRICT or name.endswith("(us)")):
        first = convert or (numbers.whole if "::" in name else numbers.count)
        bare = [cell for cell, text in zip(cells, texts, strict=True) if cell and text is None]
        convert = _kind_of_cells(bare, first, numbers)
    column: list[Metric | None] = []
    for cell, text, place in zip(cells, texts, places, strict=True):
        metric: Metric | None = text
        if cell and text is None:
            metric = convert(cell) or numbers.ratio(cell)
            if metric is None:
                raise VmprofError(f"{place}: {cell!r} in column {name!r} is no number")
        column.append(metric)
    return column


def parse_setting(name: str, text: str, numbers: Numbers) -> Metric:
    """A value of the section Configuration."""
    if (content := unquoted(text)) is not None:
        return content
    if name in _STRING_SETTINGS:
        return text
    convert = _kind_of_name(name, numbers) or numbers.count
    if convert == numbers.ratio and not name.startswith("Peak "):
        convert = numbers.count  # what a name says of a column it does not say of a line
    metric = convert(text)
    return text if metric is None else metric


def _kind_of_name(name: str, numbers: Numbers) -> Convert | None:
    if name == "Percent":
        return numbers.share
    match kind_of_column(name):
        case "string":
            return str
        case "count":
            return numbers.whole
        case "duration":
            return numbers.duration
        case "percent":
            return numbers.percent
        case "ratio":
            return numbers.ratio
    return None


def _kind_of_cells(cells: Sequence[str], first: Convert, numbers: Numbers) -> Convert:
    """The first kind that all of them are of."""
    for kind in (first, numbers.ratio):
        if all(kind(cell) is not None for cell in cells):
            return kind
    return str
