"""vmprof events and vmprof doctor as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.commands import run

import vmprof.cli.doctor
import vmprof.cli.events


def test_events_lists_what_can_be_counted_and_the_sets() -> None:
    result = run("events")
    assert (result.returncode, result.stderr) == (0, "")
    assert "task-clock" in result.stdout
    assert "Counter sets (vmprof run --counters NAME)" in result.stdout


def test_events_as_json(tmp_path: Path) -> None:
    folder = tmp_path / "vmprof/counters"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text('description = "My own."\nevents = "page-faults"\n')
    result = run("events", "--json", env={"XDG_CONFIG_HOME": str(tmp_path)})
    document = json.loads(result.stdout)
    assert {"hardware", "cache", "software", "pmu", "tracepoint", "processor"} >= {
        event["kind"] for event in document["events"]
    }
    assert all(event["usable"] == (event["reason"] is None) for event in document["events"])
    (mine,) = [entry for entry in document["sets"] if entry["name"] == "mine"]
    assert mine == {
        "name": "mine",
        "description": "My own.",
        "processors": "",
        "events": "page-faults",
        "reason": None,
    }


@pytest.mark.parametrize("command", ["events", "models", "cache"])
def test_standard_output_may_be_named(command: str, tmp_path: Path) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path)}
    named, unnamed = (run(command, "--json", *word, env=env) for word in (["-"], []))
    assert (named.returncode, named.stdout) == (0, unnamed.stdout)
    assert json.loads(named.stdout)


def test_names_are_those_that_are_listed() -> None:
    listed = json.loads(run("events", "--json").stdout)
    names = run("events", "--names").stdout.splitlines()
    assert names == [each["name"] for kind in ("sets", "events") for each in listed[kind]]
    some = run("events", "page-f", "--names").stdout.splitlines()
    assert "page-faults" in some
    assert all("page-f" in name.lower() for name in some)


def test_events_that_there_are_not() -> None:
    result = run("events", "xyzzy")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "vmprof: error: no event and no counter set has 'xyzzy' in it\n"
    empty = run("events", "xyzzy", "--json")
    assert empty.returncode == 0
    assert json.loads(empty.stdout)["events"] == []


def test_doctor_says_by_its_exit_code_whether_hardware_can_be_counted() -> None:
    result = run("doctor", "--json")
    document = json.loads(result.stdout)
    assert result.returncode == (0 if document["hardware"] else 1)
    by_topic = {finding["topic"]: finding for finding in document["findings"]}
    assert by_topic["hardware counters"]["level"] == ("ok" if document["hardware"] else "problem")
    assert {finding["level"] for finding in document["findings"]} <= {"ok", "warning", "problem"}


def test_doctor_prints_a_line_per_finding_and_its_remedy() -> None:
    document = json.loads(run("doctor", "--json", env={"TVM_NUM_THREADS": "1"}).stdout)
    text = run("doctor", env={"TVM_NUM_THREADS": "1"}).stdout
    lines = iter(text.splitlines())
    for finding in document["findings"]:
        assert next(lines) == f"{finding['level']:<8} {finding['topic']}: {finding['text']}"
        if finding["remedy"] is not None:
            assert next(lines) == f"           {finding['remedy']}"
    assert list(lines) == []
    assert "TVM_NUM_THREADS=1" in text


@pytest.mark.parametrize("command", ["events", "doctor"])
def test_help_is_the_modules_own_words(command: str) -> None:
    module = {"events": vmprof.cli.events, "doctor": vmprof.cli.doctor}[command]
    result = run(command, "--help")
    assert result.returncode == 0
    assert str(module.__doc__).strip() in result.stdout
