"""Fuzzes the readers, guided by coverage (atheris, which is libFuzzer for Python).

    make fuzz                                        # a minute for each
    make fuzz FUZZ="--seconds 600 --only bytecode"

Each target has a process of its own, with bounded memory. What goes wrong (another exception than
those that are documented, a hang, memory) is made smaller and kept in ``.fuzz/TARGET/``, to be
mended and put into ``tests/fuzz/corpus/TARGET`` as ``found-...``: the tests try all that is there.
What a run of a minute or more for each tried is kept in docs/data/trust.json.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
WORK = ROOT / ".fuzz"
# Of one input: seconds, and MB of all that the process has. Both are far above what is right.
_SECONDS, _MB, _MB_AT_ONCE = 20, 2048, 512
_LONGEST = 1 << 16
_LONG = 60  # seconds: what came of so long a trial is worth to be kept
_INSTRUMENTED = ["vmprof", "elftools", "simpleeval"]
_RUNS = re.compile(r"^#(\d+)\s", re.MULTILINE)
_RAISED = re.compile(r"^([A-Za-z_][\w.]*(?:Error|Exception|Warning)\b.*)$", re.MULTILINE)
_COVERED = re.compile(r"\bcov: (\d+)")


@dataclass
class Outcome:
    """Of one target: inputs that were tried, and what went wrong."""

    name: str
    tried: int
    seconds: float
    covered: int
    found: list[str]


def fuzz(name: str, seconds: int) -> Outcome:
    """Fuzz one target for so long; whatever is found, it goes on."""
    folder = WORK / name
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    outcome = Outcome(name, 0, 0.0, 0, [])
    kinds: dict[str, Path] = {}
    while (left := seconds - outcome.seconds) >= 1:
        began = time.monotonic()
        command = [
            *(sys.executable, str(Path(__file__)), "--child", name),
            str(folder / "corpus"), str(TESTS / "fuzz/corpus" / name),
            f"-max_total_time={max(1, int(left))}", f"-timeout={_SECONDS}", f"-rss_limit_mb={_MB}",
            f"-malloc_limit_mb={_MB_AT_ONCE}", f"-max_len={_LONGEST}", "-print_final_stats=1",
            f"-artifact_prefix={folder}/",
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, check=False, env={**os.environ, "PYTHONHASHSEED": "0"}
        )
        log = done.stderr.decode(errors="replace") + done.stdout.decode(errors="replace")
        outcome.seconds += time.monotonic() - began
        outcome.tried += max(map(int, _RUNS.findall(log)), default=0)
        outcome.covered = max([outcome.covered, *map(int, _COVERED.findall(log))])
        written = re.search(r"Test unit written to (\S+)", log)
        if done.returncode == 0 or written is None:
            if done.returncode:
                outcome.found.append(f"ended with {done.returncode}: {log[-2000:]}")
                print(f"{name}: {outcome.found[-1]}", flush=True)
            break
        kind = _kind(log)
        if kind not in kinds:
            outcome.found.append(kind)
            kinds[kind] = _smaller(name, Path(written[1]), kind)
            print(f"{name}: {kind}\n    {kinds[kind]}", flush=True)
        Path(written[1]).unlink(missing_ok=True)
    return outcome


def _kind(log: str) -> str:
    """What went wrong, and where in vmprof: by it crashes are told apart."""
    problem = re.search(r"ERROR: libFuzzer: (.*)", log)
    raised = _RAISED.findall(log)
    places = re.findall(r'File ".*/(vmprof/[\w/]+\.py)", line (\d+)', log)
    where = f" at {places[-1][0]}:{places[-1][1]}" if places else ""
    what = raised[-1][:160] if raised else (problem[1] if problem else "unknown")
    return f"{re.sub(r'0x[0-9a-f]+', '0x', what)}{where}"


def _smaller(name: str, path: Path, kind: str) -> Path:
    """The input with whatever can be left out of it left out; its file."""
    data = path.read_bytes()
    target = WORK / name / f"found-{path.name.split('-')[-1][:12]}"
    target.write_bytes(data)
    place = kind.rpartition(" at ")[2]
    if "timeout" in kind or "memory" in kind or len(data) > 20_000:
        return target
    script = [sys.executable, str(Path(__file__)), "--minimise", name, str(target), place]
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(script, check=False, timeout=60, capture_output=True)
    return target


def minimise(data: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """``data`` without any part that it fails without too; halves first, bytes last."""
    size = len(data) // 2
    while size:
        at = 0
        while at < len(data):
            without = data[:at] + data[at + size :]
            if fails(without):
                data = without
            else:
                at += size
        size //= 2
    return data


def _minimise_file(name: str, path: Path, place: str) -> None:
    target = _targets()[name]

    def fails(data: bytes) -> bool:
        try:
            target.survives(data)
        except Exception as error:  # noqa: BLE001
            return place == "" or any(
                f"{frame.filename}:{frame.lineno}".endswith(place)
                for frame in traceback.extract_tb(error.__traceback__)
            )
        return False

    data = path.read_bytes()
    if fails(data):
        path.write_bytes(minimise(data, fails))


def _targets() -> dict[str, Any]:
    if str(TESTS) not in sys.path:
        sys.path.insert(0, str(TESTS))
    from fuzz.targets import TARGETS

    return TARGETS


def _child(name: str, arguments: list[str]) -> None:
    """What libFuzzer runs; it ends the process."""
    import random

    import atheris

    with atheris.instrument_imports(include=_INSTRUMENTED):
        target = _targets()[name]
        target.survives(target.corpus[0].read_bytes())  # what it imports when it is used
    from fuzz.mutations import random_damage

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        draw = random.Random(seed)
        own = random_damage(draw)

        def damage(part: bytes) -> bytes:
            if draw.random() < 0.5:
                return own(part)
            return bytes(atheris.Mutate(part, len(part) + 64))

        return target.mutate(bytes(data), draw, damage)[:longest]

    atheris.Setup(
        [sys.argv[0], *arguments], target.survives, custom_mutator=mutate, internal_libfuzzer=True
    )
    atheris.Fuzz()


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        _child(sys.argv[2], sys.argv[3:])
        return 0
    if sys.argv[1:2] == ["--minimise"]:
        _minimise_file(sys.argv[2], Path(sys.argv[3]), sys.argv[4])
        return 0
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--only", nargs="*", metavar="TARGET", help="which (default: all)")
    options = parser.parse_args()
    names = sorted(path.name for path in (TESTS / "fuzz/corpus").iterdir())
    failed = False
    for name in options.only or names:
        outcome = fuzz(name, options.seconds)
        print(
            f"{name}: {outcome.tried:,} inputs in {outcome.seconds:.0f} s, {outcome.covered:,} "
            f"branches, {len(outcome.found)} found",
            flush=True,
        )
        failed = failed or bool(outcome.found)
        if options.seconds >= _LONG:
            _keep(outcome)
    return 1 if failed else 0


def _keep(outcome: Outcome) -> None:
    """Put what came of it where docs/explanation/trust.md is made of."""
    sys.path.append(str(ROOT / "docs/scripts"))
    import trust

    found = "; ".join(outcome.found) or (
        f"each is read, or refused in one line: no other exception, none takes {_SECONDS} s or "
        f"{_MB >> 10} GiB"
    )
    trust.keep(
        trust.Entry(
            part="Bad input",
            what=_targets()[outcome.name].what,
            number=outcome.tried,
            outcome=f"in {outcome.seconds:.0f} s: {found}",
            command="make fuzz",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
