"""Which events are counted in which pass over the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType

from vmprof.counters.collector import NativeCollector
from vmprof.counters.cpu import CpuClocks, open_cpu_clocks
from vmprof.counters.errata import group_objection
from vmprof.counters.events import Event, Group
from vmprof.counters.group import CounterGroup, Opener, Refused
from vmprof.counters.machine import Machine
from vmprof.counters.passes import Pass
from vmprof.counters.scope import Scope
from vmprof.counters.source import Layout
from vmprof.counters.trust import examine
from vmprof.counters.wide import WideCounters
from vmprof.errors import VmprofError
from vmprof.native import lib

# Long enough for the kernel to schedule a group, or to find that it cannot.
_PROBE_ITERATIONS = 10_000


@dataclass
class Counters(AbstractContextManager["Counters"]):
    """Everything that will be counted, open and ready, in as few passes as the PMU allows.

    ``refused`` says of each other event why not and what to do. ``unproven``
    are hardware events that did not count in the check: if they read 0 in the
    whole run too, nobody knows whether they exist. ``user_only``: the
    permission level hides the kernel, events count user space alone.
    ``fell_back``: not one of the events could be counted, and what was named
    for this case is. ``note`` says why there are several passes. ``scope``: whose
    work is counted. ``clocks`` are passes for CPU time (:mod:`vmprof.counters.cpu`),
    None in a single pass and where they cannot be had. Use as a context manager:
    everything is closed whatever happens.
    """

    wide: WideCounters
    passes: tuple[Pass, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)
    unproven: frozenset[str] = frozenset()
    user_only: bool = False
    fell_back: bool = False
    note: str | None = None
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
) -> Counters:
    """Open what can be counted of ``groups`` for the calling thread, and others in ``scope``.

    If that is nothing at all, ``otherwise`` is counted instead. Every hardware
    event is checked against known work first. Groups keep together; they share
    a pass as long as the PMU holds them all at the same time, which is tried,
    not computed. With ``multiplex`` there is one pass, in which the groups take
    turns. Each of ``collectors`` has a pass of its own: what it does in a
    window, others would count. ``single_pass`` puts all into one pass
    nevertheless; :class:`VmprofError` if the PMU cannot hold it.
    """
    with ExitStack() as stack:
        opener = Opener(machine)
        selection = _Selection(opener)
        units = selection.usable(groups)
        fell_back = not units and not selection.wide
        if fell_back:
            units = selection.usable(otherwise)
        scope = scope or Scope()
        note = None
        if multiplex:
            passes = _one_pass_in_turns(units, scope.apply(opener), stack)
        else:
            bins = _pack(units, opener, selection.refused)
            if single_pass and len(bins) > 1:
                raise VmprofError(
                    f"the events need {len(bins)} passes over the model; without --single-pass "
                    "they get them, with --multiplex they take turns in one"
                )
            counting = scope.apply(opener)
            passes = [_open_pass(events, counting, stack) for events in bins]
            if len(bins) > 1:
                why = ["the PMU does not hold all events at the same time"]
                note = "; ".join(why + _fewer_counters(machine))
        for collector in collectors:
            source = stack.enter_context(collector.open())
            layout = Layout(
                source.columns, (tuple(range(len(source.columns))),), of_caller=frozenset({0})
            )
            passes.append(Pass(layout, (source,), f"by {collector.name}"))
        if single_pass and len(passes) > 1:
            passes = [_together(passes)]
        for one in passes:
            stack.callback(one.team.close)
        clocks = None
        if not single_pass:
            clocks = stack.enter_context(open_cpu_clocks(scope.apply(opener), tasks=scope.tasks))
        wide = stack.enter_context(WideCounters(selection.wide, machine))
        return Counters(
            wide,
            tuple(passes),
            selection.refused | wide.refused,
            frozenset(selection.unproven),
            opener.user_only,
            fell_back,
            note,
            scope,
            clocks,
            stack.pop_all(),
        )


class _Selection:
    """Sorts events into those that can be counted here, and the others with their reasons."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._seen: set[str] = set()
        self.refused: dict[str, str] = {}
        self.unproven: set[str] = set()
        self.wide: list[Event] = []

    def usable(self, groups: Iterable[Group]) -> list[Group]:
        """What of ``groups`` a thread can count here; those that share an event are one."""
        return [usable for group in _joined(groups) if (usable := self._usable(group))]

    def _usable(self, group: Group) -> Group:
        new = [event for event in group if event.name not in self._seen]
        self._seen.update(event.name for event in new)
        self.wide += [event for event in new if event.cpu_wide]
        return tuple(event for event in new if not event.cpu_wide and self._is_usable(event))

    def _is_usable(self, event: Event) -> bool:
        verdict = examine(event, self._opener)
        if verdict.problem is not None:
            self.refused[event.name] = verdict.problem
        elif not verdict.proven:
            self.unproven.add(event.name)
        return verdict.problem is None


