"""Files that users write in TOML: each complaint about one names the file, the line, the key."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from vmprof.errors import VmprofError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_KINDS: Mapping[type[Any], str] = {str: "text", dict: "a table", float: "a number"}
_T = TypeVar("_T")
_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class TomlFile:
    """What ``path`` holds; ``document`` is taken from by those that read it."""

    path: Path
    text: str
    document: dict[str, Any]

    @classmethod
    def read(cls, path: Path, what: str) -> TomlFile:
        """Read ``path``, which is to be a ``what``; :class:`VmprofError` if it cannot be read."""
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
            if len(content) > _MAX_BYTES:
                raise VmprofError(f"{path} is no {what}: it has more than {_MAX_BYTES >> 20} MiB")
            # As Python's own reading in text mode has lines end.
            text = content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError as error:
            raise VmprofError(f"{path} is no {what}: it is not UTF-8 text") from error
        except OSError as error:
            raise VmprofError(f"cannot read {path}: {error.strerror}") from error
        try:
            return cls(path, text, tomllib.loads(text))
        except ValueError as error:  # also a number of more digits than Python takes
            raise VmprofError(f"{path} is no {what}: {error}") from error
        except RecursionError as error:
            raise VmprofError(f"{path} is no {what}: it is nested too deeply") from error

    def top(self) -> TomlTable:
        """The whole of it."""
        return TomlTable(self, self.document)

    def fail(self, key: str, message: str, place: Place | None = None) -> NoReturn:
        """Raise :class:`VmprofError` about ``key``."""
        raise VmprofError(f"{_locate(self, place, key)}: {message}")


@dataclass(frozen=True)
class Place:
    """Where in a file a table is: it is the ``number``-th of the tables ``[[array]]``."""

    array: str
    number: int


@dataclass(frozen=True)
class TomlTable:
    """A table while it is read: what has been taken out of ``entries`` is known.

    ``within`` is the key whose line is named, where the entries have no lines of their own.
    """

    file: TomlFile
    entries: dict[str, Any]
    place: Place | None = None
    within: str | None = None

    def take(self, key: str, kind: type[_T], default: _T | None = None) -> _T:
        """Take ``key`` out; without a default it has to be there."""
        value = self.entries.pop(key, default)
        if value is None:
            self.fail(key, f"{key!r} is missing")
        if kind is float and type(value) is int and abs(value) <= sys.float_info.max:
            value = float(value)
        if not isinstance(value, kind):
            what = _KINDS.get(kind) or f"[[{key}]] tables"
            self.fail(key, f"{key!r} has to be {what}")
        return value

    def tables(self, key: str) -> list[TomlTable]:
        """Take the tables ``[[key]]`` out; none if there are none."""
        found = self.take(key, list, [])
        if not all(isinstance(each, dict) for each in found):
            self.fail(key, f"it has to be a table: [[{key}]]")
        return [TomlTable(self.file, each, Place(key, n)) for n, each in enumerate(found)]

    def inner(self, key: str, entries: dict[str, Any]) -> TomlTable:
        """``entries``, which stand behind ``key``."""
        return TomlTable(self.file, entries, self.place, key)

    def no_more(self) -> None:
        """Complain if anything has not been taken."""
        for key in self.entries:
            self.fail(key, f"{key!r} has no meaning here")

    def made(self, key: str, make: Callable[[str], _T], text: str) -> _T:
        """``make(text)``; what it raises is about ``key``."""
        try:
            return make(text)
        except VmprofError as error:
            self.fail(key, str(error))

    def fail(self, key: str, message: str) -> NoReturn:
        """Raise :class:`VmprofError` about ``key``."""
        self.file.fail(self.within or key, message, self.place)


def _locate(file: TomlFile, place: Place | None, key: str) -> str:
    """``path:line: key``; without the line where it cannot be told."""
    # Blank what stands inside long strings: it may look like keys.
    text = re.sub(r'(?s)""".*?"""|\'\'\'.*?\'\'\'', lambda m: "\n" * m[0].count("\n"), file.text)
    lines = text.splitlines()
    first, last = 0, len(lines)
    if place is not None:
        header = re.compile(rf"\s*\[\[\s*{re.escape(place.array)}\s*\]\]")
        headers = [number for number, line in enumerate(lines) if header.match(line)]
        first, last = [*headers, last, last][place.number : place.number + 2]
    is_key = re.compile(rf"\s*\[*[\"']?{re.escape(key)}[\"']?\s*[=\]]")
    found = [number for number in range(first, last) if is_key.match(lines[number])]
    if place is not None and first < last:
        found.append(first)  # the key is missing: the line of the table itself
    return f"{file.path}:{found[0] + 1}: {key}" if found else f"{file.path}: {key}"
