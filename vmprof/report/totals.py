"""What rows have to do with Total: one definition for every renderer and comparison.

Each device has a Total of its own, of the same run. As in TVM's reports a share is of the
longest of them, on whatever device the row ran: what Percent says of two rows can be
compared.
"""

from __future__ import annotations

from vmprof.report.kinds import microseconds
from vmprof.report.model import Report
from vmprof.values import Row


def longest_device(report: Report) -> str | None:
    """The device whose Total is the longest; None without a Total."""
    totals = report.device_metrics
    return max(totals, key=lambda device: microseconds(totals[device]), default=None)


def longest_total(report: Report) -> float:
    """Microseconds that are 100 %; 0 where no Total has a duration."""
    device = longest_device(report)
    return 0.0 if device is None else microseconds(report.device_metrics[device])


def rows_of(report: Report, device: str) -> list[Row]:
    """The calls that ran on ``device``: all of them where there is one Total."""
    if len(report.device_metrics) == 1:
        return list(report.calls)
    return [row for row in report.calls if row.get("Device") == device]


def in_no_row(report: Report) -> dict[str, float]:
    """By device, the microseconds of its Total that none of its rows explains.

    Less than nothing where rows and Total are of different runs. Devices whose Total has
    no duration are left out.
    """
    return {
        device: total - sum(map(microseconds, rows_of(report, device)))
        for device, row in report.device_metrics.items()
        if (total := microseconds(row))
    }


def of_device(report: Report, what: str, device: str, between: str = ", ") -> str:
    """``what`` with the name of the device where there are several."""
    return f"{what}{between}{device}" if len(report.device_metrics) > 1 else what
