"""The rules that there are: those that vmprof brings, and the user's."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from vmprof.errors import VmprofError
from vmprof.report.advice.rule import SHIPPED, Rule
from vmprof.user_files import files_in, find, folders


def load_rules(
    names: Sequence[str] = (), environment: Mapping[str, str] = os.environ
) -> list[Rule]:
    """The rules called ``names``, or in those files (``*.toml``); without any, all that there are.

    The user's, in ``vmprof/advice`` in ``$XDG_CONFIG_HOME`` or ``~/.config``, hide those of the
    same name that vmprof brings.
    """
    places = folders("advice", SHIPPED, environment)
    if not names:
        return [Rule.read(path) for path in files_in(places).values()]
    return [Rule.read(_path(name, places)) for name in names]


def _path(name: str, places: list[Path]) -> Path:
    if name.endswith(".toml"):
        return Path(name)
    if (found := find(name, places)) is not None:
        return found
    there_are = ", ".join(files_in(places))
    raise VmprofError(f"there is no rule of advice {name!r}; there are: {there_are}")
