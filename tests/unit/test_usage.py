"""Wrong usage is one line, and exit code 2."""

from __future__ import annotations

import pytest

from vmprof.cli import parser
from vmprof.cli.parser import make_parser

COMMANDS = ", ".join(parser._COMMANDS)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", f"name a command: {COMMANDS}; vmprof --help has more"),
        ("rnu mlp", f"there is no command 'rnu'; did you mean run? there are: {COMMANDS}"),
        ("zzz", f"there is no command 'zzz'; there are: {COMMANDS}"),
        ("--debgu run mlp", "vmprof has no option --debgu; did you mean --debug?"),
        ("run", "vmprof run needs MODEL; vmprof run --help says what that is"),
        ("run --reapets", "vmprof run has no option --reapets; did you mean --repeats?"),
        ("run mlp --reapets 3", "vmprof run has no option --reapets; did you mean --repeats?"),
        ("run mlp --jsn=r.json", "vmprof run has no option --jsn; did you mean --json?"),
        ("run mlp --zzz", "vmprof run has no option --zzz; vmprof run --help lists them"),
        ("run mlp more", "vmprof run has no place for 'more'; leave it out"),
        ("run mlp --json", "--json needs a value: FILE"),
        ("run mlp --quiet=3", "--quiet takes no value, '3' is one"),
        ("run mlp --repeats x", "--repeats: 'x' is no whole number"),
        ("peaks --seconds long", "--seconds: 'long' is no number"),
        ("run mlp --dim n", "--dim: 'n' is not of the form NAME=N"),
        (
            "run mlp --by oprator",
            "--by cannot be 'oprator'; did you mean operator? there are: operator, path",
        ),
        (
            "completion bsh",
            "SHELL cannot be 'bsh'; did you mean bash? there are: bash, zsh, tcsh, fish",
        ),
        (
            "record --cuonters ipc -- chat.py",
            "vmprof record has no option --cuonters; did you mean --counters?",
        ),
        ("run mlp --a\x1b[31m", "vmprof run has no option --a\ufffd[31m; vmprof run --help"),
    ],
)
def test_one_line_and_what_was_meant(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = line.split()
    with pytest.raises(SystemExit) as stopped:
        make_parser(words).parse_args(words)
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"vmprof: error: {message}")
    assert err.count("\n") == 1
