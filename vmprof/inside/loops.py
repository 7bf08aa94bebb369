"""Loops of machine code: what is run again and again, found from the branches back.

A loop has one beginning, through which alone it is entered: the natural loops of Aho, Sethi and
Ullman's book; and dominators as Cooper, Harvey and Kennedy find them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from vmprof.inside.instructions import Instruction

# Where every way into a function begins.
_OUTSIDE = -1


@dataclass(frozen=True)
class Loop:
    """The instructions at ``addresses``; the loop is entered at ``begin``.

    ``depth`` is 1 for one that lies in no other; ``around`` is the beginning of the one that it
    lies in.
    """

    begin: int
    addresses: frozenset[int]
    depth: int = 1
    around: int | None = None


@dataclass
class _Block:
    """Instructions that are run one after the other, from ``first`` on."""

    first: int
    instructions: list[Instruction]
    after: list[_Block] = field(default_factory=list)
    before: list[_Block] = field(default_factory=list)
    place: int = -1  # in reverse postorder


def find_loops(code: Sequence[Instruction]) -> tuple[Loop, ...]:
    """The loops of a function, whose instructions are ``code``, outer ones first."""
    blocks = _blocks(code)
    if not blocks:
        return ()
    order = _reverse_postorder(blocks)
    dominator = _dominators(order)
    bodies: dict[int, set[int]] = {}
    for block in order:
        for header in block.after:
            if _dominates(header.place, block.place, dominator):
                bodies.setdefault(header.place, {header.place}).update(_body(header, block))
    return _nested(
        [
            Loop(
                order[header].first,
                frozenset(each.address for place in body for each in order[place].instructions),
            )
            for header, body in bodies.items()
        ]
    )


def innermost(loops: Sequence[Loop]) -> dict[int, Loop]:
    """The innermost of ``loops``, which are as :func:`find_loops` gives them, by address."""
    return {address: loop for loop in loops for address in loop.addresses}


def _blocks(code: Sequence[Instruction]) -> list[_Block]:
    known = {each.address for each in code}
    starts = {code[0].address} if code else set()
    for each, next_ in pairwise(code):
        if each.traits.flow != "next":
            starts.add(next_.address)
    starts.update(each.traits.target for each in code if each.traits.target in known)
    blocks: list[_Block] = []
    for each in code:
        if each.address in starts:
            blocks.append(_Block(each.address, []))
        blocks[-1].instructions.append(each)
    by_first = {block.first: block for block in blocks}
    for place, block in enumerate(blocks):
        last = block.instructions[-1]
        targets = [by_first[last.traits.target]] if last.traits.target in by_first else []
        if last.traits.flow in ("next", "branch") and place + 1 < len(blocks):
            targets.append(blocks[place + 1])
        for target in targets:
            block.after.append(target)
            target.before.append(block)
    return blocks


def _reverse_postorder(blocks: list[_Block]) -> list[_Block]:
    """From the first block; and from each that is reached in no way that is seen, as by tables."""
    done: list[_Block] = []
    seen: set[int] = set()
    for root in blocks:
        if root.first in seen:
            continue
        seen.add(root.first)
        found: list[_Block] = []
        stack = [(root, iter(root.after))]
        while stack:
            block, left = stack[-1]
            next_ = next((each for each in left if each.first not in seen), None)
            if next_ is None:
                stack.pop()
                found.append(block)
            else:
                seen.add(next_.first)
                stack.append((next_, iter(next_.after)))
        done += reversed(found)
    for place, block in enumerate(done):
        block.place = place
    return done


def _dominators(order: list[_Block]) -> list[int]:
    """Of each block the one that every way to it leads through last; :data:`_OUTSIDE` of roots."""
    unknown = len(order)
    dominator = [unknown] * len(order)
    changed = True
    while changed:
        changed = False
        for block in order:
            known = [each.place for each in block.before if dominator[each.place] != unknown]
            # A root has none before it in this order.
            best = known[0] if known and min(known) < block.place else _OUTSIDE
            for place in known[1:]:
                best = _common(best, place, dominator)
            if dominator[block.place] != best:
                dominator[block.place] = best
                changed = True
    return dominator


def _common(one: int, other: int, dominator: list[int]) -> int:
    while one != other:
        if one < other:
            one, other = other, one
        one = dominator[one]
    return one


def _dominates(header: int, place: int, dominator: list[int]) -> bool:
    while place > header:
        place = dominator[place]
    return place == header


def _body(header: _Block, back: _Block) -> Iterator[int]:
    """The blocks from which ``back``, which goes back to ``header``, is reached without it."""
    seen = {header.place}
    stack = [back]
    while stack:
        block = stack.pop()
        if block.place not in seen:
            seen.add(block.place)
            yield block.place
            stack += block.before


def _nested(loops: list[Loop]) -> tuple[Loop, ...]:
    ordered = sorted(loops, key=lambda loop: (-len(loop.addresses), loop.begin))
    nested: list[Loop] = []
    for loop in ordered:
        outside = [each for each in nested if loop.begin in each.addresses]
        around = outside[-1] if outside else None
        nested.append(
            replace(loop, depth=1 + len(outside), around=around.begin if around else None)
        )
    return tuple(nested)
