"""JSON as every reader takes it, and as TVM writes it.

Most of it by msgspec, which is several times as fast as Python's own module; that has the
last word on whatever is not as it should be.

What is written is strict: no NaN, which JSON does not have, and no half of a
surrogate pair, which no file can hold. What is read may be what C++ streams make of
numbers (``nan``, ``-nan``, ``inf``), and strings with line breaks in them.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

_ROWS_OF_FLOATS = msgspec.json.Decoder(list[tuple[float, ...]])
_DECODER = json.JSONDecoder(strict=False)
_SURROGATE = re.compile("[\ud800-\udfff]")
# A string, which stays as it is, or a number that is none as C++ prints it.
_TOKEN = re.compile(
    r'"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\w.])-?(?:nan(?:\(\w*\))?|inf(?:inity)?)(?!\w)',
    re.DOTALL | re.IGNORECASE,
)


def dumps(document: Any, *, indent: int | None = None, compact: bool = False) -> str:
    """``document`` as JSON; a number that is not finite becomes null."""
    if compact:
        # Not numpy's numbers, nor halves of surrogate pairs.
        with contextlib.suppress(TypeError, ValueError, RecursionError):
            return msgspec.json.encode(document).decode()
    separators = (",", ":") if compact else None
    options: dict[str, Any] = {"ensure_ascii": False, "indent": indent, "separators": separators}
    try:
        text = json.dumps(document, allow_nan=False, **options)
    except ValueError:
        text = json.dumps(_finite(document), allow_nan=False, **options)
    return storable(text)


def storable(text: str) -> str:
    """``text``, which is JSON, with no half of a surrogate pair in it but as an escape."""
    if text.isascii():  # which is known of a string, however long
        return text
    return _SURROGATE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def loads(text: str) -> Any:
    """The one document in ``text``; :class:`ValueError` says what is wrong."""
    begin = skip_blanks(text, 0)
    document, end = scan(text, begin)
    if skip_blanks(text, end) < len(text):
        raise ValueError(f"something follows it, at character {end}")
    return document


def scan(text: str, begin: int) -> tuple[Any, int]:
    """The document that begins there, and where it ends; :class:`ValueError` if there is none."""
    if begin == 0:  # then it is mostly all that there is
        with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
            return msgspec.json.decode(text), len(text)
    try:
        return _DECODER.raw_decode(text, begin)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def rows_of_floats(text: str) -> list[tuple[float, ...]] | None:
    """``[[1.5, 2], [3]]``; None if it is anything else."""
    try:
        return _ROWS_OF_FLOATS.decode(text)
    except (msgspec.MsgspecError, ValueError):
        return None


def with_json_numbers(text: str) -> str:
    """``text`` with numbers that C++ printed as JSON's decoder of Python takes them."""
    return _TOKEN.sub(lambda match: _spelled(match.group()), text)


def skip_blanks(text: str, position: int) -> int:
    """The next position from there at which something stands."""
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def encodable(text: str) -> str:
    """``text`` as a file can hold it."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _spelled(token: str) -> str:
    if token.startswith('"'):
        return token
    if token.lstrip("-").lower().startswith("nan"):
        return "NaN"
    return "-Infinity" if token.startswith("-") else "Infinity"


def _finite(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return None
        case Mapping():
            return {key: _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
    return value
