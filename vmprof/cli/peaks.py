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
from vmprof.remote.options import Where

if TYPE_CHECKING:
    from vmprof.zoo.peaks import Peaks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads",
        type=_threads,
        default=[],
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
    Where.add_arguments(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress line")


def execute(options: argparse.Namespace) -> None:
    where = Where.from_options(options)
    if where:
        with progress_line(quiet=options.quiet) as progress, where.connect() as remote:
            measured = remote.peaks(
                options.threads, options.seconds, only_kept=options.history, progress=progress
            )
            of_host = f" of {remote.host.name}"
    else:
        from vmprof.drivers.host import kept_peaks, measured_peaks  # TVM, which takes time to load

        of_host = ""
        with progress_line(quiet=options.quiet) as progress:
            measured = (
                kept_peaks(options.threads)
                if options.history
                else measured_peaks(options.threads, options.seconds, progress=progress)
            )
    _show(measured.peaks, as_json=options.json)
    if not options.json:
        print_out("".join(f"kept in {path}{of_host}\n" for path in measured.kept))


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
