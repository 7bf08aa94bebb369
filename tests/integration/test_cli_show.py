"""``vmprof show``, and what all commands have in common: terminals, files, completion, --debug."""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest
from support.commands import run
from support.reports import network
from support.traces import read_trace

from vmprof import Report
from vmprof.cli.parser import make_parser
from vmprof.compare.readers import read_reports
from vmprof.report.render import openmetrics, parquet

REFERENCE = Path(__file__).parents[1] / "data" / "tvm-relay-papi-mlp.txt"


def on_terminal(*arguments: str, cwd: Path, columns: int, **environment: str) -> str:
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    outer = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    with os.fdopen(terminal, "wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "vmprof", *arguments],
            stdout=stream,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**outer, "TERM": "xterm", **environment},
        )
    shown = b""
    with os.fdopen(controller, "rb", buffering=0) as reader, suppress(OSError):
        while chunk := reader.read(10_000):  # at the end: EIO
            shown += chunk
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return shown.decode().replace("\r\n", "\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "report.json").write_text(network().json())
    return tmp_path


def test_piped_it_is_tvms_table(folder: Path) -> None:
    result = run("show", "report.json", cwd=folder)
    assert result.returncode == 0
    assert result.stdout == network().heading() + network().table()


def test_on_a_terminal_it_is_as_wide_as_that(folder: Path) -> None:
    from vmprof.report.render import terminal
    from vmprof.report.render.view import View

    for columns in (72, 120):
        shown = on_terminal("show", "report.json", cwd=folder, columns=columns, NO_COLOR="1")
        assert shown == terminal.render(network(), View(), width=columns, colour=False)
    assert "\x1b[" in on_terminal("show", "report.json", cwd=folder, columns=80)
    plain = on_terminal("show", "report.json", "--plain", cwd=folder, columns=80)
    assert plain == network().heading() + network().table()


def test_colours_are_forced_and_forbidden(folder: Path) -> None:
    from vmprof.report.render import terminal
    from vmprof.report.render.view import View

    def piped(*words: str, **environment: str) -> str:
        variables = {"FORCE_COLOR": "1", "NO_COLOR": "", "COLUMNS": "100", **environment}
        return run("show", "report.json", *words, cwd=folder, env=variables).stdout

    plain = network().heading() + network().table()
    assert piped() == terminal.render(network(), View(), width=100, colour=True)
    assert piped("--plain") == plain
    assert piped(NO_COLOR="1") == plain
    assert piped(FORCE_COLOR="") == plain
    dumb = on_terminal("show", "report.json", cwd=folder, columns=100, TERM="dumb", FORCE_COLOR="1")
    assert dumb == piped()


def test_every_form_of_a_file(folder: Path) -> None:
    forms = ("json", "csv", "html", "trace", "kineto", "openmetrics", "parquet", "calls")
    names = {form: f"r.{form}" for form in forms}
    options = [part for form, name in names.items() for part in (f"--{form}", name)]
    result = run("show", "report.json", "--top", "1", *options, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "(4 more)" in result.stdout
    report = network()
    # What the table leaves out is in the files.
    for form, name in names.items():
        made = report.parquet(aggregate=False) if form == "calls" else getattr(report, form)()
        data = made if isinstance(made, bytes) else made.encode()
        assert (folder / name).read_bytes() == data
    again = run("show", "report.json", *options, cwd=folder)
    assert again.returncode == 1
    assert again.stderr == "vmprof: error: r.json exists; --force overwrites it\n"


def test_several_reports_are_one_file_where_the_form_can_say_so(folder: Path) -> None:
    both = ("report.json", "r.parquet")
    assert run("show", both[0], "--parquet", both[1], cwd=folder).returncode == 0
    files = ("--openmetrics", "both.prom", "--parquet", "both.parquet")
    result = run("show", *both, *files, cwd=folder)
    assert result.returncode == 0, result.stderr
    titles = [f"network ({file})" for file in both]
    reports = dict.fromkeys(titles, network())
    assert (folder / "both.prom").read_text() == openmetrics.render_several(reports)
    assert (folder / "both.parquet").read_bytes() == parquet.render_several(reports)
    for form in ("csv", "trace", "kineto"):
        refused = run("show", *both, f"--{form}", "x", cwd=folder)
        assert refused.stderr == f"vmprof: error: --{form} is of one report; name it: --report\n"


def test_standard_input_is_a_file(folder: Path) -> None:
    def piped(*arguments: str, text: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "vmprof", *arguments]
        return subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            cwd=folder,
            timeout=120,
            check=False,
        )

    report = network()
    for text in (report.json(), report.csv()):
        shown = piped("show", "-", text=text)
        assert (shown.returncode, shown.stdout) == (0, report.heading() + report.table())
    assert (
        "network (standard input)" in piped("diff", "-", "report.json", text=report.json()).stdout
    )
    audited = piped("audit", "-", text=report.table())
    assert audited.stdout.startswith("network: "), audited.stderr
    none = piped("show", "-", text="")
    assert none.stderr.startswith("vmprof: error: standard input is no report")
    both = piped("diff", "-", "-", text=report.json())
    assert both.stderr == (
        "vmprof: error: standard input holds one report of a diff; the others have to be files\n"
    )


def test_a_page_is_read_as_its_report(folder: Path) -> None:
    report = network()
    (folder / "page.html").write_text(report.html())
    shown = run("show", "page.html", cwd=folder)
    assert (shown.returncode, shown.stdout) == (0, report.heading() + report.table())
    compared = run("diff", "page.html", "report.json", cwd=folder)
    assert compared.returncode == 0
    assert compared.stdout.startswith("network (page.html)")
    assert run("audit", "page.html", cwd=folder).stdout.startswith("network: ")


def test_several_files_make_one_page(folder: Path) -> None:
    other = network(3)
    (folder / "other.json").write_text(other.json())
    files = ("report.json", "other.json")
    result = run("show", *files, "--html", "both.html", "--json", "both.json", cwd=folder)
    assert result.returncode == 0, result.stderr
    reports = [network(), other]
    assert result.stdout == "\n".join(each.heading() + each.table() for each in reports)
    for name in ("both.html", "both.json"):
        assert [saved.report for saved in read_reports(folder / name)] == reports
    assert (
        '<option value="report-1">network (other.json)</option>'
        in (folder / "both.html").read_text()
    )
    for options, message in (
        (("--csv", "r.csv"), "--csv is of one report; name it: --report"),
        (("-", "-"), "standard input can be read once: name - once"),
    ):
        wrong = run("show", *files, *options, cwd=folder)
        assert (wrong.returncode, wrong.stderr) == (1, f"vmprof: error: {message}\n")


def test_process_substitution(folder: Path) -> None:
    command = f"{sys.executable} -m vmprof diff <(cat report.json) <(cat report.json)"
    result = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("network (/dev/fd/")


def test_old_reports_of_tvm(folder: Path) -> None:
    result = run("show", str(REFERENCE), "--html", "old.html", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Evaluate vm inference cost of")
    assert "does not have" in (folder / "old.html").read_text()
    trace = run("show", str(REFERENCE), "--trace", "old.trace", cwd=folder)
    assert trace.returncode == 1
    assert "the report does not say when its calls were" in trace.stderr
    assert not (folder / "old.trace").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("none.json",), "none.json cannot be read: No such file or directory"),
        (("text",), "text is no report"),
        (("report.json", "--sort", "cycels"), "no column 'cycels'; did you mean 'perf::CYCLES'?"),
        (("report.json", "--open"), "--open needs a page to show: --html FILE"),
        (("report.json", "--report", "resnet"), "there is no report of 'resnet'"),
    ],
)
def test_mistakes(folder: Path, options: tuple[str, ...], message: str) -> None:
    (folder / "text").write_text("hello")
    result = run("show", *options, cwd=folder)
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("vmprof: error: ")
    assert message in line
    assert "Traceback" in run("show", *options, "--debug", cwd=folder).stderr
    assert "Traceback" in run("--debug", "show", *options, cwd=folder).stderr


