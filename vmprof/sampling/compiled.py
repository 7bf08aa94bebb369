"""Modules that were compiled in memory: which function lies where.

Three things are put together, none of which is enough. The table made for unwinding says where
functions lie, in the order in which they were compiled, and has no names. The module says
which functions it has, in that order, and which refer to which. And TVM knows where those
lie that can be called from outside. A name is given where all of them agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from vmprof.runs.work import Ints
from vmprof.sampling.elf import PARALLEL_BODY, Symbol
from vmprof.sampling.frames import Frame, Piece
from vmprof.sampling.references import references_in_memory


class Definition(NamedTuple):
    """A function of a module, and which functions of the module its code refers to.

    ``is_body`` says that it is the body of a parallel loop, which has no symbol elsewhere.
    """

    name: str
    refers_to: frozenset[str] = frozenset()
    is_body: bool = False


class Described(NamedTuple):
    """A module: its functions in the order of its code, and where some of them are, by name."""

    definitions: tuple[Definition, ...]
    addresses: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Compiled:
    """The functions of one module, by their beginnings, and ``code``, which all of them lie in.

    ``names`` are empty where nobody knows.
    """

    code: Piece
    begin: Ints
    size: Ints
    names: tuple[str, ...]

    @classmethod
    def of(cls, frames: Sequence[Frame], code: Piece) -> Compiled:
        """Without names."""
        order = sorted(frames)
        begin, size = (np.array([each[part] for each in order], np.int64) for part in (0, 1))
        first, end = int(begin[0]), int((begin + size).max())
        content = code.content[first - code.begin : end - code.begin]
        return cls(Piece(first, content), begin, size, ("",) * len(order))

    def named(
        self, frames: Sequence[Frame], modules: Sequence[Described], machine: str
    ) -> Compiled | None:
        """With the names of the one of ``modules`` that it is; None if it is none of them.

        ``frames`` are its functions in the order of its table, ``machine`` is ELF's name for the
        processor.
        """
        places = {frame.begin: place for place, frame in enumerate(frames)}
        for module in modules:
            if module.addresses and all(each in places for each in module.addresses.values()):
                names = _names(frames, module, list(self._references(frames, machine)))
                by_begin = {frame.begin: name for frame, name in zip(frames, names, strict=True)}
                return replace(self, names=tuple(by_begin[each] for each in self.begin.tolist()))
        return None

    def at(self, addresses: Ints) -> Ints:
        """The number of the function at each of ``addresses``; -1 where there is none."""
        place = np.searchsorted(self.begin, addresses, side="right") - 1
        inside = (place >= 0) & (addresses < self.begin[place] + self.size[place])
        found: Ints = np.where(inside, place, -1)
        return found

    def symbol(self, number: int) -> Symbol:
        """The function of that number."""
        return Symbol(self.names[number], int(self.begin[number]), int(self.size[number]))

    def content(self, number: int) -> bytes:
        """Its machine code."""
        first = int(self.begin[number]) - self.code.begin
        return self.code.content[first : first + int(self.size[number])]

    def _references(self, frames: Sequence[Frame], machine: str) -> Iterator[tuple[int, int]]:
        """Which of ``frames`` refers to which other, as machine code says it."""
        place = {frame.begin: number for number, frame in enumerate(frames)}
        places, targets = references_in_memory(
            machine, self.code.content, self.code.begin, self.begin
        )
        for function, target in zip(self.at(places).tolist(), targets.tolist(), strict=True):
            if function >= 0 and place[int(self.begin[function])] != place[target]:
                yield place[int(self.begin[function])], place[target]


def _names(
    frames: Sequence[Frame], module: Described, references: Sequence[tuple[int, int]]
) -> list[str]:
    """Of each of ``frames`` its name; ``references`` say which of them refers to which."""
    places = {frame.begin: place for place, frame in enumerate(frames)}
    known = {places[address]: name for name, address in module.addresses.items()}
    told = {definition.name: definition for definition in module.definitions}
    likely = _in_order(len(frames), [each.name for each in module.definitions], known)
    referring: dict[int, set[int]] = {}
    for function, target in references:
        referring.setdefault(target, set()).add(function)
    more = True
    while more:
        more = False
        for place, name in likely.items():
            by = referring.get(place)
            if place in known or not by or not by <= known.keys():
                continue
            if all(known[each] in told and name in told[known[each]].refers_to for each in by):
                known[place] = name
                more = True
    names = [known.get(place, "") for place in range(len(frames))]
    for place, name in known.items():
        by = referring.get(place, set())
        if name in told and told[name].is_body and len(by) == 1:
            names[place] = f"{known[next(iter(by))]} {PARALLEL_BODY}"
    return names


def _in_order(count: int, names: Sequence[str], known: Mapping[int, str]) -> dict[int, str]:
    """Which of the ``names``, in their order, each of ``count`` functions has by its order.

    Between two that are ``known`` as many must lie on either side; behind the last one there may
    be more functions than names, as whoever compiles adds some of its own.
    """
    number = {name: each for each, name in enumerate(names)}
    pairs = [(place, number.get(known[place], -1)) for place in sorted(known)]
    if any(before[1] >= after[1] for before, after in pairwise([(-1, -1), *pairs])):
        return {}
    found: dict[int, str] = {}
    for (place, first), (next_place, next_first) in pairwise(
        [(-1, -1), *pairs, (count, len(names))]
    ):
        functions, between = next_place - place - 1, next_first - first - 1
        if functions == between or (next_place == count and functions > between):
            for offset in range(1, between + 1):
                found[place + offset] = names[first + offset]
    return found
