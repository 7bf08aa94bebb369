"""Damage of inputs, by the form that they have.

Bytes that are changed at random seldom pass a checksum or are JSON still: of a zip one of its
parts is damaged, of JSON a value, of a page what is compressed in it.
"""

from __future__ import annotations

import base64
import io
import json
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

# Gives damaged bytes of bytes.
Damage = Callable[[bytes], bytes]
# The same of one form, whose parts are damaged by the other.
Mutate = Callable[[bytes, random.Random, Damage], bytes]

_NUMBERS = (0, 1, -1, 127, 255, 256, 1 << 20, 1 << 31, 1 << 32, 1 << 54, 1 << 60, (1 << 63) - 1)
_LETTERS = b"0123456789+-*/().,:;={}[]<>\"' \n\t\x00\x1b\xff%eEnaxif_~#@"
_JSON_VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 1 << 31, 1 << 63, -(1 << 63), 1 << 70, 10**400, 0.5, -0.0, 1e308,
    float("nan"), float("inf"), "", "0", "x", "\ud800", "\x00", "1e999", "n" * 300, [], {}, [[]],
    {"count": 1}, {"string": "x"}, {"microseconds": -1}, {"percent": 1e308}, {"ratio": None},
)  # fmt: skip
_EMBEDDED = re.compile(r'(<script type="application/json" id="reports">)([^<]*)(</script>)')


def as_bytes(data: bytes, draw: random.Random, damage: Damage) -> bytes:
    """Damaged as it is."""
    return damage(data)


def as_json(data: bytes, draw: random.Random, damage: Damage) -> bytes:
    """One value replaced, left out or doubled; damaged as bytes now and then."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return damage(data)
    if draw.random() < 0.1:
        return damage(data)
    for _ in range(draw.randint(1, 3)):
        document = _mutated(document, draw)
    try:
        text = json.dumps(document, ensure_ascii=draw.random() < 0.5)
    except (RecursionError, ValueError):  # nested too deeply, or a number of too many digits
        return damage(data)
    return text.encode(errors="surrogatepass")


def as_zip(data: bytes, draw: random.Random, damage: Damage) -> bytes:
    """One part damaged, left out or empty; its checksum is right."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # noqa: BLE001 # damaged before
        return damage(data)
    if not parts or draw.random() < 0.1:
        return damage(data)
    name = draw.choice([*parts])
    if draw.random() < 0.05:
        del parts[name]
    elif name.endswith(".json"):
        parts[name] = as_json(parts[name], draw, damage)
    else:
        parts[name] = damage(parts[name])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as new:
        for part, content in parts.items():
            new.writestr(zipfile.ZipInfo(part), content)
    return file.getvalue()


def as_page(data: bytes, draw: random.Random, damage: Damage) -> bytes:
    """What is compressed in the page is damaged, or the list of it."""
    page = data.decode(errors="replace")
    found = _EMBEDDED.search(page)
    if found is None or draw.random() < 0.1:
        return damage(data)
    try:
        document = json.loads(found[2])
        entry = draw.choice(document["reports"])
        inner = zlib.decompress(base64.b64decode(entry["deflated"]))
        entry["deflated"] = base64.b64encode(
            zlib.compress(as_json(inner, draw, damage), 1)
        ).decode()
        text = json.dumps(document)
    except Exception:  # noqa: BLE001 # damaged before
        text = damage(found[2].encode()).decode(errors="replace")
    if draw.random() < 0.2:
        text = as_json(text.encode(), draw, damage).decode(errors="replace")
    return f"{found[1]}{text.replace('<', '')}{found[3]}".join(
        [page[: found.start()], page[found.end() :]]
    ).encode()


def random_damage(draw: random.Random) -> Damage:
    """What a fuzzer does to bytes: a few changes at random places."""

    def damage(data: bytes) -> bytes:
        content = bytearray(data)
        for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
            draw.choice(_CHANGES)(content, draw)
        return bytes(content)

    return damage


def _place(content: bytearray, draw: random.Random, size: int = 1) -> int:
    return draw.randrange(max(1, len(content) - size + 1))


def _flip(content: bytearray, draw: random.Random) -> None:
    if content:
        content[_place(content, draw)] ^= 1 << draw.randrange(8)


def _letter(content: bytearray, draw: random.Random) -> None:
    at = _place(content, draw)
    content[at : at + draw.randint(0, 1)] = bytes([draw.choice(_LETTERS)])


def _number(content: bytearray, draw: random.Random) -> None:
    size = draw.choice((1, 2, 4, 8))
    at = _place(content, draw, size)
    if draw.random() < 0.5:
        at -= at % size
    number = (draw.choice(_NUMBERS) + draw.randint(-1, 1)) & ((1 << 8 * size) - 1)
    content[at : at + size] = struct.pack("<Q", number)[:size]


def _digits(content: bytearray, draw: random.Random) -> None:
    found = [*re.finditer(rb"\d+", content)]
    if found:
        one = draw.choice(found)
        text = draw.choice((str(draw.choice(_NUMBERS)), "9" * draw.choice((20, 400, 5000)), "0"))
        content[one.start() : one.end()] = text.encode()


def _remove(content: bytearray, draw: random.Random) -> None:
    at = _place(content, draw)
    del content[at : at + draw.choice((1, 1, 2, 4, 8, 16, 64, 1 << 20))]


def _repeat(content: bytearray, draw: random.Random) -> None:
    at = _place(content, draw)
    part = content[at : at + draw.choice((1, 1, 2, 4, 8, 16, 64))]
    content[at:at] = part * draw.choice((1, 1, 2, 8, 100, 2000))


def _move(content: bytearray, draw: random.Random) -> None:
    at, to = _place(content, draw), _place(content, draw)
    part = content[at : at + draw.choice((1, 2, 4, 8, 16, 64))]
    content[to : to + draw.choice((0, len(part)))] = part


_CHANGES = (_flip, _letter, _number, _digits, _remove, _repeat, _move)


def _mutated(value: Any, draw: random.Random) -> Any:
    """``value`` with a change at a random place in it."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        key = draw.choice([*value])
        changed = dict(value)
        match draw.randrange(12):
            case 0:
                del changed[key]
            case 1:
                changed[draw.choice([*value, "", "Name", "Kinds"])] = changed.pop(key)
            case 2:
                changed[key] = value[draw.choice([*value])]
            case _:
                changed[key] = _mutated(value[key], draw)
        return changed
    if isinstance(value, list) and value and draw.random() < 0.85:
        at = draw.randrange(len(value))
        match draw.randrange(12):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return [*value, value[at]]
            case 2:
                return value[at:] + value[:at]
            case _:
                return [*value[:at], _mutated(value[at], draw), *value[at + 1 :]]
    if isinstance(value, str) and value and draw.random() < 0.7:
        damage = random_damage(draw)
        return damage(value.encode(errors="surrogatepass")).decode(errors="replace")
    if type(value) is int and draw.random() < 0.5:
        return value + draw.choice((-1, 1, 7, 1 << 32))
    if draw.random() < 0.03:
        for _ in range(draw.choice((10, 500, 3000))):
            value = [value]
        return value
    return draw.choice(_JSON_VALUES)