def _joined(groups: Iterable[Group]) -> list[Group]:
    """``groups``, with those that share an event made one: each event is counted once."""
    joined: list[Group] = []
    for group in groups:
        sharing = [each for each in joined if set(each) & set(group)]
        if sharing:
            whole = tuple(dict.fromkeys(event for each in (*sharing, group) for event in each))
            joined[joined.index(sharing[0])] = whole
            joined = [each for each in joined if each not in sharing]
        else:
            joined.append(group)
    return joined


def _pack(units: Sequence[Group], opener: Opener, refused: dict[str, str]) -> list[Group]:
    """First fit: each unit goes into the first pass that holds it too."""
    bins: list[Group] = []
    for unit in units:
        for number, events in enumerate(bins):
            if _fits(events + unit, opener):
                bins[number] = events + unit
                break
        else:
            if _fits(unit, opener):
                bins.append(unit)
            else:
                reason = group_objection(unit, opener.machine) or _too_many(unit, opener)
                refused.update(dict.fromkeys((e.name for e in unit), reason))
    return bins


def _fits(events: Group, opener: Opener) -> bool:
    """Whether ``events`` open as one group and count at the same time."""
    try:
        group = opener.open(events, user_reads=False)
    except Refused:
        return False
    with group:
        group.enable()
        before = group.read()
        lib.vmprof_known_loop(_PROBE_ITERATIONS)
        after = group.read()
        group.disable()
    if before is None or after is None:
        return False
    # The groups of a hybrid take turns: together they count all the time.
    spent = [now.since(then) for now, then in zip(after, before, strict=True)]
    return sum(s.running_ns for s in spent) >= max(s.enabled_ns for s in spent) > 0


def _too_many(unit: Group, opener: Opener) -> str:
    return "; ".join(
        [
            f"the PMU cannot count the {len(unit)} events of its group at the same time",
            *_fewer_counters(opener.machine),
            "take events out of the braces",
        ]
    )


def _fewer_counters(machine: Machine) -> list[str]:
    """What takes counters away from this machine's events."""
    reasons = []
    if machine.nmi_watchdog:
        reasons.append(
            "the NMI watchdog holds one counter, which it gives back after: "
            "sudo sysctl kernel.nmi_watchdog=0"
        )
    if machine.smt_active and machine.vendor == "GenuineIntel":
        reasons.append("SMT is on, which halves a thread's counters on Intel before Ice Lake")
    return reasons


def _open_pass(events: Group, opener: Opener, stack: ExitStack) -> Pass:
    group = stack.enter_context(opener.open(events))
    group.enable()
    in_user_space = group.reads_in_user_space()
    group.disable()
    how = "in user space, without a system call" if in_user_space else "by one read() of the group"
    if not in_user_space and len(group.sources) > 1:
        how = f"by {len(group.sources)} read() calls, one per thread and core PMU"
    return Pass(group.layout, tuple(group.sources), how)


def _together(passes: Sequence[Pass]) -> Pass:
    """One pass that reads everything in the same windows."""
    sources = tuple(source for one in passes for source in one.sources)
    layout = Layout.joined([one.layout for one in passes])
    return Pass(layout, sources, "; ".join(one.how for one in passes))


def _one_pass_in_turns(units: Sequence[Group], opener: Opener, stack: ExitStack) -> list[Pass]:
    """One pass that reads every unit's group; the kernel decides which counts when."""
    groups: list[CounterGroup] = [
        stack.enter_context(opener.open(unit, pinned=False, user_reads=False)) for unit in units
    ]
    sources = tuple(source for group in groups for source in group.sources)
    if not sources:
        return []
    layout = replace(Layout.joined([group.layout for group in groups]), multiplexed=True)
    return [Pass(layout, sources, f"multiplexed, by {len(sources)} read() calls")]
