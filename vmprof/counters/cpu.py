"""CPU time: of what is counted, and of the whole process, to see whether anything is missed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from vmprof.counters.encoding import SOFTWARE, Encoding, Event
from vmprof.counters.group import Opener, Refused
from vmprof.counters.passes import Pass
from vmprof.counters.source import Layout, Source
from vmprof.native import ffi, lib

# The columns of the pass, in nanoseconds. CPU: spent on what is counted. PROCESS: spent
# by all threads. KNOWN, where perf events do not count it: all that the calling thread
# and those that did tasks spent, idle spinning included.
CPU, PROCESS, KNOWN = "CPU", "process", "known"

_TASK_CLOCK = Event("task-clock", (Encoding("software", SOFTWARE, 1),))


@contextmanager
def open_cpu_clocks(opener: Opener) -> Iterator[Pass | None]:
    """A pass of its own that reads CPU time, of what ``opener`` opens groups for.

    None if those are other threads than the calling one and they cannot be counted.
    """
    with ExitStack() as stack:
        process = _clock(lib.VMPROF_CPU_OF_PROCESS, PROCESS, stack)
        if opener.inherit:
            try:
                group = stack.enter_context(opener.open([_TASK_CLOCK], user_reads=False))
            except Refused:
                yield None
                return
            sources = (*group.sources, process)
            columns = (*((0,) for _ in group.sources), (1,))
            of_caller = frozenset({len(group.sources)})
            one = Pass(Layout((CPU, PROCESS), columns, of_caller=of_caller), sources, "")
        else:
            known = _clock(lib.VMPROF_CPU_OF_TEAM, KNOWN, stack)
            sources = (_clock(lib.VMPROF_CPU_OF_THREAD, CPU, stack), known, process)
            layout = Layout((CPU, KNOWN, PROCESS), ((0,), (1,), (2,)), of_caller=frozenset({1, 2}))
            one = Pass(layout, sources, "")
            lib.vmprof_cpu_watch(known.pointer, one.team.pointer)
        stack.callback(one.team.close)
        yield one


def _clock(whose: int, column: str, stack: ExitStack) -> Source:
    pointer = lib.vmprof_cpu_open(whose)
    if pointer == ffi.NULL:
        raise MemoryError
    source = Source(pointer, [column])
    stack.callback(source.close)
    return source
