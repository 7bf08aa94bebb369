"""vmprof diff and vmprof audit, on saved reports and on models."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from vmprof import Report, profile
from vmprof.cli.main import main
from vmprof.compare.audit import audit_report
from vmprof.values import Count, Duration, Samples

DATA = Path(__file__).parents[1] / "data"
RELAY = str(DATA / "tvm-relay-vm-papi-reports.txt")
TVM = DATA / "tvm-0.23-mlp"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """A command's exit code, output, errors."""

    def command(*arguments: object) -> tuple[int, str, str]:
        code = main([*map(str, arguments)])
        return code, *capsys.readouterr()

    return command


@pytest.fixture(scope="module")
def own() -> Report:
    # So few that no noise of this moment fails a check: what is left is exact.
    return profile("mlp", repeats=3)


@pytest.fixture
def saved(own: Report, tmp_path: Path) -> Path:
    path = tmp_path / "own.json"
    path.write_text(own.json())
    return path


def slower(report: Report, factor: float) -> Report:
    calls = tuple(
        {
            **call,
            "Duration (us)": Duration(call["Duration (us)"].microseconds * factor),  # type: ignore[union-attr]
            "Duration (us) samples": "",
        }
        for call in report.calls
    )
    return Report(calls, {}, report.configuration)


def test_our_own_reports_pass_the_audit(own: Report) -> None:
    audit = audit_report(own)
    assert not audit.failed  # noisy or not
    if "perf::TASK-CLOCK" in audit.costs:
        assert audit.costs["perf::TASK-CLOCK"].declared is not None


def test_audit_of_the_log(run: Run, tmp_path: Path) -> None:
    code, output, errors = run("audit", RELAY, "--json", tmp_path / "a.json")
    assert (code, errors) == (3, "")
    assert (
        len(re.findall(r"^\S+: not believable, \d of 19 checks fail$", output, re.MULTILINE)) == 11
    )
    assert output.count("The cost of measuring is fitted as") == 1
    # Last a line for each.
    assert [line.split()[0] for line in output.strip().split("\n")[-2:]] == ["mlp", "unknown"]
    document = json.loads((tmp_path / "a.json").read_text())
    assert [audit["believable"] for audit in document] == [False] * 11


def test_audit_of_one(run: Run, tmp_path: Path) -> None:
    corrected = tmp_path / "c.json"
    code, output, _ = run("audit", RELAY, "--report", "mlp", "--corrected", corrected)
    assert code == 3
    assert output.startswith("mlp: not believable")
    assert "Report" not in output
    first = Report.from_json(corrected.read_text()).calls[0]
    assert first["perf::CYCLES"] == Count(318_132)
    assert run("audit", TVM / "report.json")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("audit", "none"), "none cannot be read: No such file"),
        (("audit", RELAY, "--report", "x"), "there is no report of 'x'; there are: resnet18, "),
        (("audit", RELAY, "--corrected", "/dev/null"), "--corrected needs one: --report NAME"),
        (("audit", __file__), "is no report: neither TVM's JSON, nor CSV"),
        (("diff", RELAY, TVM / "report.json"), "no model has a report on both sides; before: res"),
        (("diff", RELAY, RELAY, "--csv", "/dev/null"), "to write one, name it: --report NAME"),
        (("diff", "none.json", RELAY), "none.json does not exist"),
        (("diff", RELAY, RELAY, "--repeats", "3"), "all that is compared are saved reports, and"),
        (("diff", RELAY, RELAY, "--entry", "f"), "all that is compared are saved reports, and"),
        (("diff", "mlp", RELAY, "--entry", "f"), "mlp has no function 'f'; it has: main"),
        (("diff", "nonesuch", RELAY), "there is no model 'nonesuch'"),
        (
            ("diff", TVM / "report.json", TVM / "report.csv", "--fail-over", "1", "--column", "x"),
            "do not both have a column 'x' that adds up; both have: Duration (us)",
        ),
    ],
)
def test_mistakes(run: Run, arguments: tuple[object, ...], message: str) -> None:
    code, output, errors = run(*arguments)
    assert (code, output) == (1, "")
    assert errors.startswith("vmprof: error: ")
    assert message in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("percent", ["x", "-1", "nan", "inf%"])
