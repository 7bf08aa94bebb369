"""What a session costs: an invocation, and a whole program under ``vmprof record``.

    python benchmarks/session.py [--quick] [--rounds N] [--pairs N] [--json FILE]

Goals: an attached invocation that is not recorded takes at most 2 us more than the bare call;
a recorded one at most 5 us more than that, besides what its calls cost. The latter is the
time of an invocation of a function without calls. Samples of all kinds are taken in turn, in
one process; the figures are medians of differences within a round, and their quartiles.

The program is examples/llm/chat.py, from its start to its end, so with loading TVM and
compiling the model: at most 1.02 times as long as without, and the same tokens. It runs in
processes of its own, with and without in turn; the figures are those of the ratios of pairs.

docs/scripts/make_sessions.py shows what --json keeps.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import tvm
from figures import TIMES, Figure, alone
from tvm import relax

from vmprof.program.bytecode import VOID_REGISTER, Bytecode, Register, Ret
from vmprof.record.sessions.session import Session
from vmprof.recording.tables import TIMED, UNRECORDED
from vmprof.vm.executable import load, vm_function

_CALLS = 600
CHAT = Path(__file__).parents[1] / "examples" / "llm" / "chat.py"
GOALS_US = {"not recorded": 2.0, "timed": 5.0, "counted": 5.0}
GOAL_RATIO = 1.02
COUNTERS = ("none", "task-clock")
ROUNDS, PAIRS = 50, 6


# ---- an invocation -------------------------------------------------------------------------


def nothing() -> tvm.runtime.Module:
    """``main()`` returns, without a call."""
    code = (Ret(Register(VOID_REGISTER)),)
    return load(Bytecode((vm_function("main", 0, 1),), code, (), {}))


def each_ns(function: Callable[[], object]) -> np.ndarray:
    """Nanoseconds of each of many calls."""
    clock = time.perf_counter_ns
    times = [clock()]
    for _ in range(_CALLS):
        function()
        times.append(clock())
    return np.array([end - begin for begin, end in pairwise(times)])


def invocations(counters: str, rounds: int) -> Iterator[Figure]:
    """What one costs beyond the bare call, by what was read in it."""
    module = nothing()
    bare = relax.VirtualMachine(module, tvm.cpu())["main"]
    attached_ns = []
    with Session(counters, keep=None) as session:
        attached = session.attach(relax.VirtualMachine(module, tvm.cpu()))["main"]
        each_ns(attached)
        before = []
        for _ in range(rounds):
            before.append(float(np.median(each_ns(bare))))
            attached_ns.append(each_ns(attached))
    turns = session.recording().invocations["turn"][_CALLS:].reshape(rounds, _CALLS)
    names = {UNRECORDED: "not recorded", TIMED: "timed", 1: "counted"}
    for turn, name in names.items():
        if not (turns == turn).any():
            continue
        beyond = [
            float(np.median(times[chosen]) - without) / 1e3
            for times, chosen, without in zip(attached_ns, turns == turn, before, strict=True)
        ]
        yield Figure.of_samples(
            f"--counters {counters}",
            f"an invocation, {name}",
            beyond,
            unit="us",
            of="an attached invocation less a bare one",
            goal=GOALS_US[name],
        )


# ---- a program -----------------------------------------------------------------------------


def run(*command: str) -> tuple[str, float, float]:
    """What ``python COMMAND`` prints, its seconds, and those of processors."""
    words = [sys.executable, *command]
    # As pip installs vmprof: with its modules compiled.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = os.times()
    begin = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=env)
    seconds = time.perf_counter() - begin
    after = os.times()
    cpu = after.children_user + after.children_system
    return done.stdout, seconds, cpu - before.children_user - before.children_system


def program(counters: str, pairs: int) -> Iterator[Figure]:
    """chat.py with and without ``vmprof record``."""
    chat = (str(CHAT), "--tokens", "64")
    record = ("-m", "vmprof", "record", "--counters", counters, "--", *chat)
    tokens = run(*chat)[0]
    run(*record)  # what is first loaded from the disk
    elapsed, worked = [], []
    for number in range(pairs):
        taken = {}
        for command in (chat, record) if number % 2 else (record, chat):
            printed, *taken[command] = run(*command)
            if printed != tokens:
                raise SystemExit(f"{' '.join(command)} gave other tokens: {printed}")
        elapsed.append(taken[record][0] / taken[chat][0])
        worked.append(taken[record][1] / taken[chat][1])
    for what, ratios in (("elapsed time", elapsed), ("processors' time", worked)):
        yield Figure.of_samples(
            f"--counters {counters}",
            f"chat.py --tokens 64, {what}",
            ratios,
            unit=TIMES,
            of="the program under vmprof record over without",
            goal=GOAL_RATIO,
        )


def figures(
    rounds: int | None = None, pairs: int | None = None, *, quick: bool = False
) -> Iterator[Figure]:
    for counters in COUNTERS:
        yield from invocations(counters, rounds or (5 if quick else ROUNDS))
    for counters in COUNTERS:
        yield from program(counters, pairs or (2 if quick else PAIRS))


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rounds", type=int, metavar="N", help=f"of invocations (default: {ROUNDS})"
    )
    parser.add_argument("--pairs", type=int, metavar="N", help=f"of programs (default: {PAIRS})")


if __name__ == "__main__":
    alone(figures, __doc__, arguments)
