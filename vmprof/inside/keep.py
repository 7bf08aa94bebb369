"""The code that samples were found in, kept with them: to be looked into anywhere, any time."""

from __future__ import annotations

import base64
import platform
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, get_args

import msgspec

from vmprof.errors import VmprofError
from vmprof.inside.code import Function, Machine, MachineCode
from vmprof.inside.library import Place, read_code, vector_bits
from vmprof.program.tensor_ir import read_tensor_ir
from vmprof.sampling.model import Function as SampledFunction
from vmprof.sampling.model import Library

# Of functions; those with most samples first. The code of a large model is a tenth of it.
_MOST_BYTES = 4 << 20
# Anybody may have written a report.
_MOST_KEPT = 256 << 20


class Kept(NamedTuple):
    """``codes`` by library; ``unread`` says of the others why they are not there."""

    codes: tuple[MachineCode, ...]
    unread: Mapping[str, str]


def keep(
    libraries: Sequence[Library],
    functions: Mapping[SampledFunction, int],
    besides: Sequence[MachineCode] = (),
    contents: Mapping[SampledFunction, bytes] = MappingProxyType({}),
) -> Kept:
    """The code that samples were found in, as it is now, if it is still what was sampled.

    ``functions``, of ``libraries``, have their numbers of samples. Libraries that are among
    ``besides`` are left out. ``contents`` are those of functions that lie in no file.
    """
    done = {(code.path, code.build_id) for code in besides}
    found: dict[int, Counter[Place]] = {}
    for function, samples in functions.items():
        if function.size:
            places = found.setdefault(function.library, Counter())
            places[Place(function.name, function.begin, function.size)] += samples
    codes: list[MachineCode] = []
    unread: dict[str, str] = {}
    left = _MOST_BYTES
    for number, places in sorted(found.items(), key=lambda item: -item[1].total()):
        library = libraries[number]
        if (library.path, library.build_id) in done:
            continue
        chosen, size = _most(places, left)
        left -= size
        if library.kind == "memory":
            functions_there = [SampledFunction(number, *each) for each in chosen]
            codes += _of_memory(library, functions_there, contents)
        if not library.path.startswith("/"):
            continue
        try:
            code = read_code(library.path, chosen, read_tensor_ir(Path(library.path)))
        except VmprofError as error:
            unread[library.path] = str(error)
            continue
        if code.build_id != library.build_id:
            unread[library.path] = "it was built anew since it was sampled"
        elif code.functions:
            codes.append(code)
    return Kept(tuple(codes), unread)


def _of_memory(
    library: Library,
    functions: Sequence[SampledFunction],
    contents: Mapping[SampledFunction, bytes],
) -> Iterator[MachineCode]:
    machine = next((each for each in get_args(Machine) if each == platform.machine()), None)
    known = [each for each in functions if each in contents]
    if machine is not None and known:
        yield MachineCode(
            library.path,
            library.build_id,
            machine,
            tuple(
                Function(each.name, each.begin, contents[each])
                for each in sorted(known, key=lambda each: each.begin)
            ),
            vector_bits=vector_bits(machine),
        )


def _most(functions: Counter[Place], left: int) -> tuple[list[Place], int]:
    """Those with most samples that together are no more than so many bytes; and how many."""
    chosen: list[Place] = []
    size = 0
    for place, _ in functions.most_common():
        if size + place.size <= left:
            chosen.append(place)
            size += place.size
    return chosen, size


def dumps(codes: Sequence[MachineCode]) -> str:
    """``codes`` as text in a report."""
    return base64.b64encode(zlib.compress(msgspec.msgpack.encode(codes), 6)).decode("ascii")


def loads(text: str) -> tuple[MachineCode, ...]:
    """What :func:`dumps` wrote; :class:`VmprofError` for anything else."""
    try:
        unpacking = zlib.decompressobj()
        data = unpacking.decompress(base64.b64decode(text, validate=True), _MOST_KEPT)
        return msgspec.msgpack.decode(data, type=tuple[MachineCode, ...])
    except (ValueError, zlib.error, msgspec.MsgspecError, RecursionError) as error:
        raise VmprofError(f"not a report: its code is broken: {error}") from error
