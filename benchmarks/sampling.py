"""What sampling costs: a model's run that is sampled, beside one that is timed.

    python benchmarks/sampling.py [--quick] [--json FILE] [--rounds N]

Runs take turns in one process. The value is the median of the rounds' own ratios; all runs
read the clock around each call, so that what differs is the samples. What an interrupt costs
is the machine's affair (a virtual one's may take ten microseconds and more), and is shown
beside it: the same event interrupts, and the kernel drops what is not its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial

import tvm
from figures import TIMES, Figure, alone, ratios
from models import loaded
from turns import in_turn

from vmprof.counters import Machine
from vmprof.counters.reading.sampler import Sampler, open_sampler
from vmprof.defaults import SAMPLE_RATE
from vmprof.record.launches import recorded_launches
from vmprof.record.recorder import Reading, Recorder
from vmprof.record.rounds.engines import DispatchLoop
from vmprof.vm.executable import Executable
from vmprof.zoo.models import ENTRY

MODEL = "resnet18"
ROUNDS, QUICK_ROUNDS = 400, 10
GOAL = 1.02


def figures(rounds: int | None = None, *, quick: bool = False) -> Iterator[Figure]:
    program, arguments = loaded(MODEL)
    executable = Executable(program, tvm.cpu())
    machine = Machine.read()
    with (
        open_sampler(None, SAMPLE_RATE, machine) as sampler,
        open_sampler(f"{sampler.event.partition(':')[0]}:k", SAMPLE_RATE, machine) as interrupter,
    ):
        recorder = Recorder(sampler.counted.layout.sample_words)
        engine = DispatchLoop(executable, ENTRY, arguments, recorder)
        found: list[int] = []
        sides = {
            "timed": partial(_timed, engine),
            "interrupted": partial(_sampled, engine, interrupter, []),
            "sampled": partial(_sampled, engine, sampler, found),
        }
        with recorded_launches():
            for side in sides.values():
                side()
            found.clear()
            taken = in_turn(sides, rounds=rounds or (QUICK_ROUNDS if quick else ROUNDS))
    case = f"{MODEL}, {sampler.event} at {SAMPLE_RATE:,} Hz"
    yield Figure.of_samples(
        case,
        "Total",
        ratios(taken["sampled"], taken["timed"]),
        unit=TIMES,
        of="a sampled run over one that is timed",
        goal=GOAL,
    )
    yield Figure.of_samples(
        case,
        "interrupts alone",
        ratios(taken["interrupted"], taken["timed"]),
        unit=TIMES,
        of="the same, where only samples of the kernel's own code are kept",
    )
    yield Figure.of_samples(
        case,
        "samples",
        [1e3 * number / us for number, us in zip(found, taken["sampled"], strict=True)],
        unit="per ms",
        of="a sampled run",
    )


def _timed(engine: DispatchLoop) -> float:
    """Microseconds."""
    return (engine.record(Reading.TIME, None).total_ns or 0) / 1e3


def _sampled(engine: DispatchLoop, sampler: Sampler, found: list[int]) -> float:
    """Microseconds; ``found`` gets the number of samples."""
    run = engine.sample(sampler)
    found.append(len(run.found.hits))
    return (run.run.total_ns or 0) / 1e3


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rounds", type=int, metavar="N", help=f"of a run of each kind (default: {ROUNDS})"
    )


if __name__ == "__main__":
    alone(figures, __doc__, arguments)
