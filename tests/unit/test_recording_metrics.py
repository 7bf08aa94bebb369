"""Operations and bytes of the kernels in a recording, and rates that follow from them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from support.recordings import Made

from vmprof.cli.main import main
from vmprof.program.kernels import Kernel
from vmprof.recording import page, saved, text
from vmprof.recording.costs import UNKNOWN
from vmprof.recording.reports import reports
from vmprof.recording.tables import TIMED, Recording
from vmprof.report.bounds import explain
from vmprof.report.model import Report
from vmprof.report.roofs import Level, Roofs
from vmprof.values import BYTES, FLOPS, Count, Percent, Ratio

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


PEAKS = Roofs(100.0, (Level("memory", 10.0, math.inf),)).settings()


def test_rows_say_what_bounds_them_if_the_machine_is_known() -> None:
    made = replace(recorded(DOUBLE), peaks=PEAKS)
    (row,) = report_of(made).calls
    # 128 bytes need 0.0128 us of 2.
    assert row["Bound"] == "unknown"
    assert row["% of peak GB/s"] == Percent(pytest.approx(0.64))
    (row,) = report_of(replace(made, peaks={**PEAKS, "Peak GB/s": Ratio(0.1)})).calls
    assert row["Bound"] == "memory"
    assert saved.loads(saved.dumps(made), "x").peaks == PEAKS
    (plain,) = reports(made).values()
    assert "Peak GB/s" not in plain.configuration
    assert "Bound" not in plain.calls[0]


def test_a_recording_of_no_known_machine_says_so() -> None:
    report = report_of(recorded(DOUBLE))
    assert explain(report, report.calls[0])[0] == (
        "unknown: the report has no peaks to compare with; measure them: vmprof peaks"
    )


def test_why_of_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.vmprof"
    path.write_bytes(saved.dumps(replace(recorded(DOUBLE, None), peaks=PEAKS)))
    assert main(["show", str(path), "--why", "k0"]) == 0
    assert "data: 64 bytes from memory at 10.0 GB/s" in capsys.readouterr().out
    told = tmp_path / "why.json"
    asked = ["show", str(path), "--why", "*", "--report", "main", "--json", str(told)]
    assert main(asked) == 0
    operators = json.loads(told.read_text())["operators"]
    assert [(each["report"], each["name"], each["bound"]) for each in operators] == [
        ("main", "k0", "unknown"),
        ("main", "k1", "unknown"),
    ]
    assert operators[0]["us"] == pytest.approx(
        {"time": 1.0, "start": 0.0, "operations": 8e-5, "data": 0.0064, "data_at_worst": 0.0064}
    )
    assert operators[1]["us"] == {"time": 1.0, "start": 0.0}
