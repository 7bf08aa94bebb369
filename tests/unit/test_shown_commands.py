"""Every command that a page shows could be typed: its options, targets and files are there.

Whether it also does what it should is tried in tests/integration/test_docs_shown.py.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from functools import cache

from blocks import blocks_of
from support.shown import NOT_RUN, PAGES, ROOT, commands

from vmprof.cli.parser import make_parser
from vmprof.cli.usage import Parser

# What CONTRIBUTING says is done by tests/integration/test_contributing.py, files that it adds too.
SHOWN = tuple(each for each in commands() if each.page.name != "CONTRIBUTING.md")
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
TARGETS.add(".venv/.ready")
PROGRAMS = {
    *(
        "vmprof",
        "make",
        "python",
        "python3",
        "pip",
        "pipx",
        "uv",
        "uvx",
        "docker",
        "podman",
        "distrobox",
    ),
    *("sudo", "ssh", "perf", "cc", "cat", "pytest", ".", "curl", "tensorboard"),
    *(f".venv/bin/{name}" for name in ("vmprof", "python", "pip", "pytest", "pre-commit")),
}
# Paths of files.
OF_THE_REPOSITORY = re.compile(
    r"(?<![\w./])(docs|tests|examples|benchmarks|native|vmprof)/[\w./-]+"
)


def parts_of(command: str) -> list[str]:
    """The programs of a line, without redirections."""
    return re.split(r"\s(?:>|&(?!&))(?:\s|$)", command)[0].replace("&&", "|").split("|")


def of_vmprof(command: str) -> list[str] | None:
    """What stands behind `vmprof`, whatever runs it: sudo, pipx, ssh, a container."""
    words = shlex.split(command)
    if words[0] == "ssh" and " " in words[-1]:
        words = shlex.split(words[-1])
    at = [i for i, word in enumerate(words) if re.fullmatch(r"(.*bin/)?vmprof", word)]
    # An image and a container may be called so, too.
    if not at or words[at[-1] - 1] in ("-t", "--name", "enter"):
        return None
    return words[at[-1] + 1 :]


@cache
def parser_of(command: str) -> Parser:
    return make_parser([command])


def problem_of(words: list[str]) -> str | None:
    """What vmprof's own parser says to ``vmprof WORDS``."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            parser_of(words[0]).parse_args(words)
        except SystemExit as stopped:
            return said.getvalue() if stopped.code else None
    return None


def test_blocks_that_are_indented_are_commands() -> None:
    """If this fails: outputs stand in fences of text, or are made by a script."""
    strange = [
        each.where
        for each in SHOWN
        for part in parts_of(each.command)
        if next(word for word in shlex.split(part) if "=" not in word) not in PROGRAMS
    ]
    assert strange == []


def test_vmprof_takes_them() -> None:
    found = [
        (each.where, words)
        for each in SHOWN
        for part in parts_of(each.command)
        if (words := of_vmprof(part)) is not None
    ]
    assert len(found) > 90
    assert problem_of(["run", "model.so", "--count-all"]) is not None
    assert [(where, said) for where, words in found if (said := problem_of(words))] == []


def test_what_stands_in_a_sentence_has_options_that_there_are() -> None:
    """`vmprof run --metrics` is no whole command, but its words are those of one."""
    wrong, looked_at = [], 0
    for page in PAGES:
        text = re.sub(r"(?s)```.*?```", "", page.read_text(encoding="utf-8"))
        for span in re.findall(r"`vmprof (?!recording \d|study)([a-z][^`]*)`", text):
            command, *rest = span.split()
            options = [word.partition("=")[0] for word in rest if re.match(r"--\w", word)]
            known = help_of(command)
            looked_at += 1
            if known is None or not {*options} <= {*known}:
                wrong.append(f"{page.relative_to(ROOT)}: vmprof {span}")
    assert looked_at > 60
    assert wrong == []


@cache
def help_of(command: str) -> list[str] | None:
    """The options of a command, from its help; None if there is none of that name."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        try:
            parser_of(command).parse_args([command, "--help"])
        except SystemExit as stopped:
            return re.findall(r"--[\w-]+", out.getvalue()) if not stopped.code else None
    return None


def test_targets_of_make_are_there() -> None:
    named = {
        (str(page.relative_to(ROOT)), target)
        for page in PAGES
        for line in re.findall(r"(?:^    |`)make ([^`\n]+)", page.read_text(), re.MULTILINE)
        for target in re.sub(r"\s#.*|\w+=.*", "", line).split()
        if re.fullmatch(r"[.\w/-]+", target)
    }
    assert len(named) > 20
    assert {each for each in named if each[1] not in TARGETS} == set()


def test_files_of_the_repository_are_there() -> None:
    missing = [
        each.where
        for each in SHOWN
        for path in (match[0] for match in OF_THE_REPOSITORY.finditer(each.command))
        if not (ROOT / path).exists()
    ]
    assert missing == []


def test_what_is_not_run_is_shown_somewhere() -> None:
    unused = [
        start for start in NOT_RUN if not any(re.match(start, each.command) for each in SHOWN)
    ]
    assert unused == []


def test_python_of_pages_is_python() -> None:
    for page in PAGES:
        for block in blocks_of(page.read_text(encoding="utf-8")):
            if block.kind == "python":
                # A notebook's own words stand in lines that begin with %.
                compile(re.sub(r"(?m)^%.*", "", block.text), f"{page.name}:{block.line}", "exec")