def test_a_percentage_that_is_none(run: Run, percent: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        run("diff", RELAY, RELAY, f"--fail-over={percent}")
    assert stopped.value.code == 2


def test_diff_of_formats(run: Run) -> None:
    """The same report as table and as JSON: nothing but rounding."""
    code, output, _ = run("diff", TVM / "table.txt", TVM / "report.json", "--fail-over", "3%")
    assert code == 0
    assert "Nothing has over 3 % more Duration (us)." in output


def test_diff_pairs_by_model(run: Run, tmp_path: Path) -> None:
    code, output, _ = run("diff", RELAY, RELAY)
    assert code == 0
    assert len(re.findall(r"^\S+ \(.*\) -> \S+ \(.*\)$", output, re.MULTILINE)) == 11
    one = run("diff", RELAY, RELAY, "--report", "mlp", "--json", tmp_path / "d.json")
    assert one[0] == 0
    document = json.loads((tmp_path / "d.json").read_text())
    assert {op["matched_by"] for op in document["operators"]} == {"hash", "name"}
    assert all(
        change["percent"] == 0 for op in document["operators"] for change in op["changes"].values()
    )


def test_diff_fails_over(run: Run, own: Report, saved: Path, tmp_path: Path) -> None:
    """By size alone, no repeats being kept: nobody can tell it from chance."""
    later = tmp_path / "later.json"
    later.write_text(slower(own, 1.2).json())
    code, output, _ = run("diff", saved, later, "--fail-over", "10%")
    assert code == 4
    title = "Over 10 % more Duration (us), or not, which cannot be told"
    assert f"{title}:\n  Sum: +20.0 % ?\n" in output
    assert run("diff", saved, later)[0] == 0
    assert run("diff", later, saved, "--fail-over", "1%")[0] == 0
    code, output, _ = run("diff", saved, later, "--fail-over", "21%")
    assert code == 0
    assert "Nothing has over 21 % more Duration (us).\nCannot be told from chance: " in output
    code, _, errors = run("diff", saved, later, "--json", later)
    assert (code, errors) == (1, f"vmprof: error: {later} exists; --force overwrites it\n")


def test_diff_fails_for_what_is_more_than_chance(run: Run, tmp_path: Path) -> None:
    sides: list[list[Path]] = [[], []]
    for start in range(5):
        for side, base in zip(sides, (10.0, 20.0), strict=True):
            middle = base + start / 100
            times = tuple(middle + i / 10 for i in range(8))
            call = {
                "Name": "f",
                "Count": Count(1),
                "Duration (us)": Duration(middle),
                "Duration (us) samples": Samples(times),
            }
            side.append(tmp_path / f"{base}-{start}.json")
            side[-1].write_text(Report((call,), {}, {}).json())
    before, after = sides
    code, output, _ = run("diff", *before, "--", *after, "--fail-over", "10%")
    assert code == 3
    assert "Over 10 % more Duration (us):\n  Sum: +99.8 % *\n  f: +99.8 % *\n" in output
    # What differs between starts is not known of one of each.
    assert run("diff", before[0], after[0], "--fail-over", "10%")[0] == 4


def test_diff_profiles_a_model(run: Run, saved: Path, tmp_path: Path) -> None:
    code, output, _ = run(
        "diff", saved, "mlp", "--repeats", 2, "--csv", tmp_path / "d.csv", "--quiet"
    )
    assert code == 0
    assert output.startswith(f"mlp ({saved}) -> mlp (mlp, just now)\n")
    lines = (tmp_path / "d.csv").read_text().split("\n")
    assert lines[0].startswith("Name,Argument Shapes,Matched by,Count before,Count after,Dur")
