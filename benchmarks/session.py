"""What a session costs an invocation: attached VMs against bare ones, in one process.

    python benchmarks/session.py [--rounds N]

Goals: an attached invocation that is not recorded takes at most 2 us more than the bare call;
a recorded one at most 5 us more than that, besides what its calls cost. The latter is the
time of an invocation of a function without calls. Samples of all kinds are taken in turn;
the figures are medians of differences within a round, and their quartiles.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import tvm
from tvm import relax

from vmprof.program.bytecode import VOID_REGISTER, Bytecode, Register, Ret
from vmprof.record.sessions.session import Session
from vmprof.recording.tables import TIMED, UNRECORDED
from vmprof.vm.executable import load, vm_function

_CALLS = 600
GOALS_US = {"unrecorded": 2.0, "timed": 5.0, "counted": 5.0}


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


def measure(counters: str, rounds: int) -> dict[str, np.ndarray]:
    """Microseconds beyond the bare call, a value a round, by what was read."""
    module = nothing()
    bare = relax.VirtualMachine(module, tvm.cpu())["main"]
    result: dict[str, list[float]] = {}
    with Session(counters, keep=None) as session:
        attached = session.attach(relax.VirtualMachine(module, tvm.cpu()))["main"]
        each_ns(attached)
        before = []
        for _ in range(rounds):
            before.append(float(np.median(each_ns(bare))))
            result.setdefault("all", []).append(each_ns(attached))
    invocations = session.recording().invocations[_CALLS:]
    by_round = invocations["turn"].reshape(rounds, _CALLS)
    names = {UNRECORDED: "unrecorded", TIMED: "timed", 1: "counted"}
    return {
        name: np.array(
            [
                (np.median(times[turns == turn]) - without) / 1e3
                for times, turns, without in zip(result["all"], by_round, before, strict=True)
            ]
        )
        for turn, name in names.items()
        if (by_round == turn).any()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50, metavar="N")
    rounds = parser.parse_args().rounds
    for counters in ("none", "task-clock"):
        for name, beyond in measure(counters, rounds).items():
            low, median, high = np.percentile(beyond, [25, 50, 75])
            print(
                f"counters {counters:<11} {name:<11} {median:6.2f} us beyond the bare call "
                f"({low:.2f} to {high:.2f}; goal {GOALS_US[name]:.0f})"
            )


if __name__ == "__main__":
    main()
