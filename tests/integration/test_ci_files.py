"""What GitHub and GitLab read here: of the right form, and its scripts, run as they run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from support.reports import network

from vmprof.report import Report
from vmprof.values import Duration, Samples

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
ACTION = ROOT / ".github/actions/vmprof-diff/action.yml"
TEMPLATE = ROOT / ".gitlab/vmprof-diff.yml"
PAGE = ROOT / "docs/how-to/testing.md"
GITLAB = ("gitlab-ci", "--data-transform", "gitlab-ci")


def yaml(text: str) -> Any:
    return YAML(typ="safe").load(text)


def page_examples() -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        (("github-workflows",), sorted(ROOT.glob(".github/workflows/*.yml"))),
        (("github-actions",), [ACTION]),
        (("github-issue-forms",), sorted(ROOT.glob(".github/ISSUE_TEMPLATE/*.yml"))),
        (GITLAB, [ROOT / ".gitlab-ci.yml", TEMPLATE]),
    ],
)
def test_forms(schema: Sequence[str], files: list[Path]) -> None:
    assert files
    check(schema, *files)


def test_forms_on_the_page(tmp_path: Path) -> None:
    for text, schema in zip(page_examples(), (("github-workflows",), GITLAB), strict=True):
        file = tmp_path / f"{schema[0]}.yml"
        file.write_text(text)
        check(schema, file)


def check(schema: Sequence[str], *files: Path) -> None:
    name, *more = schema
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{name}"]
    done = subprocess.run(
        [*command, *more, *map(str, files)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def slower(report: Report, times: float) -> Report:
    """Each row and Total, and its repeats."""

    def of(row: Mapping[str, Any]) -> dict[str, Any]:
        changed = dict(row)
        for column, value in row.items():
            if isinstance(value, Duration):
                changed[column] = Duration(value.microseconds * times)
            elif column == "Duration (us) samples":
                changed[column] = Samples(tuple(each * times for each in value.values))
        return changed

    return replace(
        report,
        calls=tuple(map(of, report.calls)),
        device_metrics={name: of(row) for name, row in report.device_metrics.items()},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of five starts, and of five that took half as long again, each a little different."""
    made = tmp_path_factory.mktemp("reports")
    for number in range(5):
        start = 1 + number / 1000
        (made / f"old{number}.json").write_text(slower(network(), start).json())
        (made / f"new{number}.json").write_text(slower(network(), 1.5 * start).json())
    return made


def bash(script: str, folder: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        env={"PATH": path, **env},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def act(folder: Path, **inputs: str) -> tuple[int, str, dict[str, str]]:
    """Exit code, the job's log, and the files of GitHub's environment after the action."""
    action = yaml(ACTION.read_text())
    given = {name: one.get("default") for name, one in action["inputs"].items()} | inputs
    files = {name: folder / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for file in files.values():
        file.write_text("")
    said, code = "", 0
    for step in action["runs"]["steps"]:
        if "if" in step:
            name, empty = re.fullmatch(r"inputs\.([\w-]+) != '(.*)'", step["if"]).groups()  # type: ignore[union-attr]
            if given[name] == empty:
                continue
        env = {
            key: given[re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", value)[1]]  # type: ignore[index]
            for key, value in step["env"].items()
        }
        github = {name: str(file) for name, file in files.items()}
        github["GITHUB_ACTION_PATH"] = str(ACTION.parent)
        done = bash(step["run"], folder, env | github)
        said, code = said + done.stdout + done.stderr, done.returncode
        if code:
            break
    return code, said, {name: file.read_text() for name, file in files.items()}


SAVED = {"install": "", "processes": ""}


@pytest.mark.parametrize(
    ("before", "after", "unsure", "code", "verdict", "told"),
    [
        ("old?.json", "new?.json", "warn", 3, "slower", "::error::vmprof: something is slower by"),
        ("old0.json", "new0.json", "warn", 0, "unsure", "::warning::vmprof cannot tell"),
        ("old0.json", "new0.json", "fail", 4, "unsure", "::warning::vmprof cannot tell"),
        ("new?.json", "old?.json", "fail", 0, "ok", ""),
    ],
)
def test_verdicts(
    folder: Path, before: str, after: str, unsure: str, code: int, verdict: str, told: str
) -> None:
    got, said, files = act(
        folder, before=before, after=after, unsure=unsure, html="changes.html", **SAVED
    )
    assert (got, files["GITHUB_OUTPUT"]) == (code, f"verdict={verdict}\n"), said
    assert told in said
    assert ("\n::" in said) == bool(told)
    assert "| fused_conv2d_add_relu " in files["GITHUB_STEP_SUMMARY"]
    assert (folder / "changes.html").exists()


def test_what_goes_wrong_is_no_verdict(folder: Path) -> None:
    code, said, files = act(folder, before="none.json", after="$(touch owned)", **SAVED)
    assert (code, files["GITHUB_OUTPUT"]) == (1, "")
    assert "none.json" in said
    assert not (folder / "owned").exists()


def test_inputs_are_options(folder: Path) -> None:
    more = {"column": "perf::CYCLES", "min-share": "5%", "counters": ""}
    code, said, files = act(folder, before="old?.json", after="new?.json", **SAVED, **more)
    assert (code, files["GITHUB_OUTPUT"]) == (0, "verdict=ok\n")
    assert "Nothing has over 5 % more perf::CYCLES." in said


def test_inputs_variables_and_files_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = "".join(re.findall(r"^\| (`.*?) \|", page.split("### GitHub")[1], re.MULTILINE))
    action, job = yaml(ACTION.read_text()), yaml(TEMPLATE.read_text())[".vmprof-diff"]
    names = {*action["inputs"], *job["variables"]}
    assert set(re.findall("`([^`]+)`", rows)) == names
    for file in (ACTION.parent, TEMPLATE):
        assert f"`{file.relative_to(ROOT)}`" in page
    github, gitlab = map(yaml, page_examples())
    (used,) = (
        step["with"]
        for step in github["jobs"]["operators"]["steps"]
        if "vmprof-diff" in step.get("uses", "")
    )
    assert set(used) <= set(action["inputs"])
    assert set(gitlab["operators"]["variables"]) <= set(job["variables"])


@pytest.mark.parametrize(("after", "code"), [("new0.json", 4), ("old0.json", 0)])
def test_the_job_for_gitlab(folder: Path, after: str, code: int) -> None:
    job = yaml(TEMPLATE.read_text())[".vmprof-diff"]
    given = {"VMPROF_BEFORE": "old0.json", "VMPROF_AFTER": after, "VMPROF_DIFF": ""}
    given |= {"VMPROF_INSTALL": ""}
    done = bash("\n".join(job["script"]), folder, job["variables"] | given)
    assert done.returncode == code, done.stdout + done.stderr
    assert (code in job["allow_failure"]["exit_codes"]) == (code == 4)
    assert (folder / job["artifacts"]["paths"][0]).exists()
