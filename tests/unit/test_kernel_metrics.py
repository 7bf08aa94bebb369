"""Columns that come of what is known of kernels."""

from __future__ import annotations

import pytest

from vmprof.program.kernels import Kernel
from vmprof.report.derive import summed
from vmprof.report.kernel_metrics import with_kernels, with_metrics
from vmprof.report.model import Report
from vmprof.values import Count, Duration, Percent, Ratio

KERNELS = {
    "conv": Kernel(
        hash="0123456789abcdef",
        operators=("nn.conv2d",),
        layouts={"data_layout": "NCHW16c", "out_layout": "NCHW16c"},
        shapes=(("n", 4), ("n", 4)),
        flops="n * T.int64(1000)",
        bytes_read="n * T.int64(16)",
        bytes_written="n * T.int64(16)",
    )
}


def report(**columns: Count) -> Report:
    def call(name: str, us: float, shapes: str) -> dict[str, object]:
        return {
            "Name": name,
            "Duration (us)": Duration(us),
            "Device": "cpu0",
            "Count": Count(1),
            "Argument Shapes": shapes,
            **columns,
        }

    calls = (
        call("conv", 2.0, "float32[8, 4], float32[8, 4]"),
        call("conv", 6.0, "float32[8, 4], float32[8, 4]"),
        call("vm.builtin.alloc_storage", 1.0, ""),
    )
    return Report(calls, {"cpu0": {"Name": "Total", "Duration (us)": Duration(16.0)}}, {})  # type: ignore[arg-type]


def test_identity() -> None:
    first, _, other = with_kernels(report(), KERNELS).calls
    assert first["Hash"] == "0123456789abcdef"
    assert first["data_layout"] == first["out_layout"] == "NCHW16c"
    assert "Hash" not in other


def test_metrics_of_calls_and_totals() -> None:
    measured = with_metrics(report(), KERNELS)
    first, second, other = measured.calls
    assert (first["FLOPs"], first["Bytes"]) == (Count(8000), Count(256))
    assert (first["GFLOP/s"], first["GB/s"]) == (Ratio(4.0), Ratio(0.128))
    assert first["FLOP/byte"] == Ratio(31.25)
    assert second["GFLOP/s"] == Ratio(8000 / 6.0 / 1000)
    assert "FLOPs" not in other
    assert "GFLOP/s" not in other
    assert measured.device_metrics["cpu0"]["FLOPs"] == Count(16000)
    # 16000 operations in the 8 us of the kernels that they are of.
    assert measured.device_metrics["cpu0"]["GFLOP/s"] == Ratio(2.0)


def test_operations_are_divided_by_the_time_of_the_calls_that_they_are_of() -> None:
    """A kernel that nobody knows takes as long as all others: the rate is of the others."""
    plain = report()
    stranger = {**plain.calls[0], "Name": "stranger", "Duration (us)": Duration(9.0)}
    calls = (*plain.calls, stranger)
    measured = with_metrics(Report(calls, plain.device_metrics, {}), KERNELS)
    assert measured.device_metrics["cpu0"]["GFLOP/s"] == Ratio(2.0)
    sums = summed(measured.calls, measured.derived)
    assert (sums["GFLOP/s"], sums["GB/s"]) == (Ratio(2.0), Ratio(0.064))
    assert sums["Duration (us)"] == Duration(18.0)
    part = "of 2 of 4 calls, 44.4 % of their time"
    assert measured.configuration["Known in part"] == (
        f"FLOPs {part}; Bytes {part}; rates in Sum and Total are of those calls"
    )
    for line in measured.table().splitlines()[5:8]:
        if line.startswith(("Sum", "Total")):
            assert line.split()[-1] == "2"


def test_what_is_known_of_all_calls_needs_no_mark() -> None:
    plain = report()
    measured = with_metrics(Report(plain.calls[:2], plain.device_metrics, {}), KERNELS)
    assert "Known in part" not in measured.configuration


def test_merged_rows_have_the_rate_of_the_sum() -> None:
    """16000 operations in 8 us: 2 GFLOP/s, not the mean of 4 and 1.33."""
    table = with_metrics(with_kernels(report(), KERNELS), KERNELS).table()
    header, first = table.splitlines()[:2]
    at = header.index("GFLOP/s") + len("GFLOP/s")
    assert first[:at].split()[-1] == "2"


def test_counters_give_metrics_if_they_are_there() -> None:
    counted = with_metrics(
        report(
            **{
                "perf::CYCLES": Count(4000),
                "perf::INSTRUCTIONS": Count(10000),
                "perf::CACHE-MISSES": Count(50),
                "perf::STALLED-CYCLES-BACKEND": Count(1000),
            }
        ),
        KERNELS,
    )
    first = counted.calls[0]
    assert first["IPC"] == Ratio(2.5)
    assert first["Misses per 1000 instructions"] == Ratio(5.0)
    assert first["Stalled in backend (%)"] == Percent(25.0)
    assert "Stalled in frontend (%)" not in first
    assert "Stalled in frontend (%)" not in counted.missing


def test_metrics_of_events_that_were_refused_are_missing_with_the_reason() -> None:
    missing = {"perf::CYCLES": "no PMU", "perf::INSTRUCTIONS": "no PMU"}
    plain = report()
    measured = with_metrics(
        Report(plain.calls, plain.device_metrics, plain.configuration, missing), KERNELS
    )
    assert measured.missing["IPC"] == (
        "needs perf::CYCLES and perf::INSTRUCTIONS, which could not be counted"
    )


@pytest.mark.parametrize("kernels", [{}, KERNELS])
def test_unknown_kernels_leave_no_trace(kernels: dict[str, Kernel]) -> None:
    only_builtins = Report(report().calls[2:], {}, {})
    assert with_kernels(only_builtins, kernels).calls == only_builtins.calls
