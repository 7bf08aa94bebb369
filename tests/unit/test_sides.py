"""Which files are before and which after."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from vmprof import VmprofError
from vmprof.cli.sides import add_sides, sides_of


def parsed(*words: str) -> tuple[list[str], list[str]]:
    parser = argparse.ArgumentParser()
    add_sides(parser)
    parser.add_argument("--json")
    parser.add_argument("--force", action="store_true")
    return sides_of(parser.parse_args(words))


@pytest.mark.parametrize(
    ("words", "before", "after"),
    [
        ("a b", "a", "b"),
        ("a --json x b", "a", "b"),
        ("a -- b", "a", "b"),
        ("a1 a2 a3 -- b1 b2", "a1 a2 a3", "b1 b2"),
        ("a1 a2 --json x -- b1 b2 --force", "a1 a2", "b1 b2"),
        ("--force a1 --after b1 b2", "a1", "b1 b2"),
        ("a -", "a", "-"),
    ],
)
def test_sides(words: str, before: str, after: str) -> None:
    assert parsed(*words.split()) == (before.split(), after.split())


def test_three_files_without_sides() -> None:
    with pytest.raises(VmprofError, match="put -- between the sides: a b -- c"):
        parsed("a", "b", "c")


def test_patterns(tmp_path: Path) -> None:
    for name in ("a1", "a2", "b1", "x[1]"):
        (tmp_path / name).touch()
    folder = f"{tmp_path}/"
    before, after = parsed(f"{folder}a*", "--", f"{folder}b?", f"{folder}x[1]")
    assert before == [f"{folder}a1", f"{folder}a2"]
    assert after == [f"{folder}b1", f"{folder}x[1]"]
    with pytest.raises(VmprofError, match=r"no file matches .*c\*"):
        parsed(f"{folder}c*", "b")
