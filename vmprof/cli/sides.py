"""Several files on either side of ``--``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from vmprof.errors import VmprofError

_AFTER = "--after"


def add_sides(parser: argparse.ArgumentParser) -> None:
    """The files of both sides: ``BEFORE AFTER``, or ``BEFORE ... -- AFTER ...``."""
    parser.add_argument("before", metavar="BEFORE", help="a saved report, or a model")
    second = parser.add_argument("second", metavar="AFTER", help="the same")
    parser.add_argument(
        "more", metavar="...", nargs="*", help="of several a side: BEFORE ... -- AFTER ..."
    )
    parser.add_argument(
        _AFTER,
        nargs="+",
        metavar="FILE",
        help="those after; all others are before. -- alone is short for it",
    )
    parse = parser.parse_known_args

    def with_sides(args: Sequence[str], namespace: Any = None) -> tuple[Any, list[str]]:
        words = [_AFTER if word == "--" else word for word in args]
        second.nargs = "?" if _AFTER in words else None
        return parse(words, namespace)

    parser.parse_known_args = with_sides  # type: ignore[method-assign, assignment]


def sides_of(options: argparse.Namespace) -> tuple[list[str], list[str]]:
    """The files before and those after.

    Patterns (``*``, ``?``, ``[]``) that are no names of files stand for those that they match.
    """
    before = [options.before, *([options.second] if options.second else []), *options.more]
    after = options.after
    if after is None:
        if len(before) > 2:
            raise VmprofError(
                f"of these {len(before)} files, which are those before? put -- between the sides: "
                f"{' '.join(before[:-1])} -- {before[-1]}"
            )
        before, after = before[:1], before[1:]
    return _expanded(before), _expanded(after)


def _expanded(arguments: Sequence[str]) -> list[str]:
    found: list[str] = []
    for argument in arguments:
        if has_magic(argument) and not Path(argument).exists():
            names = sorted(glob(argument, recursive=True))  # noqa: PTH207 # of any folder
            if not names:
                raise VmprofError(f"no file matches {argument}")
            found += names
        else:
            found.append(argument)
    return found
