"""The samples of a whole recording as stacks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import samples
from support.reports import HOSTILE
from support.sampled_code import CODE

from vmprof import VmprofError
from vmprof.cli.main import main
from vmprof.recording import saved
from vmprof.recording.groups import groups_of
from vmprof.recording.stacks import stacks_of_recording
from vmprof.recording.tables import Function, Recording, Sampling
from vmprof.report.render.stacks import collapsed
from vmprof.sampling.model import Function as SampledFunction
from vmprof.sampling.model import Library


def two_functions() -> Recording:
    """The last of the three sampled invocations is of another function, by another thread."""
    made = samples.recording()
    invocations, totals = made.invocations.copy(), np.repeat(made.totals, 2)
    invocations["function"][6:] = 1
    invocations["thread"][6:] = 3
    totals["function"][len(made.totals) :] = 1
    found = made.samples.copy()
    found["thread"][found["invocation"] == 7] = 3
    return replace(
        made,
        functions=(Function("main", 0), Function("decode", 0)),
        invocations=invocations,
        totals=totals,
        samples=found,
    )


def test_frames_are_invocation_functions_operator_function() -> None:
    made = two_functions()
    stacks, how = stacks_of_recording(made, groups_of(made))
    told = {
        (";".join(frame.name for frame in stack.frames), stack.thread.name): (
            stack.samples,
            stack.weight,
        )
        for stack in stacks
    }
    # Since b was called in a, a is a function, and what it does by itself is in no operator.
    assert told == {
        ("all functions;main;(in no call);[in memory]", "thread 1"): (1, 10),
        ("all functions;main;a;(in no call);a_compute_", "thread 1"): (1, 10),
        ("all functions;main;a;(in no call);a_compute_", "worker 1"): (1, 10),
        ("all functions;decode;a;(in no call);a_compute_", "thread 3"): (1, 10),
        ("all functions;decode;a;b;b_compute_", "thread 3"): (1, 20),
    }
    kinds = {frame.kind for stack in stacks for frame in stack.frames}
    assert kinds == {"run", "invocation", "function", "operator", "code"}
    assert [stack.weight for stack in stacks] == sorted((s.weight for s in stacks), reverse=True)
    assert (how.event, how.runs, how.lost, how.hits) == ("cpu-clock", 3, 1, ())


def test_all_samples_of_what_returned_are_in_it() -> None:
    made = two_functions()
    stacks, _ = stacks_of_recording(made, groups_of(made))
    assert sum(stack.samples for stack in stacks) == len(made.samples)
    assert sum(stack.weight for stack in stacks) == made.samples["period"].sum()
    invocations = made.invocations.copy()
    invocations["failed"][7] = 1
    stacks, how = stacks_of_recording(made, groups_of(replace(made, invocations=invocations)))
    assert (sum(stack.samples for stack in stacks), how.runs) == (3, 2)


def test_lines_of_code_that_was_kept_are_innermost() -> None:
    made = samples.recording()
    function = SampledFunction(0, "kernel_compute_", 0x1000, 15)
    assert made.sampling is not None
    found = made.samples.copy()
    found["function"], found["address"] = 0, 0x1002
    made = replace(
        made,
        samples=found,
        sampling=Sampling("cpu-clock", "ns", 5000, (Library(CODE.path),), (function,)),
        code=(CODE,),
    )
    stacks, _ = stacks_of_recording(made, groups_of(made))
    assert Counter(stack.frames[-1].name for stack in stacks) == {"y[i] = y[i] + x[k]": len(stacks)}


def test_names_of_others_stay_apart() -> None:
    """Two threads, callees of foreign names: one line each, whatever is in them."""
    made = replace(samples.recording(), callees=HOSTILE[:2])
    stacks, _ = stacks_of_recording(made, groups_of(made))
    assert len(collapsed.render(stacks).splitlines()) == 3


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.vmprof"
    path.write_bytes(saved.dumps(two_functions()))
    assert main(["flame", str(path)]) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == [
        "all functions;decode;a;(in no call);a_compute_ 1",
        "all functions;decode;a;b;b_compute_ 1",
        "all functions;main;(in no call);[in memory] 1",
        "all functions;main;a;(in no call);a_compute_ 2",
    ]
    assert main(["flame", str(path), "--report", "decode"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    files = {form: tmp_path / form for form in ("html", "speedscope", "pprof", "firefox")}
    arguments = [each for form, file in files.items() for each in (f"--{form}", str(file))]
    assert main(["flame", str(path), *arguments]) == 0
    assert all(file.stat().st_size for file in files.values())
    assert main(["flame", str(path), "--report", "encode"]) == 1
    assert "there is no report of 'encode'; there are: " in capsys.readouterr().err


def test_what_was_not_sampled_says_how_to() -> None:
    made = replace(samples.recording(), samples=samples.recording().samples[:0])
    with pytest.raises(VmprofError, match="no samples; take some: vmprof record --sample --save"):
        stacks_of_recording(made, groups_of(made))
