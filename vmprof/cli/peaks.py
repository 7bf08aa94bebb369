"""Measure what this machine attains: GFLOP/s, and GB/s of each cache and of memory.

Kernels that do nothing but multiply and add, and kernels that do nothing but
read or copy what fits into a cache, or into none, are compiled by TVM for this
processor and run on the threads of its pool, until the best three of each are
within 3 %. What does not settle in time is shown with its range.

What was measured is kept, beside what was measured before; the best counts.
vmprof run --metrics then says which share of it each kernel reached, and what
bounds it; it measures by itself where nothing recent is kept. The numbers are
of float32. Measure on a machine that does nothing else.

Examples:
  vmprof peaks
  vmprof peaks --threads 1,4,8
  vmprof peaks --history

"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vmprof import json_text
from vmprof.cli.output import print_out
from vmprof.cli.progress import progress_line
from vmprof.cli.results import add_json_flag

if TYPE_CHECKING:
    from vmprof.zoo.peaks import Peaks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads",
        type=_threads,
        metavar="N,...",
        help="how many threads of TVM's pool (default: 1, and as many as it has)",
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        metavar="S",
        help="for each number of threads at most (default: 5)",
    )
    parser.add_argument(
        "--history", action="store_true", help="show what was measured before; measure nothing"
    )
    add_json_flag(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress line")


def execute(options: argparse.Namespace) -> None:
    import tvm

    from vmprof.zoo.peaks import keep_peaks, kept_history
    from vmprof.zoo.peaks.measure import DEFAULT_SECONDS, measure

    numbers = options.threads or sorted({1, tvm.runtime.num_threads()})
    if options.history:
        kept = [peaks for threads in numbers for peaks in kept_history(threads)]
        _show(kept, as_json=options.json)
        return
    seconds = DEFAULT_SECONDS if options.seconds is None else options.seconds
    with progress_line(quiet=options.quiet) as progress:
        found = [measure(threads, seconds, progress) for threads in numbers]
    # Printed first: what was measured is not lost if it cannot be kept.
    _show(found, as_json=options.json)
    paths = {keep_peaks(peaks) for peaks in found}
    if not options.json:
        print_out("".join(f"kept in {path}\n" for path in paths))


def _show(found: Sequence[Peaks], *, as_json: bool) -> None:
    import msgspec

    from vmprof.zoo.peaks.settings import told_unsettled

    if as_json:
        plain = [
            {**msgspec.to_builtins(each), "bandwidth": msgspec.to_builtins(each.bandwidth)}
            for each in found
        ]
        print_out(json_text.dumps(plain, indent=2) + "\n")
        return
    levels = list(dict.fromkeys(level.name for each in found for level in reversed(each.levels)))
    titles = ["Threads", "GFLOP/s", *(f"{name} GB/s" for name in reversed(levels)), "Measured"]
    rows = []
    for each in found:
        rates = {f"{level.name} GB/s": f"{level.rate.best:.1f}" for level in each.levels}
        first = {"Threads": str(each.threads), "GFLOP/s": f"{each.gflops.best:.1f}"}
        cells = {**first, **rates, "Measured": each.when}
        rows.append([cells.get(title, "") for title in titles])
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in (titles, *rows)
    ]
    lines += [
        f"not settled, {each.threads} threads: {unsettled}"
        for each in found
        if (unsettled := told_unsettled(each))
    ]
    print_out("\n".join([*lines, ""]))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def _threads(text: str) -> list[int]:
    numbers = text.split(",")
    if not all(number.isascii() and number.isdigit() and int(number) > 0 for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers such as 1,4,8")
    return sorted(set(map(int, numbers)))
