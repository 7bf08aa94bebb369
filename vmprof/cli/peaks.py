"""Measure what this machine attains: GFLOP/s and GB/s.

Kernels that do nothing but multiply and add, and kernels that do nothing but
read or copy more memory than the caches hold, are compiled by TVM for this
processor and run on the threads of its pool; the fastest run counts. The result
is kept. vmprof run --metrics then says which share of it each kernel reached,
and the roofline of the HTML report has its roof.

Measure on a machine that does nothing else. The numbers are of float32; a
kernel whose data is in a cache can move more bytes than memory gives.

Examples:
  vmprof peaks
  vmprof peaks --threads 1,4,8

"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from vmprof import json_text
from vmprof.cli.output import print_out
from vmprof.cli.progress import progress_line
from vmprof.cli.results import add_json_flag


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threads",
        type=_threads,
        metavar="N,...",
        help="how many threads of TVM's pool (default: 1, and as many as it has)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=1.0,
        metavar="S",
        help="for each kernel that is tried (default: 1)",
    )
    add_json_flag(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress line")


def execute(options: argparse.Namespace) -> None:
    import tvm

    from vmprof.zoo.peaks import keep_peaks
    from vmprof.zoo.peaks.measure import measure

    numbers = options.threads or sorted({1, tvm.runtime.num_threads()})
    with progress_line(quiet=options.quiet) as progress:
        found = [measure(threads, options.seconds, progress) for threads in numbers]
    # Printed first: what was measured is not lost if it cannot be kept.
    if options.json:
        print_out(json_text.dumps([asdict(peaks) for peaks in found], indent=2) + "\n")
    else:
        rows = (f"{each.threads:>7}  {each.gflops:>7.1f}  {each.bandwidth:>4.1f}" for each in found)
        print_out("\n".join(["Threads  GFLOP/s  GB/s", *rows, ""]))
    paths = {keep_peaks(peaks) for peaks in found}
    if not options.json:
        print_out("".join(f"kept in {path}\n" for path in paths))


def _threads(text: str) -> list[int]:
    numbers = text.split(",")
    if not all(number.isascii() and number.isdigit() and int(number) > 0 for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers such as 1,4,8")
    return sorted(set(map(int, numbers)))
