"""The code that samples were found in, kept with them: to be looked into anywhere, any time."""

from __future__ import annotations

import base64
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from vmprof.errors import VmprofError
from vmprof.inside.code import Code
from vmprof.inside.library import Place, read_code
from vmprof.sampling.model import IN_NO_CALL, Sampled

# Of functions; those with most samples first. The code of a large model is a tenth of it.
_MOST_BYTES = 4 << 20
# Anybody may have written a report.
_MOST_KEPT = 256 << 20


class Kept(NamedTuple):
    """``codes`` by library; ``unread`` says of the others why they are not there."""

    codes: tuple[Code, ...]
    unread: Mapping[str, str]


def keep(sampled: Sampled, text_of: Callable[[str], str], besides: Sequence[Code] = ()) -> Kept:
    """The code that calls were found in, as it is now, if it is still what was sampled.

    ``text_of`` gives the TensorIR of the library at a path, or nothing. Libraries that are
    among ``besides`` are left out.
    """
    done = {(code.path, code.build_id) for code in besides}
    found: dict[int, Counter[Place]] = {}
    for hit in sampled.hits:
        function = sampled.functions[hit.function]
        if hit.call != IN_NO_CALL and function.size:
            places = found.setdefault(function.library, Counter())
            places[Place(function.name, function.begin, function.size)] += hit.samples
    codes: list[Code] = []
    unread: dict[str, str] = {}
    left = _MOST_BYTES
    for number, functions in sorted(found.items(), key=lambda item: -item[1].total()):
        library = sampled.libraries[number]
        if (library.path, library.build_id) in done or not library.path.startswith("/"):
            continue
        chosen, size = _most(functions, left)
        left -= size
        try:
            code = read_code(library.path, chosen, text_of(library.path))
        except VmprofError as error:
            unread[library.path] = str(error)
            continue
        if code.build_id != library.build_id:
            unread[library.path] = "it was built anew since it was sampled"
        elif code.functions:
            codes.append(code)
    return Kept(tuple(codes), unread)


def _most(functions: Counter[Place], left: int) -> tuple[list[Place], int]:
    """Those with most samples that together are no more than so many bytes; and how many."""
    chosen: list[Place] = []
    size = 0
    for place, _ in functions.most_common():
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
