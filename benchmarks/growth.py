"""How the cost of profiling grows: with the counters of a pass, and with the calls of a run.

    python benchmarks/growth.py [--quick] [--json FILE]

Calls are of a function that does nothing. By threads: threads.py; by megabytes of
constants: load.py; large reports: reports.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import tvm
from figures import Figure, alone, differences
from programs import in_a_run, straight_line
from turns import Side, in_turn, thread_ns

from vmprof.counters import Machine, Pass, open_counters, parse_events
from vmprof.native import empty
from vmprof.record.recorder import Reading, Recorder
from vmprof.record.rounds.engines import DispatchLoop
from vmprof.vm import Site
from vmprof.vm.executable import Executable
from vmprof.zoo.models import ENTRY

EVENTS = (
    "task-clock",
    "page-faults",
    "context-switches",
    "cpu-migrations",
    "minor-faults",
    "major-faults",
)
LENGTHS = (10, 100, 1_000, 10_000, 100_000)
CALLS, ROUNDS = 1000, 100
BATCH, SECONDS, AT_LEAST = 10_000, 2.0, 5


def by_counters(*, quick: bool) -> Iterator[Figure]:
    """A call with none to all of :data:`EVENTS` read before and after it."""
    machine = Machine.read()
    sides: dict[str, Side] = {"bare": thread_ns(empty, CALLS)}
    with ExitStack() as stack:
        for number in range(len(EVENTS) + 1):
            groups = parse_events(f"{{{','.join(EVENTS[:number])}}}", machine) if number else []
            counters = stack.enter_context(open_counters(groups, machine))
            counted = counters.passes[0] if number else None
            sides[_counters(number)] = recorded_calls(counters.sample_words, counted)
        found = in_turn(sides, rounds=ROUNDS // 10 if quick else ROUNDS)
    for number in range(len(EVENTS) + 1):
        case = _counters(number)
        yield Figure.of_samples(
            case,
            "added to a call",
            differences(found[case], found["bare"]),
            unit="ns",
            of="a recorded call less a bare one, "
            + (f"reading {EVENTS[number - 1]} too" if number else "timed"),
        )


def _counters(number: int) -> str:
    return f"{number} counter{'' if number == 1 else 's'}"


def recorded_calls(sample_words: int, counted: Pass | None) -> Side:
    """Nanoseconds of a recorded call."""
    recorder = Recorder(sample_words, CALLS)
    calls = thread_ns(recorder.wrap(Site(0, "", 0, "empty"), empty), CALLS)
    reading = Reading.TIME if counted is None else Reading.COUNTERS
    return in_a_run(recorder, calls, reading, counted)


def by_calls(*, quick: bool) -> Iterator[Figure]:
    """A run of 10 to 100,000 calls, recorded, beside TVM's VM."""
    for length in LENGTHS:
        program, arguments = straight_line(length)
        executable = Executable(program, tvm.cpu())
        recorder = Recorder(0, length)
        engine = DispatchLoop(executable, ENTRY, arguments, recorder)
        theirs: Callable[[], object] = partial(executable.vm()[ENTRY], *arguments)
        calls = max(1, BATCH // length)
        found = in_turn(
            {
                "TVM": thread_ns(theirs, calls),
                "recorded": thread_ns(partial(engine.run, Reading.TIME, None), calls),
                "copied out": thread_ns(partial(recorder.recording, Reading.TIME)),
            },
            rounds=AT_LEAST,
            seconds=SECONDS / 10 if quick else SECONDS,
        )
        per = {side: [each / length for each in samples] for side, samples in found.items()}
        case = f"{length:,} calls"
        yield Figure.of_samples(case, "TVM's VM", per["TVM"], unit="ns", of="a call of a run")
        yield Figure.of_samples(
            case, "recorded", per["recorded"], unit="ns", of="a call of a recorded run"
        )
        yield Figure.of_samples(
            case,
            "beyond TVM's VM",
            differences(per["recorded"], per["TVM"]),
            unit="ns",
            of="a call of a recorded run less one of TVM's VM",
        )
        yield Figure.of_samples(
            case, "copied out", per["copied out"], unit="ns", of="a call, once the run is over"
        )


def figures(*, quick: bool = False) -> Iterator[Figure]:
    yield from by_counters(quick=quick)
    yield from by_calls(quick=quick)


if __name__ == "__main__":
    alone(figures, __doc__)
