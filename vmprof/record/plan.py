"""What is counted, by either way of recording: chosen first, and opened once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vmprof.counters import Counters, Machine, open_counters
from vmprof.counters.names.breakpoints import Place
from vmprof.counters.reading.collector import NativeCollector
from vmprof.counters.reading.plan import no_symbols
from vmprof.counters.reading.scope import Scope
from vmprof.counters.sets import CounterSet, choose, load_set
from vmprof.record.collector_columns import CheckedCollector, ColumnNames
from vmprof.record.collectors import check_collector
from vmprof.record.options import Counting
from vmprof.values import Metric


@dataclass(frozen=True)
class OpenPlan:
    """``counters``, to be closed by whoever has them; ``counted`` is the set that they are of."""

    counters: Counters
    counted: CounterSet

    def facts(self, when: str) -> dict[str, Metric]:
        """What a report says of it; ``when`` says in which runs they are counted."""
        counters, counted, facts = self.counters, self.counted, dict[str, Metric]()
        if counters.passes:
            where = "user space only" if counters.user_only else "user space and kernel"
            facts["Counters"] = f"{counters.scope.seen}, {where}, {when}"
            facts["Counters do not tell"] = counters.scope.unseen
        facts |= counters.notes
        if counted.name:
            processors = f" ({counted.processors})" if counted.processors else ""
            facts["Counter set"] = counted.name + processors
        return facts


@dataclass(frozen=True)
class Plan:
    """The counter set that ``counting`` names, and the one for machines that have none of it.

    Besides, its collectors, by how they are called; their columns are nobody else's.
    """

    counting: Counting
    scope: Scope
    machine: Machine
    chosen: CounterSet
    fallback: CounterSet | None
    in_c: Sequence[NativeCollector] = ()
    in_python: Sequence[CheckedCollector] = ()

    @classmethod
    def of(cls, counting: Counting) -> Plan:
        """:class:`VmprofError` for a wrong name, or what is no collector."""
        scope, machine = Scope(counting.count), Machine.read()
        chosen = choose(counting.events, machine)
        fallback = load_set(chosen.fallback, machine) if chosen.fallback else None
        plan = cls(counting, scope, machine, chosen, fallback)
        names = ColumnNames(plan.columns)
        in_c: list[NativeCollector] = []
        in_python: list[CheckedCollector] = []
        for each in counting.collectors:
            collector = check_collector(each, type(each).__name__)
            if isinstance(collector, NativeCollector):
                in_c.append(replace(collector, claim=names.claim))
            else:
                in_python.append(CheckedCollector(collector, names))
        return replace(plan, in_c=in_c, in_python=in_python)

    @property
    def columns(self) -> list[str]:
        """Those of all events that may be counted, and what is derived from them."""
        return [
            column
            for each in (self.chosen, self.fallback)
            if each is not None
            for column in (
                *(event.name for group in each.groups for event in group),
                *(metric.column for metric in each.metrics),
            )
        ]

    def open(
        self,
        *,
        single_pass: bool = False,
        find: Callable[[str], Place] = no_symbols,
    ) -> OpenPlan:
        """Open what can be counted here, for the calling thread: see :func:`open_counters`."""
        counters = open_counters(
            self.chosen.groups,
            self.machine,
            otherwise=self.fallback.groups if self.fallback else (),
            multiplex=self.counting.multiplex,
            single_pass=single_pass,
            collectors=self.in_c,
            scope=self.scope,
            find=find,
        )
        fell_back = self.fallback if counters.fell_back else None
        return OpenPlan(counters, fell_back or self.chosen)
