"""Where users keep what they add to what vmprof brings: counter sets, rules of advice."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_NAME = r"[\w.+-]+"


def folders(what: str, shipped: Path, environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Where to look for ``what``, in this order: the user's folder, then ``shipped``.

    The user's is ``vmprof/<what>`` in ``$XDG_CONFIG_HOME`` or ``~/.config``.
    """
    configured = environment.get("XDG_CONFIG_HOME", "")
    try:
        home = Path(configured) if configured.startswith("/") else Path.home() / ".config"
    except RuntimeError:  # a user without a home, as in containers
        return [shipped]
    return [home / "vmprof" / what, shipped]


def files_in(places: Sequence[Path]) -> dict[str, Path]:
    """The ``*.toml`` of all ``places`` by name; an earlier one hides those that follow."""
    files = [path for folder in reversed(places) for path in folder.glob("*.toml")]
    return dict(sorted({path.stem: path for path in files}.items()))


def find(name: str, places: Sequence[Path]) -> Path | None:
    """The file of that name; None where there is none, or it is no name."""
    if not is_name(name):
        return None
    paths = (folder / f"{name}.toml" for folder in places)
    return next((path for path in paths if _is_file(path)), None)


def is_name(text: str) -> bool:
    """Whether a file in these folders can be called so."""
    return re.fullmatch(_NAME, text) is not None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no permission to look, or a name that is too long
        return False
