"""What a fleet of many hosts takes to plan, gather and summarise, and how often it is mistaken.

    python benchmarks/fleet.py [--quick] [--json FILE] [--hosts N ...]

The hosts are many small servers on loopback, each with an address of its own, registered at a real
tracker of TVM's. They answer with recorded reports: that of resnet50, 151 calls with ten repeats
each, whose times were made to differ as those of hosts do; a few are slower by half in one
operator. All that the client does is as with real servers but for TVM's RPC, in place of which
there is a connection of a line each way. In a process of its own for each number of hosts: its
memory is the most that it ever had, with TVM loaded.

How often hosts that are alike are called outliers is found in numbers drawn by chance: for times
that spread as the test takes for granted, and for such with heavier tails.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from math import exp
from pathlib import Path

from figures import Figure, alone

from vmprof.compare.study import Asked, Study, StudyFolder
from vmprof.compare.study.outliers import outlying
from vmprof.compare.study.summary import ALPHA
from vmprof.report.model import Report
from vmprof.values import Duration, Metric, Row, Samples

HERE = Path(__file__).parent
RECORDED = HERE.parent / "tests/data/resnet50/report.json"
KEY = "simulated"
HOSTS, FEW_HOSTS = (100, 1_000), (20,)
JOBS = 32
VARIANTS, SLOW_VARIANTS = 200, 2  # 1 of 100 hosts
REPEATS, SPREAD = 10, 0.02
IN_A_PROCESS = 2_500  # of servers: each has two open files
GOAL_S, GOAL_MIB = 120.0, 500.0  # of 1,000 hosts

# Without the process that TVM's own program puts around it.
TRACKER = """
from tvm.rpc.tracker import PopenTrackerServerState
print(PopenTrackerServerState("127.0.0.1", 19190, 19990, silent=True).port, flush=True)
"""

STUDIES, FEW_STUDIES = 1_000, 20
OPERATORS = 50
SIZES = (10, 100)


def variant(report: Report, seed: int) -> Report:
    """``report`` as another host would give it."""
    chance = random.Random(seed)  # noqa: S311
    host = chance.lognormvariate(0, SPREAD)
    names = sorted({str(call["Name"]) for call in report.calls if "conv2d" in str(call["Name"])})
    slow = {names[seed % len(names)]: 1.5} if seed < SLOW_VARIANTS else {}
    calls = []
    for call in report.calls:
        time_us = call["Duration (us)"]
        assert isinstance(time_us, Duration)
        factor = host * chance.lognormvariate(0, SPREAD) * slow.get(str(call["Name"]), 1.0)
        repeats = [
            time_us.microseconds * factor * chance.lognormvariate(0, SPREAD / 4)
            for _ in range(REPEATS)
        ]
        calls.append(
            {
                **call,
                "Duration (us)": Duration(sum(repeats) / REPEATS),
                "Duration (us) samples": Samples(tuple(repeats)),
            }
        )
    total: dict[str, Row] = {
        device: {**row, "Duration (us)": _sum(calls)}
        for device, row in report.device_metrics.items()
    }
    return Report(tuple(calls), total, report.configuration, report.missing, report.derived)


def _sum(calls: Sequence[dict[str, Metric]]) -> Duration:
    times = [call["Duration (us)"] for call in calls]
    return Duration(sum(each.microseconds for each in times if isinstance(each, Duration)))


def answers(folder: Path, count: int) -> None:
    report = Report.from_json(RECORDED.read_text(encoding="utf-8"))
    for seed in range(count):
        (folder / f"{seed:03}.json").write_text(variant(report, seed).json(), encoding="utf-8")


def asked(server: object, _: object) -> Report:
    """In place of what :class:`vmprof.remote.client.Remote` does."""
    import socket

    from vmprof.remote.tracked import TrackedServer

    assert isinstance(server, TrackedServer)
    with socket.create_connection((server.host, server.port)) as connection:
        connection.sendall(f"{server.match}\n".encode())
        with connection.makefile("rb") as answer:
            return Report.from_json(answer.read(int(answer.readline())).decode())


def gathered(tracker: int, folder: Path) -> None:
    """The client, in a process of its own; prints what it took, as JSON."""
    from vmprof.remote.gather import gather
    from vmprof.remote.limits import Limits
    from vmprof.remote.tracked import TrackedServers

    before = _most_memory()
    began = time.monotonic()
    study_folder = StudyFolder.made(folder, Asked("resnet50 simulated", {"model": "resnet50"}))
    with TrackedServers(("127.0.0.1", tracker), KEY, asked) as servers:
        study = gather(servers, study_folder, Limits(JOBS, 600))
    took = {"arrived": len(study), "gather": time.monotonic() - began, "cpu": time.process_time()}
    began = time.monotonic()
    outliers = study.summary.outliers_of()
    took["summary"] = time.monotonic() - began
    began = time.monotonic()
    took["page bytes"] = len(study.html())
    took["page"] = time.monotonic() - began
    took |= {"memory": _most_memory(), "memory before": before, "outliers": len(outliers)}
    began = time.monotonic()
    assert str(Study(folder))
    took["read again"] = time.monotonic() - began
    print(json.dumps(took))


def _most_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def of_hosts(hosts: int) -> Iterator[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "answers").mkdir()
        answers(folder / "answers", min(VARIANTS, max(hosts, SLOW_VARIANTS)))
        tracker = _line_of(stack, "-c", TRACKER)
        for first in range(0, hosts, IN_A_PROCESS):
            count = min(IN_A_PROCESS, hosts - first)
            arguments = [tracker, KEY, first, count, folder / "answers"]
            _line_of(stack, str(HERE / "fake_servers.py"), *map(str, arguments))
        done = subprocess.run(
            [sys.executable, __file__, "--client", tracker, str(folder / "study")],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    took = json.loads(done.stdout)
    assert took["arrived"] == hosts, f"{took['arrived']} of {hosts} arrived"
    case = f"{hosts:,} hosts"
    figure = partial(Figure, case=case, of=f"recorded resnet50, {JOBS} at once")
    goals = hosts == 1_000
    yield figure(
        name="planned and gathered", unit="s", value=took["gather"], goal=GOAL_S if goals else None
    )
    yield figure(name="planned and gathered, the client's CPU time", unit="s", value=took["cpu"])
    yield figure(name="summarised", unit="s", value=took["summary"])
    yield figure(name="page", unit="s", value=took["page"])
    yield figure(name="size of the page", unit="KiB", value=took["page bytes"] / 1024)
    yield figure(name="read again from disk", unit="s", value=took["read again"])
    yield figure(
        name="most memory", unit="MiB", value=took["memory"], goal=GOAL_MIB if goals else None
    )
    yield figure(name="memory before", unit="MiB", value=took["memory before"])
    yield figure(name="hosts with outliers", unit="hosts", value=took["outliers"])


def _line_of(stack: ExitStack, *arguments: str) -> str:
    """The first line that a Python program prints, which then goes on until the end."""
    command = [sys.executable, *arguments]
    process = stack.enter_context(
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    )
    stack.callback(process.kill)
    assert process.stdout
    return process.stdout.readline().strip()


Draw = Callable[[random.Random], float]
TAILS: dict[str, Draw] = {
    "normal logarithms": lambda chance: SPREAD * chance.gauss(0, 1),
    "Student's t of 5": lambda chance: SPREAD * _student(chance, 5),
    "1 of 20 disturbed by 10 %": lambda chance: (
        SPREAD * chance.gauss(0, 1) + (chance.expovariate(10) if chance.random() < 1 / 20 else 0)
    ),
}


def _student(chance: random.Random, freedom: int) -> float:
    return chance.gauss(0, 1) / (chance.gammavariate(freedom / 2, 2 / freedom) ** 0.5)


def false_alarms(hosts: int, tails: str, studies: int) -> Iterator[Figure]:
    chance = random.Random(hosts)  # noqa: S311 # the same studies each time
    alarmed = called = 0
    for _ in range(studies):
        found = 0
        for _ in range(OPERATORS):
            times = [1000 * exp(TAILS[tails](chance)) for _ in range(hosts)]
            found += len(outlying(times, [0.0] * hosts, ALPHA / OPERATORS))
        alarmed += bool(found)
        called += found
    of = f"{studies:,} studies of {hosts} alike hosts and {OPERATORS} operators"
    figure = partial(Figure, case=f"{hosts} hosts, {tails}", of=of)
    goal = 100 * ALPHA if tails == "normal logarithms" else None
    yield figure(name="studies with outliers", unit="%", value=100 * alarmed / studies, goal=goal)
    yield figure(
        name="outliers among hosts and operators",
        unit="%",
        value=100 * called / (studies * hosts * OPERATORS),
    )


def figures(*, quick: bool = False, hosts: Sequence[int] = ()) -> Iterator[Figure]:
    for number in hosts or (FEW_HOSTS if quick else HOSTS):
        yield from of_hosts(number)
    for number in SIZES:
        for tails in TAILS:
            studies = FEW_STUDIES if quick else STUDIES * 10 // number
            yield from false_alarms(number, tails, studies)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--hosts",
        type=int,
        nargs="*",
        default=(),
        metavar="N",
        help=f"how many (default: {' and '.join(map(str, HOSTS))}; 10000 take some minutes)",
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        gathered(int(sys.argv[2]), Path(sys.argv[3]))
    else:
        alone(figures, __doc__, _arguments)
