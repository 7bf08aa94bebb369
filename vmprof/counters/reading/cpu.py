"""CPU time: of what is counted, and of the whole process, to see whether anything is missed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from vmprof.counters.encoding import SOFTWARE, Encoding, Event
from vmprof.counters.passes import Pass
from vmprof.counters.reading.group import Opener, Refused
from vmprof.counters.source import Source
from vmprof.native import ffi, lib, owned
from vmprof.runs.layout import CALLER, COUNTED, PROCESS, TEAM, THREADS, Layout, ReadingCost

# The column of the pass for CPU time, in nanoseconds: spent on what is counted.
CPU = "CPU"

_TASK_CLOCK = Event("task-clock", (Encoding("software", SOFTWARE, 1),))
_WINDOWS = 1000


@dataclass(frozen=True)
class CpuClocks:
    """Two passes: ``time`` reads :data:`CPU`, ``watch`` who else worked meanwhile.

    ``counted`` is the column of ``watch`` that has what counters count.
    """

    time: Pass
    watch: Pass
    counted: str


@contextmanager
def open_cpu_clocks(opener: Opener, *, tasks: bool) -> Iterator[CpuClocks | None]:
    """Of what ``opener`` opens groups for; with ``tasks``, counters also follow a call's tasks.

    None if those are other threads than the calling one and they cannot be counted.
    """
    with ExitStack() as stack:
        if opener.inherit:
            try:
                group = stack.enter_context(opener.open([_TASK_CLOCK], user_reads=False))
            except Refused:
                yield None
                return
            counting = tuple(group.sources)
        else:
            counting = (_clock(lib.VMPROF_CPU_OF_THREAD, CPU, stack),)
        layout = Layout((CPU,), tuple((0,) for _ in counting))
        clocks = CpuClocks(
            Pass(replace(layout, cost=_cost(counting)), counting, ""),
            _watch(counting if opener.inherit else (), stack),
            COUNTED if opener.inherit else TEAM if tasks else CALLER,
        )
        stack.callback(clocks.time.team.close)
        stack.callback(clocks.watch.team.close)
        yield clocks


def _watch(counting: tuple[Source, ...], stack: ExitStack) -> Pass:
    kinds = {
        CALLER: lib.VMPROF_CPU_OF_THREAD,
        TEAM: lib.VMPROF_CPU_OF_TEAM,
        THREADS: lib.VMPROF_CPU_OF_THREADS,
        PROCESS: lib.VMPROF_CPU_OF_PROCESS,
    }
    clocks = {column: _clock(kind, column, stack) for column, kind in kinds.items()}
    sources = (*clocks.values(), *counting)
    columns = (*clocks, *([COUNTED] if counting else []))
    of_sources = [min(number, len(clocks)) for number in range(len(sources))]
    layout = Layout(
        columns,
        tuple((column,) for column in of_sources),
        of_caller=frozenset(range(len(sources))),
    )
    watch = Pass(layout, sources, "", watches=True)
    lib.vmprof_cpu_watch(clocks[TEAM].pointer, watch.team.pointer)
    return watch


def _cost(sources: tuple[Source, ...]) -> ReadingCost:
    for source in sources:
        source.enable()
    pointers = [source.pointer for source in sources]
    cost = lib.vmprof_cpu_reading_cost(pointers, len(pointers), _WINDOWS)
    for source in sources:
        source.disable()
    # Where events count other threads too, what those did meanwhile is no cost of reading.
    return ReadingCost(min(max(cost.inside, 0), cost.whole), cost.whole)


def _clock(whose: int, column: str, stack: ExitStack) -> Source:
    pointer = owned(lib.vmprof_source_close, lib.vmprof_cpu_open, whose)
    if pointer == ffi.NULL:
        raise MemoryError
    source = Source(pointer, [column])
    stack.callback(source.close)
    return source
