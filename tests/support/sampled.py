"""A report with samples."""

from __future__ import annotations

from vmprof.report import Report
from vmprof.sampling.model import IN_NO_CALL, Function, Hit, Library, Sampled
from vmprof.values import PATH

MODEL, LIBC = Library("/models/net.so", "file", "ab12"), Library("/lib/libc.so.6")
KERNEL, HELPER, NAMELESS = (
    Function(0, "conv_compute_", 0x100, 0x80),
    Function(0, "conv_helper", 0x200, 0x40),
    Function(1),
)


def sampled_report() -> Report:
    """Two calls, of which one was made in a function of the VM; two threads."""
    calls = (
        {"Name": "conv", "Argument Shapes": "float32[8]"},
        {"Name": "soft;max", PATH: "main > step x3"},
    )
    hits = (
        Hit(0, 0, 0x110, 0, 6, 6000),
        Hit(0, 0, 0x120, 0, 2, 2000),
        Hit(0, 0, 0x110, 1, 5, 5000),
        Hit(0, 1, 0x210, 0, 1, 1000),
        Hit(1, 2, 0x999, 0, 3, 3000),
        Hit(IN_NO_CALL, 2, 0x998, 0, 4, 4000),
    )
    sampled = Sampled("cpu-clock", "ns", 5000, 30, (MODEL, LIBC), (KERNEL, HELPER, NAMELESS), hits)
    return Report(calls, {"cpu0": {}}, {"Model": "mlp"}, samples=sampled)
