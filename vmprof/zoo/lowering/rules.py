"""How kernels run on a processor: parallel, in vectors, in tiles that fit the registers.

Two rules, tried in turn, for :class:`tvm.s_tir.dlight.ApplyDefaultSchedule`.
Nothing is tuned: sizes follow from shapes and from the width and number of
vector registers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import tvm
from tvm import s_tir, tirx
from tvm.s_tir import dlight
from tvm.s_tir.dlight.analysis import SBlockInfo, normalize_prim_func
from tvm.s_tir.dlight.base import ScheduleRule

from vmprof.zoo.lowering.host import vector_lanes
from vmprof.zoo.lowering.layout import block_of

Loop = Any  # TVM has no type stubs

# Below so many operations a loop is not worth handing out to other threads.
_WORTH_THREADS = 1 << 17


def schedule_kernels(
    target: tvm.target.Target, scheduled: Callable[[], None]
) -> tvm.transform.Pass:
    """The pass: both rules, on each kernel that nobody scheduled, which ``scheduled`` is told."""
    registers = Registers.of(target)
    return dlight.ApplyDefaultSchedule(
        _Telling(scheduled), TiledReduction(registers), Spatial(registers)
    )


@dataclass(frozen=True)
class Registers:
    """The vector registers: how many, of how many float32."""

    number: int
    lanes: int

    @classmethod
    def of(cls, target: tvm.target.Target) -> Registers:
        lanes = vector_lanes(target)
        has_32 = lanes >= 16 or "aarch64" in str(target.attrs.get("mtriple", ""))
        return cls(32 if has_32 else 16, lanes)


class _Telling(ScheduleRule):  # type: ignore[misc]
    """The first of the rules: it schedules nothing, and is asked about every kernel."""

    def __init__(self, scheduled: Callable[[], None]) -> None:
        self._scheduled = scheduled

    def apply(self, func: tirx.PrimFunc, target: Any, tunable: bool) -> Any:  # noqa: ARG002, FBT001
        self._scheduled()


class _Rule(ScheduleRule):  # type: ignore[misc]
    """A rule that leaves alone what TVM does not let it schedule."""

    def __init__(self, registers: Registers) -> None:
        self._registers = registers

    def apply(self, func: tirx.PrimFunc, target: Any, tunable: bool) -> Any:  # noqa: ARG002, FBT001
        schedule = s_tir.Schedule(func)
        blocks = normalize_prim_func(schedule)
        if blocks is None or not _static(blocks):
            return None
        try:
            return schedule if self._schedule(schedule, blocks) else None
        except s_tir.ScheduleError:
            return None

    def _schedule(self, schedule: Any, blocks: Sequence[SBlockInfo]) -> bool:
        """Schedule the kernel of these blocks, in order; False if the rule is not for it."""
        raise NotImplementedError


class TiledReduction(_Rule):
    """For kernels with one reduction: convolutions, products, pools.

    A tile of outputs is kept in registers while the reduction runs over it: some
    places of the last axis but one, times a vector of the last. Outer axes are
    run in parallel. What follows element by element is done at the tile; what
    goes before (padding) before all of it.
    """

    def _schedule(self, schedule: Any, blocks: Sequence[SBlockInfo]) -> bool:
        reductions = [number for number, block in enumerate(blocks) if not block.is_injective()]
        if len(reductions) != 1:
            return False
        (at,) = reductions
        before, anchor, after = blocks[:at], blocks[at], blocks[at + 1 :]
        kinds = anchor.dom_kind()
        spatial = kinds.count("S")
        if not spatial or kinds != "S" * spatial + "R" * (len(kinds) - spatial):
            return False
        if any(block.dom() != anchor.dom()[:spatial] for block in after):
            return False
        for block in after[:-1]:
            schedule.compute_inline(block.block_rv)
        for block in before:
            _spread(schedule, block.block_rv, self._registers.lanes)
        if after:
            output = after[-1].block_rv
        else:
            output = schedule.cache_write(anchor.block_rv, 0, "local")
            loops = schedule.get_loops(output)
            if not loops:
                return False  # one number
            # Without the axes of one place, which the other blocks have no more.
            schedule.split(schedule.fuse(*loops), anchor.dom()[:spatial])
        if len(schedule.get_loops(output)) != spatial:
            return False
        self._tile(schedule, anchor, output, spatial)
        return True

    def _tile(self, schedule: Any, anchor: SBlockInfo, output: Any, spatial: int) -> None:
        extents = [int(extent) for extent in anchor.dom()]
        *outer, last = schedule.get_loops(output)
        across = outer.pop() if outer else schedule.add_unit_loop(last)
        width, vector = ([1, *extents[:spatial]])[-2:]
        if vector > 2 * self._registers.lanes:
            length, vector = vector, block_of(vector, self._registers.lanes)
            chunks, last = schedule.split(last, [None, vector])
            if width > 1:
                schedule.reorder(chunks, across)
                outer.append(chunks)
            else:
                # Several chunks make up for the tile that this axis cannot give.
                width, across = length // vector, schedule.fuse(across, chunks)
        vectors = -(-vector // self._registers.lanes)
        accumulators = self._registers.number * 3 // 4 // vectors
        rest, across = schedule.split(across, [None, _tile_of(width, accumulators)])
        parallel = schedule.fuse(*outer) if outer else rest
        if prod(extents) >= _WORTH_THREADS:
            schedule.parallel(parallel)
        schedule.unroll(across)
        schedule.vectorize(last)
        schedule.compute_at(anchor.block_rv, rest, preserve_unit_loops=True)
        self._accumulate(schedule, anchor.block_rv, len(extents), spatial, vector)

    def _accumulate(
        self, schedule: Any, block: Any, iterators: int, spatial: int, vector: int
    ) -> None:
        """Reduce outside, tile and vector inside; begin with zero before all of it."""
        loops = schedule.get_loops(block)[-iterators:]
        *across, last = loops[:spatial]
        reduced = loops[spatial:]
        chunks, last = schedule.split(last, [None, vector])
        inner = [*across[-1:], chunks]
        schedule.reorder(*reduced, *inner, last)
        for loop in inner:
            schedule.unroll(loop)
        schedule.vectorize(last)
        schedule.decompose_reduction(block, reduced[0])


class Spatial(_Rule):
    """For kernels without reductions: parallel outside, the last axis in vectors."""

    def _schedule(self, schedule: Any, blocks: Sequence[SBlockInfo]) -> bool:
        if not all(block.is_injective() for block in blocks):
            return False
        for block in blocks[:-1]:
            schedule.compute_inline(block.block_rv)
        _spread(schedule, blocks[-1].block_rv, self._registers.lanes)
        return True


def _spread(schedule: Any, block: Any, lanes: int) -> None:
    """Outer loops of ``block`` in parallel, the last in vectors."""
    loops = schedule.get_loops(block)
    if not loops:
        return  # a scalar
    *outer, last = loops
    extents = [int(schedule.get(loop).extent) for loop in (*outer, last)]
    if extents[-1] > 2 * lanes:
        chunks, last = schedule.split(last, [None, block_of(extents[-1], lanes)])
        outer.append(chunks)
    if extents[-1] > 1:
        schedule.vectorize(last)
    if outer and prod(extents) >= _WORTH_THREADS:
        # The inner one stays by itself, so that its indices need no division.
        schedule.parallel(schedule.fuse(*outer[:-1]) if len(outer) > 1 else outer[0])


def _static(blocks: Sequence[SBlockInfo]) -> bool:
    return all(isinstance(extent, int) for block in blocks for extent in block.dom())


def _tile_of(width: int, accumulators: int) -> int:
    """How many of ``width`` places to keep in registers at once.

    As few places as possible are computed in vain, in as few tiles; a last tile
    that is not whole costs a comparison for each place.
    """

    def cost(tile: int) -> int:
        tiles = -(-width // tile)
        return tiles * (tile + (2 if width % tile == 0 else 3))

    return min(range(1, max(accumulators, 1) + 1), key=cost)
