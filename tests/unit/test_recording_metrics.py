"""Operations and bytes of the kernels in a recording, and rates that follow from them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.recordings import Made

from vmprof.program.kernels import Kernel
from vmprof.recording import page, text
from vmprof.recording.costs import UNKNOWN
from vmprof.recording.reports import reports
from vmprof.recording.tables import TIMED, Recording
from vmprof.report.model import Report
from vmprof.values import BYTES, FLOPS, Count, Ratio

# Of a vector of n floats: n operations; n floats read, and n written.
DOUBLE = Kernel("0a", ("multiply",), {}, (("n",), ("n",)), "n", "n * 4", "n * 4")
# Nobody knows what it moves.
GATHER = replace(DOUBLE, bytes_read=None)


def recorded(*kernels: Kernel | None, lengths: tuple[int, ...] = (8,)) -> Recording:
    """Invocations that call ``k0``, ``k1``, ... twice each on vectors of these lengths."""
    made = Made()
    for length in lengths:
        calls = [
            (f"k{number}", f"float32[{length}], float32[{length}]", 0, 1000)
            for number in range(len(kernels))
            for _ in range(2)
        ]
        made.add(TIMED, 100_000, calls)
    known = {number: kernel for number, kernel in enumerate(kernels) if kernel is not None}
    return replace(made.recording(), kernels=known)


def report_of(recording: Recording, by: str = "operator") -> Report:
    (report,) = reports(recording, by, metrics=True).values()
    return report


def test_a_row_has_what_all_its_calls_come_to() -> None:
    report = report_of(recorded(DOUBLE))
    (row,) = report.calls
    assert (row[FLOPS], row[BYTES]) == (Count(16), Count(128))
    assert row["GFLOP/s"] == Ratio(pytest.approx(16 / 2.0 / 1000))
    assert row["GB/s"] == Ratio(pytest.approx(128 / 2.0 / 1000))
    assert row["FLOP/byte"] == Ratio(pytest.approx(1 / 8))
    # Of the calls that it is known of, not of all the time.
    assert report.device_metrics["cpu0"]["GFLOP/s"] == row["GFLOP/s"]


def test_shapes_that_differ_have_each_their_own() -> None:
    report = report_of(recorded(DOUBLE, lengths=(10, 20, 40, 30)))
    (row,) = report.calls
    # All took the same time: the middle half are the second and the third.
    assert row["Argument Shapes"] == "float32[10..40], float32[10..40]"
    assert row[FLOPS] == Count(2 * (20 + 40) // 2)
    split = report_of(recorded(DOUBLE, lengths=(10, 20)), by="shape")
    assert {str(r["Argument Shapes"]): r[FLOPS] for r in split.calls} == {
        "float32[10], float32[10]": Count(10),
        "float32[20], float32[20]": Count(20),
    }


def test_what_is_not_known_is_not_there() -> None:
    report = report_of(recorded(DOUBLE, None, GATHER))
    by_name = {row["Name"]: row for row in report.calls}
    assert not {FLOPS, BYTES, "GFLOP/s"} & by_name["k1"].keys()
    assert by_name["k2"][FLOPS] == Count(16)
    assert BYTES not in by_name["k2"]
    known = str(report.configuration["Known in part"])
    assert known.startswith("FLOPs of 2 of 3 calls")
    assert "Bytes of 1 of 3 calls" in known
    report = report_of(recorded(None))
    assert report.missing[FLOPS] == report.missing[BYTES] == UNKNOWN
    assert report.missing["GFLOP/s"].startswith("needs FLOPs")


def test_kernels_of_one_name_in_two_vms_are_two() -> None:
    """Callees are numbered by VM; a row of both is known if both are."""
    recording = recorded(DOUBLE, DOUBLE)
    recording = replace(recording, callees=("k0", "k0"), kernels={0: DOUBLE})
    (row,) = report_of(recording).calls
    assert FLOPS not in row
    larger = replace(DOUBLE, flops="n * 3")
    (row,) = report_of(replace(recording, kernels={0: DOUBLE, 1: larger})).calls
    assert row[FLOPS] == Count(2 * 8 + 2 * 24)


def test_they_are_shown_if_they_are_asked_for() -> None:
    recording = recorded(DOUBLE)
    assert "GFLOP/s" not in text.render(recording)
    assert "GFLOP/s" in text.render(recording, metrics=True)
    absent = "which this report does not have"
    assert absent in page.render(recording)
    assert absent not in page.render(recording, metrics=True)
