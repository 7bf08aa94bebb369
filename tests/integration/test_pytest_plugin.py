"""The plugin of pytest, in runs of pytest of its own."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tvm
from tvm import relax

import vmprof
from vmprof.compare.readers import read_report
from vmprof.report import Report
from vmprof.report.starts import joined
from vmprof.values import Duration, Row, Samples

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[2] / "docs/how-to/testing.md"
TEST = """\
import pytest

@pytest.mark.vmprof(fail_over="50%", counters="none", repeats=3, {marker})
def test_speed(vmprof):
    report = vmprof.profile("model.so")
    assert "matmul" in {{operator.name for operator in report.operators()}}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A matrix product."""
    x = relax.Var("x", relax.TensorType((8, 64), "float32"))
    weight = relax.const(np.ones((64, 64), "float32"))
    builder = relax.BlockBuilder()
    with builder.function("main", [x]):
        builder.emit_func_output(builder.emit(relax.op.matmul(x, weight)))
    path = tmp_path_factory.mktemp("library") / "model.so"
    tvm.compile(builder.get(), "llvm").export_library(str(path))
    return path


@pytest.fixture
def tests(pytester: pytest.Pytester, library: Path) -> pytest.Pytester:
    """A folder with the model, in which warnings are no errors."""
    pytester.path.joinpath("model.so").write_bytes(library.read_bytes())
    return pytester


def run(tests: pytest.Pytester, *words: str) -> pytest.RunResult:
    return tests.runpytest(
        "-q", "-rs", "-p", "no:xdist", "-p", "no:cacheprovider", "-W", "default", *words
    )


def made_up(path: Path, factor: float) -> None:
    """A baseline of five starts at ``path``, which took ``factor`` as long as one just now."""
    report = vmprof.profile("model.so", counters="none", repeats=3)

    def start(number: int) -> Report:
        def row_of(row: Row) -> Row:
            time = row["Duration (us)"]
            assert isinstance(time, Duration)
            # Starts differ, whatever disturbed the one that was measured.
            value = time.microseconds * factor * (1 + number / 200)
            samples = Samples((value,) * 3)
            return {**row, "Duration (us)": Duration(value), "Duration (us) samples": samples}

        totals = {name: row_of(row) for name, row in report.device_metrics.items()}
        told = {k: v for k, v in report.configuration.items() if not k.startswith("Unprofiled")}
        calls = tuple(map(row_of, report.calls))
        return replace(report, calls=calls, device_metrics=totals, configuration=told)

    path.parent.mkdir(exist_ok=True)
    joined([start(number) for number in range(5)]).save(path)


def test_a_baseline_is_written_and_what_is_no_slower_passes(tests: pytest.Pytester) -> None:
    tests.makepyfile(test_it=TEST.format(marker="processes=1"))
    missing = run(tests)
    missing.assert_outcomes(failed=1)
    missing.stdout.fnmatch_lines(["*is not there; write it: pytest --vmprof-write"])
    run(tests, "--vmprof-write").assert_outcomes(passed=1)
    (baseline,) = (tests.path / "vmprof-baselines").iterdir()
    assert baseline.name == "test_it.py-test_speed.json"
    assert "matmul" in {call["Name"] for call in read_report(baseline).report.calls}

    made_up(baseline, 1000.0)
    run(tests, "--vmprof-reports", "kept").assert_outcomes(passed=1)
    kept = sorted(path.name for path in (tests.path / "kept").iterdir())
    assert kept == ["test_it.py-test_speed.html", "test_it.py-test_speed.json"]


def test_what_is_slower_for_sure_fails(tests: pytest.Pytester) -> None:
    tests.makepyfile(test_it=TEST.format(marker=""))
    made_up(tests.path / "vmprof-baselines" / "test_it.py-test_speed.json", 1e-6)
    failed = run(tests)
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["Over 50 % more Duration (us):", "  Sum: +*", "  matmul: +*"])
    assert "Traceback" not in failed.stdout.str()


def test_a_single_start_tells_nothing_for_sure(tests: pytest.Pytester) -> None:
    """The test is skipped, or what is asked for instead."""
    tests.makepyfile(test_it=TEST.format(marker="processes=1, baseline='old.json'"))
    made_up(tests.path / "old.json", 1e-6)
    skipped = run(tests)
    skipped.assert_outcomes(skipped=1)
    skipped.stdout.fnmatch_lines(["*Starts are too few: 5 and 1; with 5 of each side*"])
    run(tests, "--vmprof-unsure", "warn").assert_outcomes(passed=1, warnings=1)
    tests.makeini("[pytest]\nvmprof_unsure = fail\n")
    run(tests).assert_outcomes(failed=1)


def test_a_baseline_of_another_processor_tells_nothing(tests: pytest.Pytester) -> None:
    tests.makepyfile(test_it=TEST.format(marker="processes=1, baseline='old.json'"))
    made_up(tests.path / "old.json", 1000.0)
    report = read_report(tests.path / "old.json").report
    replace(report, provenance={**report.provenance, "Processor": "Z80"}).save("old.json")
    skipped = run(tests)
    skipped.assert_outcomes(skipped=1)
    skipped.stdout.fnmatch_lines(["*the baseline is of another processor, Z80; this is *"])


def test_a_library_as_baseline_is_started_in_turn(tests: pytest.Pytester, library: Path) -> None:
    tests.path.joinpath("old.so").write_bytes(library.read_bytes())
    # Ten million percent, so that no noise can be over it.
    tests.makepyfile(
        test_it=TEST.format(marker="processes=1, baseline='old.so'").replace("50%", "1e7%")
    )
    run(tests, "--vmprof-reports", "kept").assert_outcomes(passed=1)
    page = (tests.path / "kept" / "test_it.py-test_speed.html").read_text()
    assert "old.so -&gt; now" in page


def test_without_a_limit_it_measures(tests: pytest.Pytester) -> None:
    tests.makepyfile(
        test_it="""
        import pytest

        @pytest.mark.vmprof(counters="none", repeats=2)
        def test_columns(vmprof):
            for _ in range(2):
                assert vmprof.profile("model.so").total.time_us > 0

        @pytest.fixture
        def own():
            return 1

        def test_nothing_of_it(own):
            assert own == 1
        """
    )
    run(tests).assert_outcomes(passed=2)
    assert not (tests.path / "vmprof-baselines").exists()


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("fail_over='x'", "fail_over='x' is no percentage, such as '5%'"),
        ("'5%'", "the marker vmprof takes keywords alone, such as fail_over='5%'"),
        ("baseline='x.json'", "has a baseline, and no fail_over"),
        ("fail_over=5, processes=0", "processes=0 is no number from 1 up"),
        ("fail_over=5, baseline='x.so'", "x.so is not there; name a library"),
        ("fail_over=5, baseline='x.json'", "is not there; write it: pytest --vmprof-write"),
    ],
)
def test_mistakes_of_a_marker(tests: pytest.Pytester, marker: str, message: str) -> None:
    tests.makepyfile(
        f"import pytest\n@pytest.mark.vmprof({marker})\n"
        "def test_it(vmprof):\n    vmprof.profile('model.so')\n"
    )
    told = run(tests).stdout.str()
    assert message in told


def test_a_limit_needs_the_fixture_and_a_measurement(tests: pytest.Pytester) -> None:
    marked = "import pytest\n@pytest.mark.vmprof(fail_over=5)\ndef test_it({}): pass\n"
    tests.makepyfile(test_it=marked.format(""))
    assert "takes no fixture vmprof, which measures" in run(tests).stderr.str()
    tests.makepyfile(test_it=marked.format("vmprof"))
    assert "measured nothing: call vmprof.profile" in run(tests).stdout.str()


def test_another_fixture_of_that_name_is_left_alone(tests: pytest.Pytester) -> None:
    tests.makepyfile(
        "import pytest\n@pytest.fixture\ndef vmprof(): return 1\n"
        "def test_it(vmprof): assert vmprof == 1\n"
    )
    run(tests).assert_outcomes(passed=1)


def test_what_pytest_loads_at_its_start_is_next_to_nothing() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import vmprof.testing.plugin; "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["vmprof", "vmprof.testing", "vmprof.testing.plugin"]


def test_the_examples_of_the_page(tests: pytest.Pytester) -> None:
    """The test of docs/how-to/testing.md, by its commands, with one start."""
    page = PAGE.read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (settings,) = re.findall(r"```ini\n(.*?)```", page, re.DOTALL)
    tests.makepyfile(test_it=example)
    tests.makeini(settings)
    commands = re.findall(r"^    pytest(.*?)(?: +#.*)?$", page, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        outcomes = run(tests, *shlex.split(command), "--vmprof-processes", "1").parseoutcomes()
        # What a single start cannot tell is a warning, and no failure.
        assert outcomes["passed"] == 1
    assert (tests.path / "reports" / "test_it.py-test_decode_is_no_slower.html").exists()
