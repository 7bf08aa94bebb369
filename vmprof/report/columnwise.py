"""Rows taken column by column.

A report of 100,000 calls has more than a million cells. Whatever is done to all of them is
done to columns, whose cells are nearly always of one kind: what that is, is then asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, Generic, TypeVar, cast

from vmprof.values import Count, Duration, Metric, Percent, Ratio

_Cell = TypeVar("_Cell")
_Cell_co = TypeVar("_Cell_co", covariant=True)
_Text = TypeVar("_Text")

_NUMBER: Mapping[type, Callable[[Any], Any]] = {
    Count: attrgetter("value"),
    Duration: attrgetter("microseconds"),
    Percent: attrgetter("percent"),
    Ratio: attrgetter("ratio"),
}


@dataclass(frozen=True)
class Block(Generic[_Cell_co]):
    """Those of some rows that have the same columns in the same order.

    ``places`` are their numbers among all rows; ``columns`` have a cell for each of them.
    """

    places: Sequence[int]
    columns: Mapping[str, Sequence[_Cell_co]]


def blocks(rows: Iterable[Mapping[str, _Cell]]) -> list[Block[_Cell]]:
    """``rows`` by the columns that they have, in the order in which these occur."""
    alike: dict[tuple[str, ...], tuple[list[int], list[Mapping[str, _Cell]]]] = {}
    for place, row in enumerate(rows):
        places, members = alike.setdefault((*row,), ([], []))
        places.append(place)
        members.append(row)
    return [
        Block(places, _transposed(names, members)) for names, (places, members) in alike.items()
    ]


def gathered(rows: Iterable[Mapping[str, _Cell]]) -> dict[str, Sequence[_Cell]]:
    """The cells of each column, in the order of ``rows``; not every row needs to have one."""
    parts: dict[str, list[Block[_Cell]]] = {}
    for block in blocks(rows):
        for name in block.columns:
            parts.setdefault(name, []).append(block)
    return {name: _joined(name, holding) for name, holding in parts.items()}


def column_names(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """The columns that any of ``rows`` has, in the order in which they occur."""
    layouts = dict.fromkeys((*row,) for row in rows)
    return [*dict.fromkeys(chain.from_iterable(layouts))]


def cells_of(rows: Iterable[Mapping[str, _Cell]], column: str) -> list[_Cell]:
    """The cells of ``column``, of those rows that have one."""
    return [row[column] for row in rows if column in row]


def rows_of(parts: Iterable[Block[_Cell | None]]) -> list[dict[str, _Cell]]:
    """The rows that ``parts`` are of, as :func:`blocks` gives them; None is no cell."""
    placed = [(part.places, _rows(part)) for part in parts]
    rows: list[dict[str, _Cell]] = [{}] * sum(len(places) for places, _ in placed)
    for places, made in placed:
        for place, row in zip(places, made, strict=True):
            rows[place] = row
    return rows


def numbers(cells: Sequence[Metric | None]) -> Sequence[float | None]:
    """The number of each of the ``cells`` of a column; None for one that is none."""
    kinds = set(map(type, cells))
    if len(kinds) == 1 and (number_of := _NUMBER.get(*kinds)):
        return [*map(number_of, cells)]
    return [number(cell) for cell in cells]


def are_numbers(cells: Iterable[Metric | None]) -> bool:
    """Whether each of them is one."""
    return _NUMBER.keys() >= set(map(type, cells))


def number(cell: Metric | None) -> float | None:
    """The number that it is; None for anything else."""
    number_of = _NUMBER.get(type(cell))
    return None if number_of is None else number_of(cell)


def texts(cells: Sequence[Metric], text_of: Callable[[Metric], _Text]) -> list[_Text]:
    """``text_of`` each of the ``cells`` of a column. Strings recur: it is asked once of each."""
    if set(map(type, cells)) != {str}:
        return [*map(text_of, cells)]
    known = {cell: text_of(cell) for cell in set(cells)}
    return [*map(known.__getitem__, cells)]


def _transposed(
    names: Sequence[str], rows: Sequence[Mapping[str, _Cell]]
) -> dict[str, Sequence[_Cell]]:
    cells = [*chain.from_iterable(row.values() for row in rows)]
    return {name: cells[number :: len(names)] for number, name in enumerate(names)}


def _joined(name: str, parts: Sequence[Block[_Cell]]) -> Sequence[_Cell]:
    """The column ``name`` of several blocks as one, in the order of the rows."""
    if len(parts) == 1:
        return parts[0].columns[name]
    placed = [pair for part in parts for pair in zip(part.places, part.columns[name], strict=True)]
    return [cell for _, cell in sorted(placed, key=itemgetter(0))]


def _rows(part: Block[_Cell | None]) -> list[dict[str, _Cell]]:
    if not part.columns:
        return [{} for _ in part.places]
    rows = zip(*part.columns.values(), strict=True)
    made = [dict(zip(part.columns, row, strict=True)) for row in rows]
    if any(type(None) in set(map(type, cells)) for cells in part.columns.values()):
        made = [{n: cell for n, cell in row.items() if cell is not None} for row in made]
    return cast("list[dict[str, _Cell]]", made)
