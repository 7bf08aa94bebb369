"""Several files on either side of ``--``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from vmprof.errors import VmprofError

# In place of --, after which argparse takes options for files; no file has this name.
_BETWEEN = "\0"


def take_sides(parser: argparse.ArgumentParser) -> None:
    """Let ``--`` be among the last positional arguments of ``parser``, called ``more``.

    They may have options between them.
    """
    parse = parser.parse_known_args

    def with_sides(args: Sequence[str], namespace: Any = None) -> tuple[Any, list[str]]:
        options, left = parse(
            [_BETWEEN if argument == "--" else argument for argument in args], namespace
        )
        if any(argument.startswith("-") and len(argument) > 1 for argument in left):
            return options, left
        options.more = [*options.more, *left]
        return options, []

    parser.parse_known_args = with_sides  # type: ignore[method-assign, assignment]


def sides_of(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files before ``--`` and those after it; without it there are two, one of each.

    Patterns (``*``, ``?``, ``[]``) that are no names of files stand for those that they match.
    """
    if _BETWEEN not in arguments:
        if len(arguments) != 2:
            raise VmprofError(
                f"{len(arguments)} files, and which are those before? put -- between the sides: "
                f"{' '.join(arguments[:-1])} -- {arguments[-1]}"
            )
        return _expanded(arguments[:1]), _expanded(arguments[1:])
    place = arguments.index(_BETWEEN)
    before, after = arguments[:place], arguments[place + 1 :]
    if not before or not after or _BETWEEN in after:
        raise VmprofError("-- stands once, between the files before and those after")
    return _expanded(before), _expanded(after)


def _expanded(arguments: Sequence[str]) -> list[str]:
    found: list[str] = []
    for argument in arguments:
        if has_magic(argument) and not Path(argument).exists():
            names = sorted(glob(argument))
            if not names:
                raise VmprofError(f"no file matches {argument}")
            found += names
        else:
            found.append(argument)
    return found
