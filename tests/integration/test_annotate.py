"""``vmprof annotate``: samples of real runs, by line of TensorIR."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from math import sqrt
from pathlib import Path

import pytest
from support.commands import run
from support.loops import two_loops

import vmprof
from vmprof import VmprofError
from vmprof.inside.annotation import Annotation
from vmprof.inside.code import MachineCode
from vmprof.report import Report
from vmprof.report.annotated import annotated

SIGMAS = 5
# The line that does the work of each loop of `two_loops`, and its part of it.
WORK = {"y_1[0] = ": 1, "y_1[1] = ": 3}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("annotate") / "loops.so"
    vmprof.compile(two_loops()).export_library(path)
    return path


@pytest.fixture(scope="module")
def report(library: Path) -> Report:
    try:
        return vmprof.profile(library, sample="cpu-clock", repeats=40)
    except VmprofError as error:  # where perf_event is not permitted
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def saved(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if report.samples is None:
        pytest.skip(report.missing["Samples"])
    path = tmp_path_factory.mktemp("saved") / "report.json"
    report.save(path)
    return path


def of_loops(report: Report) -> Annotation:
    if report.samples is None:
        pytest.skip(report.missing["Samples"])
    found = [each for each in annotated(report).operators if each.name == "loops"]
    return found[0].annotation


def in_loops(annotation: Annotation) -> dict[str, int]:
    """Samples of the loop around each line of `WORK`."""
    loops = [line for line in annotation.lines if line.inside is not None]
    assert len(loops) == len(WORK)
    return dict(zip(WORK, (line.inside or 0 for line in loops), strict=True))


def test_samples_are_in_the_proportion_of_what_loops_cost(report: Report) -> None:
    annotation = of_loops(report)
    first, second = in_loops(annotation).values()
    total = first + second
    assert total > 400
    # Each sample falls into the second loop with a chance of 3 in 4, by itself.
    assert abs(second - 0.75 * total) < SIGMAS * sqrt(total * 0.75 * 0.25)
    assert total > 0.8 * annotation.samples


def test_the_lines_that_work_have_most_of_the_samples(report: Report) -> None:
    hottest = sorted(of_loops(report).lines, key=lambda line: -line.samples)[:2]
    assert [line.text.strip()[: len("y_1[0] = ")] for line in hottest] == ["y_1[1] = ", "y_1[0] = "]


def test_a_chain_of_single_numbers_is_not_vectorised(report: Report) -> None:
    assert of_loops(report).widths.mean == pytest.approx(32, abs=2)


def test_a_saved_report_is_annotated_without_its_library(
    saved: Path, library: Path, tmp_path: Path
) -> None:
    aside = library.rename(tmp_path / "aside.so")
    try:
        shown = run("annotate", str(saved), "--op", "loops")
    finally:
        aside.rename(library)
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"^ *\d\d\.\d % .* y_1\[1\] = ", shown.stdout, re.MULTILINE)
    assert "Vector width: 3" in shown.stdout
    assert "Code that is not shown" not in shown.stdout


def test_all_operators_and_all_forms(saved: Path, tmp_path: Path) -> None:
    files = {form: tmp_path / f"inside.{form}" for form in ("json", "html")}
    options = [f"--{form}={path}" for form, path in files.items()]
    shown = run("annotate", str(saved), *options)
    assert shown.returncode == 0, shown.stderr
    document = json.loads(files["json"].read_text())
    names = [operator["name"] for operator in document["operators"]]
    assert names[0] == "loops"
    for name in names:
        assert name in shown.stdout
        assert name in files["html"].read_text()
    assert sum(operator["share"] for operator in document["operators"]) <= 1
    by_instruction = run("annotate", str(saved), "--op", "loops", "--by", "instruction")
    by_function = run("annotate", str(saved), "--op", "loops", "--by", "function")
    assert "| " in by_instruction.stdout
    assert "loops_compute_" in by_function.stdout
    assert "| " not in by_function.stdout


def test_what_cannot_be_annotated_is_one_line(saved: Path, tmp_path: Path) -> None:
    wrong = run("annotate", str(saved), "--op", "lops")
    assert wrong.returncode == 1
    assert wrong.stderr == ("vmprof: error: no operator 'lops' has samples; did you mean: loops?\n")
    unsampled = tmp_path / "unsampled.json"
    loaded = Report.from_json(saved.read_text())
    unsampled.write_text(Report(loaded.calls, loaded.device_metrics, {}).json())
    without = run("annotate", str(unsampled))
    assert without.returncode == 1
    assert without.stderr == (
        "vmprof: error: the report has no samples: it was measured without --sample\n"
    )
    unopened = run("annotate", str(saved), "--open")
    assert unopened.stderr == "vmprof: error: --open needs a page to show: --html FILE\n"


PROGRAM = """
import sys, numpy, tvm
from tvm.relax import VirtualMachine
vm = VirtualMachine(tvm.runtime.load_module(sys.argv[1]), tvm.cpu())
x = tvm.runtime.tensor(numpy.ones(2, "float32"))
for _ in range(int(sys.argv[2])):
    vm["main"](x)
