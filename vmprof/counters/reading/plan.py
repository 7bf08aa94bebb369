"""Which events are counted in which pass over the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType

from vmprof.counters.hardware.machine import Machine
from vmprof.counters.names.breakpoints import Place, located
from vmprof.counters.names.events import Group
from vmprof.counters.passes import Pass
from vmprof.counters.reading.collector import NativeCollector
from vmprof.counters.reading.cpu import CpuClocks, open_cpu_clocks
from vmprof.counters.reading.group import CounterGroup, Opener, Refused
from vmprof.counters.reading.packing import Selection, pack, why_several
from vmprof.counters.reading.scope import Scope
from vmprof.counters.reading.trial import try_out
from vmprof.counters.reading.wide import WideCounters, WideEvent
from vmprof.errors import VmprofError
from vmprof.runs.layout import Layout


def no_symbols(symbol: str) -> Place:
    raise VmprofError(f"nothing is loaded in which {symbol!r} could be looked up")


@dataclass
class Counters(AbstractContextManager["Counters"]):
    """Everything that will be counted, open and ready, in as few passes as the PMU allows.

    ``asked`` has the column of each event that was named, and of each value of a
    collector. ``refused`` says of each event that will not be counted why not and what
    to do. ``unproven`` are hardware events that did not count in the check: if they read
    0 in the whole run too, nobody knows whether they exist. ``user_only``: the
    permission level hides the kernel, events count user space alone.
    ``fell_back``: not one of the events could be counted, and what was named for this
    case is. ``notes`` say why it is counted as it is, by what they are about. ``scope``:
    whose work is counted. ``clocks`` are passes for CPU time (:mod:`vmprof.counters.reading.cpu`),
    None in a single pass and where they cannot be had. Use as a context manager:
    everything is closed whatever happens.
    """

    wide: WideCounters
    passes: tuple[Pass, ...] = ()
    asked: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    unproven: frozenset[str] = frozenset()
    user_only: bool = False
    fell_back: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)
    scope: Scope = field(default_factory=Scope)
    clocks: CpuClocks | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def sample_words(self) -> int:
        """Of the pass that reads most."""
        clocks = [self.clocks.time, self.clocks.watch] if self.clocks else []
        passes = [*self.passes, *clocks]
        return max((p.layout.sample_words for p in passes), default=0)

    def close(self) -> None:
        self._stack.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_counters(
    groups: Iterable[Group],
    machine: Machine,
    *,
    otherwise: Iterable[Group] = (),
    multiplex: bool = False,
    single_pass: bool = False,
    collectors: Sequence[NativeCollector] = (),
    scope: Scope | None = None,
    find: Callable[[str], Place] = no_symbols,
) -> Counters:
    """Open what can be counted of ``groups`` for the calling thread, and others in ``scope``.

    If that is nothing at all, ``otherwise`` is counted instead. Every hardware
    event is checked against known work first. Groups keep together; they share
    a pass as long as the PMU holds them all at the same time, which is tried,
    not computed. With ``multiplex`` there is one pass, in which the groups take
    turns. Each of ``collectors`` has a pass of its own: what it does in a
    window, others would count. ``single_pass`` puts all into one pass
    nevertheless; :class:`VmprofError` if the PMU cannot hold it. ``find`` says where
    symbols of breakpoints lie.
    """
    scope = scope or Scope()
    with ExitStack() as stack:
        opener = Opener(machine)
        selection = Selection(opener)
        units = selection.usable(located(groups, find))
        wide = stack.enter_context(WideCounters(selection.wide, machine))
        fell_back = not units and not wide.columns
        if fell_back:
            number = len(selection.wide)
            units = selection.usable(located(otherwise, find))
            wide.open(selection.wide[number:])
        notes: dict[str, str] = {}
        if machine.is_virtual and any(event.is_breakpoint for unit in units for event in unit):
            notes["Breakpoints"] = (
                "at least so many: a hypervisor may lose some, in few runs, without a word"
            )
        if multiplex and len(units) == 1:
            multiplex = False
            notes["Multiplexing"] = (
                "none: there is one group of events, which takes turns with nobody; it is counted "
                "all the time, as without --multiplex"
            )
        if multiplex:
            passes = _in_turns(units, scope.apply(opener), selection, stack)
        else:
            bins = pack(units, selection, opener)
            if single_pass and len(bins) > 1:
                raise VmprofError(
                    f"the events need {len(bins)} passes over the model; without --single-pass "
                    "they get them, with --multiplex they take turns in one"
                )
            passes = _one_by_one(bins, scope, opener, selection, stack)
            if len(bins) > 1:
                notes["Why several passes"] = why_several(selection.apart, machine)
        passes += [_collecting(collector, stack) for collector in collectors]
        if single_pass and len(passes) > 1:
            passes = [_together(passes)]
        for one in passes:
            stack.callback(one.team.close)
        clocks = None
        if not single_pass:
            clocks = stack.enter_context(open_cpu_clocks(scope.apply(opener), tasks=scope.tasks))
        return Counters(
            wide=wide,
            passes=tuple(passes),
            asked={
                **{name: WideEvent(event).column for name, event in selection.asked.items()},
                **{column: column for one in passes for column in one.layout.columns},
            },
            refused=selection.refused | wide.refused,
            unproven=frozenset(selection.unproven),
            user_only=opener.user_only,
            fell_back=fell_back,
            notes=notes,
            scope=scope,
            clocks=clocks,
            _stack=stack.pop_all(),
        )


def _one_by_one(
    bins: Sequence[Group],
    scope: Scope,
    opener: Opener,
    selection: Selection,
    stack: ExitStack,
) -> list[Pass]:
    """A pass for each of ``bins``, which a thread can count, as far as ``scope`` can be."""
    counting = scope.apply(opener)
    passes = []
    for events in bins:
        try:
            group = counting.open(events)
        except Refused as refused:
            selection.refuse(events, refused.reason)
            continue
        trouble = try_out([group])
        if trouble is not None:
            group.close()
            selection.refuse(events, trouble.reason)
            continue
        stack.enter_context(group)
        passes.append(Pass(group.layout, group.sources, _how(group)))
    return passes


def _how(group: CounterGroup) -> str:
    """How a window reads it."""
    group.enable()
    calls, sources = group.reads_by_system_call(), len(group.sources)
    group.disable()
    if not calls:
        return "in user space, without a system call"
    if sources == 1:
        return "by one read() of the group"
    how = f"by {calls} read() call{'s' * (calls > 1)}, one per thread and kind of event"
    return how if calls == sources else f"{how}; the others in user space"


def _in_turns(
    units: Sequence[Group], opener: Opener, selection: Selection, stack: ExitStack
) -> list[Pass]:
    """One pass that reads every unit's group; the kernel decides which counts when."""
    groups: list[CounterGroup] = []
    for unit in units:
        try:
            group = opener.open(unit, pinned=False, user_reads=False)
        except Refused as refused:
            selection.refuse(unit, refused.reason)
        else:
            groups.append(stack.enter_context(group))
    while groups and (trouble := try_out(groups, in_turns=True)):
        for group in [*groups]:
            columns = [event.name for event in group.events]
            if not trouble.columns or set(columns) & set(trouble.columns):
                selection.refuse(group.events, trouble.reason)
                group.close()
                groups.remove(group)
    if not groups:
        return []
    sources = [source for group in groups for source in group.sources]
    layout = replace(Layout.joined([group.layout for group in groups]), multiplexed=True)
    return [Pass(layout, sources, f"multiplexed, by {len(sources)} read() calls")]


def _collecting(collector: NativeCollector, stack: ExitStack) -> Pass:
    """A pass for what a user's library reads, which counts whatever it does, all the time."""
    source = stack.enter_context(collector.open())
    alone = frozenset({0})
    layout = Layout(
        source.columns, (tuple(range(len(source.columns))),), of_caller=alone, untimed=alone
    )
    return Pass(layout, [source], f"by {collector.name}")


def _together(passes: Sequence[Pass]) -> Pass:
    """One pass that reads everything in the same windows."""
    sources = [source for one in passes for source in one.sources]
    layout = Layout.joined([one.layout for one in passes])
    return Pass(layout, sources, "; ".join(one.how for one in passes))
