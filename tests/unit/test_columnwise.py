"""Rows as columns, and columns as rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vmprof.report.columnwise import (
    Block,
    blocks,
    cells_of,
    column_names,
    gathered,
    numbers,
    rows_of,
    texts,
)
from vmprof.values import Count, Duration, Percent, Ratio, Samples

# Of few names, so that rows have columns in common.
ROWS = st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers()))


@given(ROWS)
def test_rows_are_what_their_blocks_are(rows: list[dict[str, int]]) -> None:
    again = rows_of(blocks(rows))
    assert again == rows
    assert [[*row] for row in again] == [[*row] for row in rows]


@given(ROWS)
def test_rows_of_a_block_have_the_same_columns(rows: list[dict[str, int]]) -> None:
    layouts = [(*block.columns,) for block in blocks(rows)]
    assert layouts == [*dict.fromkeys((*row,) for row in rows)]


@given(ROWS)
def test_columns_are_in_the_order_of_the_rows(rows: list[dict[str, int]]) -> None:
    columns = gathered(rows)
    assert (
        [*columns] == column_names(rows) == [*dict.fromkeys(name for row in rows for name in row)]
    )
    for name, cells in columns.items():
        assert [*cells] == cells_of(rows, name) == [row[name] for row in rows if name in row]


def test_none_is_no_cell() -> None:
    part: Block[int | None] = Block([1, 0], {"a": [1, 2], "b": [None, 3]})
    assert rows_of([part]) == [{"a": 2, "b": 3}, {"a": 1}]


def test_numbers_of_a_column() -> None:
    assert numbers([Count(1), Count(2)]) == [1, 2]
    mixed = [Count(1), Duration(0.5), Percent(2.0), Ratio(3.0), "", Samples((1.0,)), None]
    assert numbers(mixed) == [1, 0.5, 2.0, 3.0, None, None, None]
    assert numbers(["x", "y"]) == [None, None]


def test_what_recurs_is_asked_for_once() -> None:
    asked = []

    def text_of(cell: object) -> str:
        asked.append(cell)
        return f"<{cell}>"

    assert texts(["a", "b", "a"], text_of) == ["<a>", "<b>", "<a>"]
    assert sorted(map(str, asked)) == ["a", "b"]
