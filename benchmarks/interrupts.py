"""Sends SIGINT and SIGTERM to vmprof at random moments, from start to end, and counts what comes.

    python benchmarks/interrupts.py --number 300 --keep

Ctrl-C of a terminal goes to all processes of a command, ``kill`` to the one. Whatever the moment,
a command ends with one line on stderr and the exit code of that signal, or as if nothing had
come; no process of its own is left, and a file that it writes is the old one or the new one,
whole. What Python does before the first line of vmprof's is counted apart: it is not vmprof's.
With ``--keep`` the figures go to docs/data/trust.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROGRAM = """\
import numpy as np
import tvm
from tvm import relax

x = relax.Var("x", relax.TensorType((64, 64), "float32"))
builder = relax.BlockBuilder()
with builder.function("main", [x]):
    builder.emit_func_output(builder.emit(relax.op.nn.relu(relax.op.add(x, x))))
vm = relax.VirtualMachine(tvm.compile(builder.get(), "llvm"), tvm.cpu())
data = tvm.runtime.tensor(np.ones((64, 64), "float32"))
for _ in range(1000):
    vm["main"](data)
"""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
OLD = '{"old": true}\n'


@dataclass(frozen=True)
class Command:
    """``vmprof ARGUMENTS``; ``output`` is the file among these that it writes, as JSON.

    ``done`` are the exit codes of one that was not interrupted.
    """

    name: str
    arguments: Sequence[str]
    output: str = ""
    done: Sequence[int] = (0,)


COMMANDS = (
    Command("run", ["run", "mlp", "--repeats", "3", "--json", "new.json", "--force"], "new.json"),
    Command(
        "run --processes",
        ["run", "mlp", "--processes", "2", "--repeats", "1", "--warmup", "0"],
    ),
    Command("record", ["record", "--save", "new.vmprof", "--force", "program.py"]),
    Command("validate", ["validate", "mlp", "--repeats", "2"], done=(0, 4)),
    Command("diff", ["diff", "a.json", "a.json", "--json", "new.json", "--force"], "new.json"),
    Command("show", ["show", "a.json", "--html", "new.html", "--force"]),
)


@dataclass(frozen=True)
class Outcome:
    """What came of one signal; ``bad`` says what was wrong, if anything."""

    word: str
    bad: str = ""


def outcomes(number: int, seed: int, folder: Path) -> Iterator[tuple[Command, int, float, Outcome]]:
    """So many, of the commands and signals in turn, and when each was sent, in seconds."""
    chance = random.Random(seed)  # noqa: S311 # moments, no secrets
    _prepare(folder)
    took = {command.name: _seconds(command, folder) for command in COMMANDS}
    for attempt in range(number):
        command = COMMANDS[attempt % len(COMMANDS)]
        which = SIGNALS[attempt // len(COMMANDS) % len(SIGNALS)]
        after = chance.uniform(0, took[command.name])
        yield command, which, after, _interrupted(command, which, after, folder)


def _prepare(folder: Path) -> None:
    (folder / "program.py").write_text(PROGRAM)
    _start(["run", "mlp", "--repeats", "2", "--json", "a.json"], folder).communicate()
    assert (folder / "a.json").exists()


def _start(arguments: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "vmprof", *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a group of its own, as a shell gives it
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def _seconds(command: Command, folder: Path) -> float:
    began = time.monotonic()
    _, errors = _start(command.arguments, folder).communicate()
    assert b"error" not in errors, errors.decode()
    return time.monotonic() - began


def _interrupted(command: Command, which: int, after: float, folder: Path) -> Outcome:
    if command.output:
        (folder / command.output).write_text(OLD)
    process = _start(command.arguments, folder)
    time.sleep(after)
    has_begun = _catches(process.pid, signal.SIGTERM)
    with suppress(ProcessLookupError):
        # As a terminal does it, or `kill`.
        (os.killpg if which == signal.SIGINT else os.kill)(process.pid, which)
    _, errors = process.communicate()
    text = errors.decode(errors="replace")
    bad = [*_faults(command, folder), *_left(process.pid)]
    if not has_begun and process.returncode != 0:
        return Outcome("before vmprof's first line", "; ".join(bad))
    by_script = command.name == "record" and (
        process.returncode == -which or 'program.py", line' in text
    )
    if not by_script and ("Traceback" in text or "Error" in text):
        return Outcome("traceback", "; ".join([text, *bad]))
    if process.returncode in command.done:
        return Outcome("done before", "; ".join(bad))
    told = [line for line in text.splitlines() if line.startswith("vmprof: ")]
    if not by_script and (process.returncode != 128 + which or len(told) != 1):
        bad.append(f"exit code {process.returncode}: {text!r}")
    return Outcome("ended as the program itself" if by_script else "one line", "; ".join(bad))


def _catches(pid: int, number: int) -> bool:
    """Whether the process has a handler for that signal."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def _faults(command: Command, folder: Path) -> Iterator[str]:
    if command.output:
        text = (folder / command.output).read_text()
        try:
            json.loads(text)
        except ValueError:
            yield f"{command.output} is neither old nor new"
    for left in folder.glob(".*"):
        yield f"{left.name} is left"
        left.unlink()


def _left(group: int) -> Iterator[str]:
    """Processes of the command's own."""
    for _ in range(50):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)  # those that end with their parent are just about to
    yield "a process is left"
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def main() -> int:
    # What a shell starts behind has interrupts ignored, and so has all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--number", type=int, default=300, metavar="N", help="signals to send")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the moments")
    parser.add_argument(
        "--keep", action="store_true", help="add the figures to docs/data/trust.json"
    )
    options = parser.parse_args()
    words: Counter[str] = Counter()
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        for command, which, after, outcome in outcomes(options.number, options.seed, Path(name)):
            words[outcome.word] += 1
            if outcome.bad:
                bad += 1
                sent = signal.Signals(which).name
                print(f"{command.name}, {sent} after {after:.3f} s: {outcome.bad}", flush=True)
    told = ", ".join(f"{word}: {count}" for word, count in words.most_common())
    print(f"{options.number} signals; {told}; wrong: {bad}")
    if options.keep:
        sys.path.append(str(ROOT / "docs/scripts"))
        import trust

        trust.keep(
            trust.Entry(
                part="Faults",
                what="SIGINT and SIGTERM at random moments of run, record, validate, diff, show",
                number=options.number,
                outcome=f"{told}; wrong: {bad}",
                command=f"python benchmarks/interrupts.py --number {options.number} --keep",
            )
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
