"""Writes the table of reference-models.md anew: vmprof's models beside TVM's own.

    python docs/scripts/make_reference_models.py

It stands between two lines ``<!-- models -->`` and ``<!-- end -->``. The
reference is in tests/data; vmprof's models are profiled, all of them, on a
machine that should have nothing else to do.
"""

from __future__ import annotations

import platform
import re
import sys
from collections import Counter
from dataclasses import dataclass
from math import prod
from pathlib import Path

import tvm
from tabulate import tabulate

import vmprof
from vmprof.compare.readers import read_reports
from vmprof.compare.rows import merged_rows, microseconds
from vmprof.report import Report
from vmprof.values import Count, Duration
from vmprof.values import Row as ReportRow
from vmprof.zoo.models import MODELS

DOCS = Path(__file__).parents[1]
PAGE = DOCS / "reference/reference-models.md"
REFERENCE = DOCS.parent / "tests" / "data" / "tvm-relay-vm-papi-reports.txt"

MARKED = re.compile(r"(<!-- models -->\n).*(<!-- end -->)", re.DOTALL)

# What the reference calls a model that has another name here.
RENAMED = {"unknown": "dcgan"}

# The kind of a kernel: the first of these words that its name has.
KINDS = (
    "conv2d_transpose",
    "depthwise_conv2d",
    "conv2d",
    "dense",
    "pool",
    "concatenate",
    "strided_slice",
    "layout_transform",
    "softmax",
)


@dataclass(frozen=True)
class Row:
    """Calls of one kernel, all together."""

    name: str
    microseconds: float
    count: int
    shapes: tuple[tuple[int, ...], ...]

    @property
    def kind(self) -> str:
        return next((kind for kind in KINDS if kind in self.name), "elementwise")

    @property
    def flops(self) -> int:
        """Of the convolution, if this is one; for all calls."""
        if "conv2d" not in self.kind:
            return 0
        data, weight, out = self.shapes[0], self.shapes[1], self.shapes[-1]
        if self.kind == "conv2d_transpose":
            # [I, O, H, W], or [I/i, O/o, H, W, i, o].
            return 2 * self.count * prod(data) * prod(weight[1:4]) * prod(weight[5:])
        return 2 * self.count * prod(out) * prod(weight[1:5])


class Model:
    """What a report says of a model."""

    def __init__(self, report: Report) -> None:
        merged = merged_rows(report)
        self.rows = [kernel(row) for row in merged if "Hash" in row]
        # Allocations and the like, which are of the VM.
        self._vm_us = sum(microseconds(row) for row in merged if "Hash" not in row)
        mean = report.configuration["Unprofiled mean (us)"]
        assert isinstance(mean, Duration)
        self.mean_us = mean.microseconds
        (total,) = report.device_metrics.values()
        self.total_us = microseconds(total)

    def count(self, *kinds: str) -> int:
        return sum(row.count for row in self.rows if row.kind in kinds)

    @property
    def flops(self) -> int:
        return sum(row.flops for row in self.rows)

    @property
    def shares(self) -> str:
        """The five kinds that take the most of the rows' time."""
        times = Counter({"VM": self._vm_us})
        for row in self.rows:
            times[row.kind] += row.microseconds
        whole = sum(times.values())
        return ", ".join(f"{kind} {100 * us / whole:.1f} %" for kind, us in times.most_common(5))


def kernel(row: ReportRow) -> Row:
    count = row["Count"]
    assert isinstance(count, Count)
    shapes = re.findall(r"\[([^\]]+)\]", str(row["Argument Shapes"]))
    return Row(
        str(row["Name"]),
        microseconds(row),
        count.value,
        tuple(tuple(map(int, sizes.split(","))) for sizes in shapes),
    )


def line(name: str, where: str, model: Model) -> list[str]:
    return [
        name,
        where,
        str(model.count("conv2d", "depthwise_conv2d", "conv2d_transpose")),
        str(model.count("dense")),
        str(model.count("pool")),
        str(model.count("layout_transform")),
        str(sum(row.count for row in model.rows)),
        f"{model.flops / 1e6:,.1f}",
        f"{model.mean_us / 1e3:.2f}",
        f"{model.total_us / model.mean_us:.2f}",
        model.shares,
    ]


HEADERS = (
    *("Model", "", "Convolutions", "Dense", "Pools", "Layout transforms", "Kernel calls"),
    *("Convolution MFLOP", "Mean (ms)", "Total / mean", "Share of the rows' time"),
)


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else []
    return names[0] if names else platform.machine()


def main() -> None:
    reference = {
        RENAMED.get(str(saved.model), str(saved.model)): Model(saved.report)
        for saved in read_reports(REFERENCE)
    }
    lines = []
    for name in MODELS:
        print(f"profiling {name}", file=sys.stderr)
        here = Model(vmprof.profile(name, counters="none"))
        lines += [line(name, "reference", reference[name]), line("", "here", here)]
    table = tabulate(
        lines,
        HEADERS,
        "github",
        disable_numparse=True,
        colalign=("left", "left", *["right"] * 8, "left"),
    )
    machine = (
        f"Here: {processor()}, {tvm.runtime.num_threads()} threads of TVM's, "
        f"TVM {tvm.__version__}, vmprof {vmprof.__version__}."
    )
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(
        MARKED.sub(lambda found: f"{found[1]}\n{machine}\n\n{table}\n\n{found[2]}", page),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