"""


def test_what_a_session_recorded_is_annotated_too(library: Path, tmp_path: Path) -> None:
    program, recording = tmp_path / "program.py", tmp_path / "run.vmprof"
    program.write_text(PROGRAM)
    command = ["-m", "vmprof", "record", "--sample-event", "cpu-clock", "--save", str(recording)]
    given = ["--", str(program), str(library), "300"]
    subprocess.run([sys.executable, *command, *given], check=True, capture_output=True)
    shown = run("annotate", str(recording), "--report", "main", "--op", "loops")
    if "has no samples" in shown.stderr:
        pytest.skip(shown.stderr)
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"^ *\d\d\.\d % .* y_1\[1\] = ", shown.stdout, re.MULTILINE)
    other = run("annotate", str(recording), "--report", "decode")
    assert other.stderr == (f"vmprof: error: {recording} has no report of 'decode'; it has: main\n")


def test_a_module_in_memory_has_lines_too() -> None:
    report = vmprof.profile(two_loops(), sample="cpu-clock", repeats=4)
    assert sum(in_loops(of_loops(report)).values()) > 0


# ---- perf annotate, of the same run --------------------------------------------------------------


def perf_permits(folder: Path) -> bool:
    if shutil.which("perf") is None or shutil.which("objdump") is None:
        return False
    command = ["perf", "record", "-q", "-e", "cpu-clock", "-o", str(folder / "try"), "--", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_the_hottest_line_is_that_of_perf_annotate(tmp_path: Path) -> None:
    """Of the three kernels of resnet18 with most samples, in one run that both sample."""
    if not perf_permits(tmp_path):
        pytest.skip("perf and objdump are not installed, or perf is not permitted")
    ours, theirs = tmp_path / "ours.json", tmp_path / "perf.data"
    command = [
        *("perf", "record", "-q", "-F", "4000", "-e", "cpu-clock", "-o", str(theirs), "--"),
        *(sys.executable, "-m", "vmprof", "run", "resnet18", "--sample-event", "cpu-clock"),
        *("--repeats", "20", "--quiet", "--json", str(ours)),
    ]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ})
    report = Report.from_json(ours.read_text())
    (code,) = [each for each in report.code if each.text]
    for operator in annotated(report).operators[:3]:
        of_lines = Counter({line.number: line.samples for line in operator.annotation.lines})
        listing = operator.annotation.listings[0]
        of_perf = perf_lines(theirs, code, listing.name)
        hottest = of_perf.most_common(1)[0][0]
        best, most = of_lines.most_common(1)[0]
        # Lines that are as hot as one another by chance may change places: the difference of
        # two counts of one total has no more than the deviation of their sum.
        close = SIGMAS * sqrt(most + of_lines[hottest])
        assert hottest == best or most - of_lines[hottest] < close, operator.name
        # And it is not that all lines are alike.
        assert of_lines[hottest] > operator.samples / len(of_lines)


def perf_lines(data: Path, code: MachineCode, name: str) -> Counter[int]:
    """Hundredths of a percent by line, of the instructions that perf annotate has them for."""
    command = ["perf", "annotate", "--stdio", "--no-source", "-i", str(data), "-s", name]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (function,) = [each for each in code.functions if each.name == name]
    counts: Counter[int] = Counter()
    for share, address in re.findall(r"^\s+(\d+\.\d+)\s+:\s+([0-9a-f]+):", shown, re.MULTILINE):
        at = int(address, 16)
        line = max((pair for pair in function.lines if pair[0] <= at), default=(0, 0))[1]
        counts[line] += round(100 * float(share))
    counts.pop(0, None)
    assert counts, shown[:2000]
    return counts
