"""Reports with fixed numbers, as renderers get them."""

from __future__ import annotations

from vmprof.report.derive import derive
from vmprof.report.model import Report
from vmprof.values import TASKS, WINDOW, Count, Derived, Duration, Metric, Percent, Ratio, Samples

# As a library might call its kernels whose author means no good.
HOSTILE = (
    '</script><script>document.title="owned"</script>',
    "<img src=x onerror='document.title=\"owned\"'>",
    "\"'><b>&amp;{{ 7 * 7 }}${7}<!--",
    "\x1b[31mred\x07\u2028\u202e",
)

_METRICS = (
    Derived("GFLOP/s", "flops / us / 1000", "ratio", {"flops": "FLOPs", "us": "Duration (us)"}),
    Derived("FLOP/byte", "flops / bytes", "ratio", {"flops": "FLOPs", "bytes": "Bytes"}),
    Derived("IPC", "i / c", "ratio", {"i": "perf::INSTRUCTIONS", "c": "perf::CYCLES"}),
)


def network(blocks: int = 2, *, peaks: bool = True, tasks: bool = False) -> Report:
    """A network of ``blocks`` of a slow kernel, a fast one and an allocation.

    With ``tasks``, convolutions are done by two threads, a half each.
    """
    calls = []
    at = 5.0
    for block in range(blocks):
        kernels = (
            ("fused_conv2d_add_relu", 800.0 + 10 * block, 40_000_000, 500_000, 64),
            (f"fused_conv2d_add_relu_{block + 1}", 120.5, 9_000_000, 250_000, 32),
            ("fused_softmax", 12.25, 30_000, 40_000, 8),
            ("vm.builtin.alloc_tensor", 0.5, 0, 0, 0),
        )
        for name, us, flops, size, channels in kernels:
            shape = f"float32[1, {channels}, 56, 56]"
            row: dict[str, Metric] = {
                "Name": name,
                "Duration (us)": Duration(us),
                "Duration (us) samples": Samples((us * 0.9, us, us * 1.3)),
                "Device": "cpu0",
                "Count": Count(1),
                "Argument Shapes": f"{shape}, {shape}" if channels else "",
                WINDOW: Samples((at, at + us)),
                "perf::CYCLES": Count(int(3000 * us)),
                "perf::INSTRUCTIONS": Count(int(4500 * us) + block),
            }
            if tasks and "conv2d" in name:
                row[TASKS] = Samples((0, at + 1, at + us / 2, 1, at + 2, at + us - 1))
            if flops:
                row |= {"FLOPs": Count(flops), "Bytes": Count(size)}
            calls.append(row)
            at += us + 0.25
    total = at + 5.0
    calls = [{**row, "Percent": Percent(100 * _us(row) / total)} for row in calls]
    configuration: dict[str, Metric] = {
        "Number of threads": Count(2),
        "Executor": "VM",
        "Model": "network",
        "Unprofiled mean (us)": Duration(total * 0.98),
        "Unprofiled mean (us) samples": Samples((total * 0.97, total * 0.98, total * 0.99)),
        "Unprofiled std (us)": Duration(total * 0.01),
        "Repeats": Count(3),
        "Empty call (us)": Duration(0.03),
        "In no row (us)": Duration(total - sum(map(_us, calls))),
    }
    if peaks:
        configuration |= {"Peak GFLOP/s": Ratio(100.0), "Peak GB/s": Ratio(20.0)}
    report = Report(
        calls=tuple(calls),
        device_metrics={
            "cpu0": {
                "Name": "Total",
                "Duration (us)": Duration(total),
                "Device": "cpu0",
                "Count": Count(1),
                "perf::CYCLES": Count(int(3100 * total)),
            }
        },
        configuration=configuration,
        missing={"perf::CACHE-MISSES": "this processor's PMU does not have the event"},
    )
    return derive(report, _METRICS)


def many_calls(count: int, us: float = 1.0) -> Report:
    """A straight line of calls of about ``us`` microseconds each, of eight kernels in turn."""
    calls: list[dict[str, Metric]] = []
    at = 5.0
    for number in range(count):
        took = round(us * (1 + number * 7919 % 1000 / 1000), 3)
        mean = round(us * (1 + number * 104_729 % 1000 / 1000), 3)
        calls.append(
            {
                "Name": f"fused_add_{number % 8}",
                "Duration (us)": Duration(mean),
                "Duration (us) samples": Samples((took, mean)),
                "Percent": Percent(100 / count),
                "Device": "cpu0",
                "Count": Count(1),
                "Argument Shapes": "float32[16]",
                WINDOW: Samples((at, round(at + took, 3))),
            }
        )
        at = round(at + took + 0.05, 3)
    total: dict[str, Metric] = {"Name": "Total", "Duration (us)": Duration(at), "Device": "cpu0"}
    return Report(calls=tuple(calls), device_metrics={"cpu0": total}, configuration={})


def hostile() -> Report:
    """Whatever can be a stranger's text is one of :data:`HOSTILE`."""
    calls = tuple(
        {
            "Name": text,
            "Duration (us)": Duration(100.0 - number),
            "Percent": Percent(10.0),
            "Device": text,
            "Count": Count(1),
            "Argument Shapes": text,
            "data_layout": text,
            f"column {text}": Count(7),
            WINDOW: Samples((100.0 * number, 100.0 * number + 50)),
        }
        for number, text in enumerate(HOSTILE)
    )
    everything = " ".join(HOSTILE)
    return Report(
        calls=calls,
        device_metrics={everything: {"Name": "Total", "Duration (us)": Duration(1000.0)}},
        configuration={"Model": everything, everything: everything},
        missing={everything: everything},
    )


def _us(row: dict[str, Metric]) -> float:
    duration = row["Duration (us)"]
    assert isinstance(duration, Duration)
    return duration.microseconds