def test_wrong_usage(folder: Path) -> None:
    for options in (("--top", "0"), ("--top", "some")):
        result = run("show", "report.json", *options, cwd=folder)
        assert result.returncode == 2
        assert "is no number from 1 up" in result.stderr


def test_run_says_when_calls_were(tmp_path: Path) -> None:
    files = ("--json", "r.json", "--trace", "r.trace", "--html", "r.html")
    result = run("run", "mlp", "--repeats", "3", "--top", "2", *files, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    report = Report.from_json((tmp_path / "r.json").read_text())
    run_of, function, *calls = read_trace((tmp_path / "r.trace").read_text()).slices
    # One call after the other: in this model none lies inside another.
    assert [one.path for one in calls] == [
        [run_of.name, function.name, call["Name"]] for call in report.calls
    ]
    assert (run_of.name, function.name) == ("run of mlp", "main")
    assert 'id="lanes"' in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh", "powershell"])
def test_completion_scripts_know_commands_and_options(shell: str) -> None:
    script = run("completion", shell)
    assert script.returncode == 0, script.stderr
    for word in ("show-code", "counters", "columns", "completion"):
        assert word in script.stdout
    asks = shell in ("bash", "zsh", "fish")
    assert ("vmprof models --names" in script.stdout) == asks


def test_completion_in_bash(tmp_path: Path) -> None:
    """Commands, models and files, counter sets and events, the last one of a list too."""
    script = run("completion", "bash").stdout
    (tmp_path / "mlp.so").touch()
    (tmp_path / "mine.toml").touch()
    lines = {
        "sh": ["show", "show-code"],
        "run ml": ["mlp", "mlp.so"],
        "diff a.json resnet1": ["resnet18"],
        "run mlp --by ": ["layer", "layer:1", "layer:2", "operator", "path"],
        "run mlp --counters ip": ["ipc"],
        "run mlp --counters mi": ["mine.toml", "minor-faults"],
        "run mlp --counters page-faults,task": ["page-faults,task-clock"],
        "record --counters no": ["none"],
        "events cgroup": ["cgroup-switches"],
    }
    ask = f"""{script}
complete=$(complete -p vmprof | sed 's/.*-F \\([^ ]*\\).*/\\1/')
while IFS= read -r line; do
  IFS=' ' read -ra COMP_WORDS <<< "vmprof $line"
  [[ $line == *' ' ]] && COMP_WORDS+=("")
  COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
  COMPREPLY=()
  $complete vmprof "${{COMP_WORDS[-1]}}" "${{COMP_WORDS[-2]}}" 2>/dev/null
  echo "${{COMPREPLY[@]}}"
done"""
    done = subprocess.run(
        ["bash", "-c", ask],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    found = [sorted(line.split()) for line in done.stdout.splitlines()]
    assert dict(zip(lines, found, strict=True)) == lines, done.stderr


def test_every_command_has_examples_that_parse() -> None:
    """And the same words for the same things."""
    parser = make_parser()
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    for name, command in commands.choices.items():
        text = command.format_help()
        assert "--debug" in text
        examples = re.findall(rf"^  vmprof ({name}\b[^>#\n]*)", text, re.MULTILINE)
        assert examples, name
        for example in examples:
            assert parser.parse_args(shlex.split(example)).execute
        options = command._option_string_actions
        writes = {"--json", "--csv", "--html", "--trace", "--corrected"} & {
            option for option, action in options.items() if action.metavar == "FILE"
        }
        assert ("--force" in options) == bool(writes), name
        progress = ("run", "annotate", "diff", "validate", "peaks", "fleet", "deploy")
        assert ("--quiet" in options) == (name in progress), name


def test_the_viewer_takes_the_terminal_and_gives_it_back(folder: Path) -> None:
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(terminal)
    command = [sys.executable, "-m", "vmprof", "show", "report.json", "--interactive"]
    process = subprocess.Popen(
        command,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=folder,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    shown = b""
    with os.fdopen(controller, "r+b", buffering=0) as keys:
        while b"fused_softmax" not in shown:
            shown += keys.read(10_000)
        keys.write(b"q")
        while b"\x1b[?1049l" not in shown:  # the other screen, where the shell is
            shown += keys.read(10_000)
        assert process.wait(timeout=60) == 0
        assert termios.tcgetattr(terminal) == before
        os.close(terminal)
    assert shown.index(b"\x1b[?1049h") < shown.index(b"fused_softmax")
