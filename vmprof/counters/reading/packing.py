"""Events -> passes: which are counted at the same time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vmprof.counters.hardware.machine import Machine
from vmprof.counters.names.events import Event, Group
from vmprof.counters.reading.errata import group_objection
from vmprof.counters.reading.group import Opener
from vmprof.counters.reading.trial import Trouble, trouble_with
from vmprof.counters.reading.trust import examine


class Selection:
    """Sorts events into those that can be counted here, and the others with their reasons.

    ``asked`` are all of them; ``refused`` has the reasons; ``unproven`` are those that
    opened, and have not been seen to count; ``wide`` those of whole processors. ``apart``
    is why events are in several passes.
    """

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self.asked: dict[str, Event] = {}
        self.refused: dict[str, str] = {}
        self.unproven: set[str] = set()
        self.wide: list[Event] = []
        self.apart: list[Trouble] = []

    def usable(self, groups: Iterable[Group]) -> list[Group]:
        """What of ``groups`` a thread can count here; those that share an event are one."""
        return [usable for group in joined(groups) if (usable := self._usable(group))]

    def _usable(self, group: Group) -> Group:
        new = [event for event in group if event.name not in self.asked]
        self.asked |= {event.name: event for event in new}
        self.wide += [event for event in new if event.cpu_wide]
        return tuple(event for event in new if not event.cpu_wide and self._is_usable(event))

    def _is_usable(self, event: Event) -> bool:
        verdict = examine(event, self._opener)
        if verdict.problem is not None:
            self.refused[event.name] = verdict.problem
        elif not verdict.proven:
            self.unproven.add(event.name)
        return verdict.problem is None

    def refuse(self, events: Iterable[Event], reason: str) -> None:
        self.refused |= dict.fromkeys((event.name for event in events), reason)


def joined(groups: Iterable[Group]) -> list[Group]:
    """``groups``, with those that share an event made one: each event is counted once."""
    result: list[Group] = []
    for group in groups:
        sharing = [number for number, each in enumerate(result) if set(each) & set(group)]
        parts = [*(result[number] for number in sharing), group]
        whole = tuple(dict.fromkeys(event for part in parts for event in part))
        place = sharing[0] if sharing else len(result)
        rest = [each for number, each in enumerate(result) if number not in sharing]
        result = [*rest[:place], whole, *rest[place:]]
    return result


def pack(units: Sequence[Group], selection: Selection, opener: Opener) -> list[Group]:
    """First fit: each unit goes into the first pass that holds it too, which is tried."""
    passes: list[Group] = []
    for unit in units:
        troubles: list[Trouble] = []
        for number, events in enumerate(passes):
            trouble = trouble_with(events + unit, opener)
            if trouble is None:
                passes[number] = events + unit
                break
            troubles.append(trouble)
        else:
            alone = trouble_with(unit, opener)
            if alone is None:
                passes.append(unit)
                selection.apart += troubles
            else:
                selection.refuse(unit, _why_not(unit, alone, opener.machine))
    return passes


def why_several(apart: Iterable[Trouble], machine: Machine) -> str:
    """Why there are several passes, from what was wrong with fewer."""
    reasons = []
    # Of what reads wrong the first time is enough: the figures differ.
    for trouble in {each.columns: each for each in reversed([*apart])}.values():
        if trouble.crowded:
            reasons.append("the PMU does not hold all events at the same time")
            reasons += _fewer_counters(machine)
        else:
            about = f"{', '.join(trouble.columns)} beside others: " if trouble.columns else ""
            reasons.append(f"{about}{trouble.reason}")
    return "; ".join(dict.fromkeys(reasons))


def _why_not(unit: Group, trouble: Trouble, machine: Machine) -> str:
    """Why ``unit`` cannot be counted although each of its events can."""
    objection = group_objection(unit, machine)
    if objection is not None:
        return objection
    if len(unit) == 1:
        return trouble.reason
    if not trouble.crowded:
        about = f"{', '.join(trouble.columns)} in its group: " if trouble.columns else ""
        return f"{about}{trouble.reason}"
    return "; ".join(
        [
            f"the PMU cannot count the {len(unit)} events of its group at the same time",
            *_fewer_counters(machine),
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
