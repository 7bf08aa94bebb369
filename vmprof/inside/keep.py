"""The code that samples were found in, kept with them: to be looked into anywhere, any time."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from vmprof.errors import VmprofError
from vmprof.inside.code import Code
from vmprof.inside.library import Place, read_code

# Of functions; those with most samples first. The code of a large model is a tenth of it.
_MOST_BYTES = 4 << 20
# Anybody may have written a report.
_MOST_KEPT = 256 << 20


class Sampled(NamedTuple):
    """A library in which samples were found: how many in each function."""

    path: str
    build_id: str
    functions: Mapping[Place, int]


class Kept(NamedTuple):
    """``codes`` by library; ``unread`` says of the others why they are not there."""

    codes: tuple[Code, ...]
    unread: Mapping[str, str]


def keep(libraries: Iterable[Sampled], text_of: Callable[[str], str]) -> Kept:
    """The code of ``libraries`` as it is now, if it is still that which was sampled.

    ``text_of`` gives the TensorIR of the library at a path, or nothing.
    """
    codes: list[Code] = []
    unread: dict[str, str] = {}
    left = _MOST_BYTES
    for library in libraries:
        places, size = _most(library.functions, left)
        left -= size
        try:
            code = read_code(library.path, places, text_of(library.path))
        except VmprofError as error:
            unread[library.path] = str(error)
            continue
        if code.build_id != library.build_id:
            unread[library.path] = "it was built anew since it was sampled"
        elif code.functions:
            codes.append(code)
    return Kept(tuple(codes), unread)


def _most(functions: Mapping[Place, int], left: int) -> tuple[list[Place], int]:
    """Those with most samples that together are no more than so many bytes; and how many."""
    chosen: list[Place] = []
    size = 0
    for place in sorted(functions, key=lambda place: -functions[place]):
        if size + place.size <= left:
            chosen.append(place)
            size += place.size
    return chosen, size


def dumps(codes: Sequence[Code]) -> str:
    """``codes`` as text in a report."""
    return base64.b64encode(zlib.compress(msgspec.msgpack.encode(codes), 6)).decode("ascii")


def loads(text: str) -> tuple[Code, ...]:
    """What :func:`dumps` wrote; :class:`VmprofError` for anything else."""
    try:
        unpacking = zlib.decompressobj()
        data = unpacking.decompress(base64.b64decode(text, validate=True), _MOST_KEPT)
        return msgspec.msgpack.decode(data, type=tuple[Code, ...])
    except (ValueError, zlib.error, msgspec.MsgspecError, RecursionError) as error:
        raise VmprofError(f"not a report: its code is broken: {error}") from error
