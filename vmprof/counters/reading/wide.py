"""Events of CPU-wide PMUs (energy, memory controllers): per run, whoever causes them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType

from vmprof.counters.hardware.machine import Machine
from vmprof.counters.hardware.permissions import explain
from vmprof.counters.names.events import Encoding, Event
from vmprof.counters.source import Sample, Source
from vmprof.native import ffi, lib, owned

# What a scaled count is shown in: whole numbers that add up, as all counts here.
_UNITS = {"Joules": ("uJ", 1e6), "MiB": ("bytes", 2.0**20)}


@dataclass(frozen=True)
class WideEvent:
    """An event and the column that its counts go to."""

    event: Event

    @property
    def column(self) -> str:
        unit = _UNITS.get(self.event.unit, (self.event.unit, 1.0))[0]
        return f"{self.event.name} ({unit})" if unit else self.event.name

    def value(self, count: int) -> int:
        """``count`` in the unit of `column`."""
        return round(count * self.event.scale * _UNITS.get(self.event.unit, ("", 1.0))[1])


class WideCounters(AbstractContextManager["WideCounters"]):
    """Counts ``events`` on the CPUs that their PMUs name, from opening on.

    ``refused`` says of each event that did not open why not.
    """

    def __init__(self, events: Sequence[Event], machine: Machine) -> None:
        self.refused: dict[str, str] = {}
        self._machine = machine
        self._sources: dict[WideEvent, list[Source]] = {}
        self.open(events)

    def open(self, events: Sequence[Event]) -> None:
        """Count ``events`` too."""
        try:
            for event in events:
                self._open(event, self._machine)
        except BaseException:
            self.close()
            raise

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(wide.column for wide in self._sources)

    def read(self) -> list[int | None]:
        """The count of each column since opening; None for one that cannot be read."""
        return [
            _sum([source.read() for source in sources], wide)
            for wide, sources in self._sources.items()
        ]

    def never_read(self, runs: Sequence[Sequence[int | None]]) -> dict[str, str]:
        """Why an event has no counts, if that is so in each of ``runs``, as `read` has them."""
        return {
            wide.event.name: "its counters opened, and could not be read in any run"
            for number, wide in enumerate(self._sources)
            if all(run[number] is None for run in runs)
        }

    def _open(self, event: Event, machine: Machine) -> None:
        sources = self._sources.setdefault(WideEvent(event), [])
        for encoding in event.encodings:
            for cpu in encoding.cpus:
                code, pointer = _open_on(encoding, cpu)
                if pointer is not None:
                    sources.append(Source(pointer, [event.name]))
                    code = sources[-1].enable()
                if code:
                    self.refused[event.name] = explain(code, event, machine)
                    self._close(self._sources.pop(WideEvent(event)))
                    return

    def _close(self, sources: list[Source]) -> None:
        while sources:
            sources.pop().close()

    def close(self) -> None:
        for sources in self._sources.values():
            self._close(sources)
        self._sources.clear()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _open_on(encoding: Encoding, cpu: int) -> tuple[int, object]:
    """The error number, 0 if it opened, and the source."""
    asked = ffi.new("vmprof_event *")
    for name in ("type", "config", "config1", "config2", "config3"):
        setattr(asked, name, getattr(encoding, name))
    asked.pid, asked.cpu = -1, cpu
    problem = ffi.new("int64_t[2]")
    pointer = owned(lib.vmprof_source_close, lib.vmprof_group_open, asked, 1, 0, 0, problem)
    return (0, pointer) if pointer != ffi.NULL else (int(-problem[1]), None)


def _sum(samples: Sequence[Sample | None], wide: WideEvent) -> int | None:
    values = [sample.values[0] for sample in samples if sample is not None]
    return wide.value(sum(values)) if len(values) == len(samples) else None
