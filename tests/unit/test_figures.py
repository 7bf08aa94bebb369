"""Numbers in three significant digits, and kinds of operators."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vmprof
from vmprof.report.kinds import Kind, kinds
from vmprof.report.render.figures import short, short_count, three_digits
from vmprof.values import Count, Duration, Metric, Percent, Ratio


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        (Duration(0.0), "0 ns"),
        (Duration(0.46), "460 ns"),
        (Duration(0.9996), "1.00 us"),
        (Duration(999.4), "999 us"),
        (Duration(999.6), "1.00 ms"),
        (Duration(147134.61), "147 ms"),
        (Duration(-112774.59), "-113 ms"),
        (Duration(61e6), "61.0 s"),
        (Count(0), "0"),
        (Count(999), "999"),
        (Count(1000), "1.00 k"),
        (Count(999_499), "999 k"),
        (Count(999_500), "1.00 M"),
        (Count(12_345_678), "12.3 M"),
        (Count(10**21), "1,000 E"),
        (Percent(18.834), "18.8 %"),
        (Ratio(0.0902), "0.0902"),
        (Ratio(1234.5), "1,234"),
        (Ratio(0.0000123), "1.23e-05"),
        ("NCHW", "NCHW"),
        (None, ""),
    ],
)
def test_short(metric: Metric | None, text: str) -> None:
    assert short(metric) == text


@given(st.floats(min_value=-1e300, max_value=1e300))
def test_three_digits_are_within_half_a_unit_of_the_third(value: float) -> None:
    shown = float(three_digits(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=0.00501, abs=0)


@given(st.integers(min_value=0, max_value=10**21))
def test_counts_take_no_more_than_seven_characters(value: int) -> None:
    assert len(short_count(value)) <= 7


def test_kinds_are_names_without_their_number() -> None:
    calls = [
        {"Name": name, "Duration (us)": Duration(us)}
        for name, us in (("conv2d", 1.0), ("conv2d_1", 2.0), ("conv2d9", 4.0), ("7", 8.0))
    ]
    assert kinds([*calls, {"Name": "unknown"}]) == [
        Kind("7", 8.0, 1),
        Kind("conv2d", 7.0, 3),
        Kind("unknown", 0.0, 1),
    ]


def test_percent_signs_are_written_one_way() -> None:
    """With a space before them, which Python's own ``%`` of a format does not write."""
    root = Path(vmprof.__file__).parent
    for path in root.rglob("*.py"):
        formats = [
            ast.unparse(node)
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FormattedValue)
            and node.format_spec is not None
            and ast.unparse(node.format_spec).rstrip("'\"").endswith("%")
        ]
        assert not formats, path
