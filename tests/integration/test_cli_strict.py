"""--strict: the exit code says whether all events that were named have been counted."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from support.commands import run
from support.reports import network
from support.scripts import record

from vmprof.cli.strict import Strict

QUICK = ("run", "mlp", "--repeats", "1", "--warmup", "0")


def test_what_was_named_and_counted_is_well() -> None:
    result = run(*QUICK, "--counters", "page-faults", "--strict")
    assert (result.returncode, result.stderr) == (0, "")


def test_what_was_named_and_not_counted_is_said(tmp_path: Path) -> None:
    if json.loads(run("doctor", "--json").stdout)["hardware"]:
        pytest.skip("this machine counts the processor's events")
    counters = ("--counters", "page-faults,cycles", "--json", "r.json")
    result = run(*QUICK, *counters, "--strict", cwd=tmp_path)
    assert result.returncode == 3
    (line,) = result.stderr.splitlines()
    assert line.startswith("vmprof: --strict: perf::CYCLES could not be counted: ")
    # The report is written all the same.
    assert (tmp_path / "r.json").exists()
    assert run(*QUICK, *counters, "--force", cwd=tmp_path).returncode == 0


def test_nothing_is_named_by_default() -> None:
    result = run(*QUICK, "--strict")
    assert result.returncode == 1
    assert result.stderr == (
        "vmprof: error: --strict is about the events that are named; add --counters WHAT\n"
    )


@pytest.mark.parametrize(("ending", "code"), [("", 3), ("sys.exit()", 3), ("sys.exit(7)", 7)])
def test_a_program_that_fails_has_its_own_exit_code(tmp_path: Path, ending: str, code: int) -> None:
    (tmp_path / "script.py").write_text(f"import sys\n{ending}\n")
    words = ("--counters", "page-faults", "--strict", "script.py")
    result = record(*words, cwd=tmp_path)
    assert result.returncode == code
    assert result.stderr.splitlines()[-1] == (
        "vmprof: --strict: perf::PAGE-FAULTS could not be counted: nothing was recorded that "
        "could have been counted"
    )


def test_reasons_are_those_of_the_report() -> None:
    options = argparse.Namespace(strict=True, counters="cycles,cache-misses,page-faults")
    named = Strict(options)
    assert named.uncounted([network()], {"perf::PAGE-FAULTS": "it is refused"}) == {
        "perf::CACHE-MISSES": "this processor's PMU does not have the event",
        "perf::PAGE-FAULTS": "it is refused",
    }
    assert not Strict(argparse.Namespace(strict=False, counters="cycles"))
