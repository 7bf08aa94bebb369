"""A function whose code is known, with its samples: by instruction, by loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vmprof.inside.code import Function, MachineCode
from vmprof.inside.instructions import Instruction, instructions
from vmprof.inside.loops import Loop, find_loops, innermost
from vmprof.inside.mix import Mix, Widths, widths_seen
from vmprof.inside.tensor_ir import TensorIR


@dataclass(frozen=True)
class LoopShare:
    """A loop of machine code in ``function``.

    ``samples`` are of all of it, ``own`` of what is in no loop inside; ``mix`` is of the latter.
    ``line`` is the loop of the TensorIR that it was made of, if that is known.
    """

    function: str
    loop: Loop
    samples: int
    own: int
    mix: Mix
    line: int | None


class Step(NamedTuple):
    """An instruction, how many samples it has, what line it was made of, and in which loops."""

    instruction: Instruction
    samples: int
    line: int | None
    depth: int


@dataclass(frozen=True)
class Listing:
    """A function that has samples and whose code is known."""

    name: str
    path: str
    samples: int
    steps: tuple[Step, ...]
    loops: tuple[LoopShare, ...]
    widths: Widths

    def by_line(self) -> Counter[int]:
        """How many samples each line has."""
        counts: Counter[int] = Counter()
        for step in self.steps:
            if step.samples and step.line is not None:
                counts[step.line] += step.samples
        return counts


def list_function(
    code: MachineCode, function: Function, samples: Mapping[int, int], tensor_ir: TensorIR
) -> Listing:
    """``function`` of ``code``, with its ``samples`` by address; ``tensor_ir`` is of ``code``.

    An instruction that has no line of its own, as counting and jumping often have none, counts
    to the loop of the TensorIR that its loop was made of, or else to the first line of its
    kernel.
    """
    read = instructions(code, function)
    samples = _on_instructions(read, samples)
    loops = find_loops(read)
    inner = innermost(loops)
    lines = _lines_of(function, read)
    sources = {
        loop.begin: tensor_ir.loop_around(
            [lines[each.address] for each in read if each.address in loop.addresses]
        )
        for loop in loops
    }
    title = tensor_ir.title_of(lines.values())

    def step(each: Instruction) -> Step:
        loop = inner.get(each.address)
        line = lines[each.address] or (sources[loop.begin] if loop else None) or title
        return Step(each, samples.get(each.address, 0), line, loop.depth if loop else 0)

    def share(loop: Loop) -> LoopShare:
        own = [each for each in read if inner.get(each.address) is loop]
        return LoopShare(
            function.shown,
            loop,
            sum(samples.get(address, 0) for address in loop.addresses),
            sum(samples.get(each.address, 0) for each in own),
            Mix.of(own),
            sources[loop.begin],
        )

    return Listing(
        function.shown,
        code.path,
        sum(samples.values()),
        tuple(map(step, read)),
        tuple(sorted(map(share, loops), key=lambda share: -share.own)),
        widths_seen(read, inner, samples, code.vector_bits),
    )


def _on_instructions(steps: Sequence[Instruction], samples: Mapping[int, int]) -> Mapping[int, int]:
    """``samples`` by the instruction that each is in: an address may be in the middle of one."""
    starts = {each.address for each in steps}
    if starts.issuperset(samples):
        return samples
    found: Counter[int] = Counter()
    ordered = sorted(samples)
    place = 0
    for each in steps:
        while place < len(ordered) and ordered[place] < each.end:
            found[each.address] += samples[ordered[place]]
            place += 1
    return found


def _lines_of(function: Function, steps: Sequence[Instruction]) -> dict[int, int]:
    """The line of each instruction by address, 0 where it has none."""
    lines: dict[int, int] = {}
    changes = iter([*function.lines, (function.end, 0)])
    line, (next_at, next_line) = 0, next(changes)
    for each in steps:
        while next_at <= each.address:
            line = next_line
            next_at, next_line = next(changes)
        lines[each.address] = line
    return lines
