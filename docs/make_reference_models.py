"""Writes the table of reference-models.md anew: vmprof's models beside TVM's own.

    python docs/make_reference_models.py tests/data/tvm-relay-vm-papi-reports.txt

It stands between two lines ``<!-- models -->`` and ``<!-- end -->``. All models
are profiled for it, on a machine that should have nothing else to do.
"""

from __future__ import annotations

import platform
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import tvm
from tabulate import tabulate

import vmprof
from vmprof.models import MODELS
from vmprof.report.aggregate import merge_calls
from vmprof.report.model import Count, Duration

PAGE = Path(__file__).with_name("reference-models.md")

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


@dataclass(frozen=True)
class Model:
    """What a table says of a model."""

    rows: Sequence[Row]
    vm_microseconds: float
    total_ms: float
    mean_ms: float

    def count(self, *kinds: str) -> int:
        return sum(row.count for row in self.rows if row.kind in kinds)

    @property
    def flops(self) -> int:
        return sum(row.flops for row in self.rows)

    @property
    def shares(self) -> str:
        """The five kinds that take the most of the rows' time."""
        times = Counter({"VM": self.vm_microseconds})
        for row in self.rows:
            times[row.kind] += row.microseconds
        whole = sum(times.values())
        return ", ".join(f"{kind} {100 * us / whole:.1f} %" for kind, us in times.most_common(5))


def parse_shapes(text: str) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(map(int, sizes.split(","))) for sizes in re.findall(r"\[([^\]]+)\]", text))


def read_reference(path: Path) -> Iterator[tuple[str, Model]]:
    """The models in TVM's reports, by the names that they have here."""
    for part in path.read_text(encoding="utf-8").split("Evaluate vm inference cost of ")[1:]:
        name = part.split()[0]
        rows, vm, total = [], 0.0, 0.0
        for line in part.splitlines():
            cells = re.split(r"  +", line.strip())
            if cells[0].startswith("vm_mod_"):
                rows.append(
                    Row(cells[0], _number(cells[1]), int(_number(cells[4])), parse_shapes(cells[5]))
                )
            elif cells[0].startswith("VM::"):
                vm += _number(cells[1])
            elif cells[0] == "Total":
                total = _number(cells[1]) / 1e3
        mean = re.search(r"\(std dev\): ([\d.]+) ms", part)
        assert mean is not None
        yield RENAMED.get(name, name), Model(rows, vm, total, float(mean[1]))


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def measure(name: str) -> Model:
    """The model ``name``, profiled here."""
    report = vmprof.profile(name, counters="none")
    rows, vm = [], 0.0
    for row in merge_calls(report.calls):
        us, count = row["Duration (us)"], row["Count"]
        assert isinstance(us, Duration)
        assert isinstance(count, Count)
        if "Hash" in row:
            shapes = parse_shapes(str(row["Argument Shapes"]))
            rows.append(Row(str(row["Name"]), us.microseconds, count.value, shapes))
        else:
            vm += us.microseconds
    (total,) = (row["Duration (us)"] for row in report.device_metrics.values())
    mean = report.configuration["Unprofiled mean (us)"]
    assert isinstance(total, Duration)
    assert isinstance(mean, Duration)
    return Model(rows, vm, total.microseconds / 1e3, mean.microseconds / 1e3)


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
        f"{model.mean_ms:.2f}",
        f"{model.total_ms / model.mean_ms:.2f}",
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
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    reference = dict(read_reference(Path(sys.argv[1])))
    lines = []
    for name in MODELS:
        print(f"profiling {name}", file=sys.stderr)
        lines += [line(name, "reference", reference[name]), line("", "here", measure(name))]
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
