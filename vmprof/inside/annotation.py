"""Where inside an operator its time goes: by line, by loop, by instruction, by function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from vmprof.inside.code import MachineCode
from vmprof.inside.listing import Listing, LoopShare, list_function
from vmprof.inside.mix import Widths
from vmprof.inside.tensor_ir import TensorIR


class Spot(NamedTuple):
    """So many ``samples`` at ``address`` of the library at ``path``, in ``function``.

    A function without a symbol has no name.
    """

    path: str
    function: str
    address: int
    samples: int


class FunctionShare(NamedTuple):
    """How many samples a function has."""

    name: str
    path: str
    samples: int


class LineShare(NamedTuple):
    """A line of TensorIR: the samples of its own, and of a loop those of all lines inside."""

    number: int
    text: str
    samples: int
    inside: int | None = None


@dataclass(frozen=True)
class Annotation:
    """What the samples of an operator say; all lists have the most first, lines their order.

    ``unlined`` samples are in code of which no line is known: not compiled with vmprof, or a
    function of another library. ``widths`` is of the ``known`` samples, whose code is known.
    """

    samples: int
    functions: tuple[FunctionShare, ...]
    listings: tuple[Listing, ...]
    lines: tuple[LineShare, ...]
    unlined: int
    known: int
    widths: Widths

    @property
    def loops(self) -> tuple[LoopShare, ...]:
        """Of all functions, those with most samples of their own first."""
        every = (loop for listing in self.listings for loop in listing.loops)
        return tuple(sorted(every, key=lambda loop: -loop.own))


def annotate(codes: Iterable[MachineCode], spots: Iterable[Spot]) -> Annotation:
    """What ``spots``, the samples of one operator, are of; ``codes`` by library."""
    by_path = {code.path: code for code in codes}
    tensor_irs = {path: TensorIR(code.text) for path, code in by_path.items()}
    functions: Counter[tuple[str, str]] = Counter()
    places: dict[tuple[str, int], Counter[int]] = {}  # by library and beginning of the function
    for spot in spots:
        code = by_path.get(spot.path)
        function = code.at(spot.address) if code is not None else None
        name = spot.function
        if function is not None:
            name = function.shown
            at = places.setdefault((spot.path, function.address), Counter())
            at[spot.address] += spot.samples
        functions[spot.path, name] += spot.samples
    listings = []
    by_line: dict[str, Counter[int]] = {}
    for (path, address), samples in places.items():
        code = by_path[path]
        function = code.at(address)
        assert function is not None
        listing = list_function(code, function, samples, tensor_irs[path])
        listings.append(listing)
        by_line.setdefault(path, Counter()).update(listing.by_line())
    total = functions.total()
    return Annotation(
        total,
        tuple(FunctionShare(name, path, n) for (path, name), n in functions.most_common()),
        tuple(sorted(listings, key=lambda listing: -listing.samples)),
        tuple(
            share for path, found in by_line.items() for share in _lines(tensor_irs[path], found)
        ),
        total - sum(found.total() for found in by_line.values()),
        sum(listing.samples for listing in listings),
        Widths.sum(listing.widths for listing in listings),
    )


def _lines(tensor_ir: TensorIR, samples: Mapping[int, int]) -> Iterable[LineShare]:
    """All lines of the kernels that have samples."""
    for kernel in tensor_ir.kernels:
        if not any(samples.get(number) for number in kernel):
            continue
        for number in kernel:
            inside = tensor_ir.inside(number)
            yield LineShare(
                number,
                tensor_ir.text[number],
                samples.get(number, 0),
                sum(samples.get(each, 0) for each in inside) if inside is not None else None,
            )
