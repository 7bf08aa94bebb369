"""Sampling: an event that interrupts each thread that takes part, at a rate."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from vmprof.counters.encoding import SOFTWARE, Encoding, Event
from vmprof.counters.hardware.files import number
from vmprof.counters.hardware.machine import Machine
from vmprof.counters.hardware.permissions import explain, kernel_needed
from vmprof.counters.names import modifiers
from vmprof.counters.names.events import parse_events
from vmprof.counters.passes import Pass
from vmprof.counters.reading.others import Others, take_hits
from vmprof.counters.source import Source
from vmprof.counters.team import MORE_RINGS, RING
from vmprof.errors import VmprofError
from vmprof.native import ffi, lib, owned
from vmprof.runs.layout import Layout
from vmprof.sampling.hits import HIT, Found

_MOST_PRECISE = 3  # precise_ip of perf_event_attr
# Who makes processors with precise samples, as /proc/cpuinfo calls them.
_PRECISE_VENDORS = ("GenuineIntel", "AuthenticAMD", "HygonGenuine")
_LIMIT = Path("/proc/sys/kernel/perf_event_max_sample_rate")
_RECORD_BYTES = 48  # of a sample in the ring: native/sampler.c
# A ring has room for a run of so many seconds, within these bounds.
_RING_SECONDS, _LEAST_RING, _MOST_RING = 4, 1 << 16, 1 << 25
# There may be many other threads, most of which do nothing.
_SMALL_RING = 1 << 18
# Of the event that is sampled by default it is tried whether it interrupts at all.
_TRIALS, _TRIAL_INSTRUCTIONS = 3, 40_000_000
_DENIED = (errno.EACCES, errno.EPERM)

assert HIT.itemsize == ffi.sizeof("vmprof_hit")


@dataclass(frozen=True)
class SampledEvent:
    """An event to be sampled: ``event`` as it is counted, and how precisely it is asked for.

    ``name`` is that of the event as perf writes it. ``precise`` are the values of precise_ip to
    be tried, the first that opens is taken.
    """

    name: str
    event: Event
    precise: tuple[int, ...] = (0,)

    def named(self, precise: int) -> str:
        """As perf writes it, so precise."""
        has_letters = self.name.endswith("/") or modifiers.split(self.name)[1]
        joint = "" if has_letters or not precise else ":"
        return f"{self.name}{joint}{'p' * precise}"


def parse_sampled(text: str, machine: Machine) -> SampledEvent:
    """The one event that ``text`` names in perf's grammar: ``cycles:pp``, ``cycles:Pu``."""
    name, letters = modifiers.split(text.strip())
    precise = letters.count("p")
    if precise > _MOST_PRECISE:
        raise VmprofError(f"event {text!r}: there are no more than three levels, :ppp")
    levels = (precise,) if "P" not in letters else tuple(range(_MOST_PRECISE, -1, -1))
    letters = modifiers.join(letters.replace("p", "").replace("P", ""), "", text)
    groups = parse_events(name, machine)
    if len(groups) != 1 or len(groups[0]) != 1:
        raise VmprofError(f"one event is sampled, and {text!r} names {sum(map(len, groups))}")
    (event,) = groups[0]
    if event.cpu_wide:
        raise VmprofError(f"{text} is counted for whole processors, and threads are sampled")
    # Of events that are counted whole, samples are taken where the letters say.
    plain = f"{name}{'' if name.endswith('/') or not letters else ':'}{letters}"
    return SampledEvent(plain, modifiers.apply(event, letters), levels)


class Refused(Exception):  # noqa: N818  not an error of the program
    """Why an event cannot be sampled, and what to do."""


@dataclass
class Sampler:
    """Samples ``event`` ``rate`` times a second of each thread that takes part in ``counted``.

    ``notes`` say how it is sampled. Threads of TVM's pool join at their first task; ``others`` are
    those that are of other pools, or of none.
    """

    event: str
    unit: str
    rate: int
    counted: Pass
    user_only: bool
    others: Others
    notes: list[str] = field(default_factory=list)

    def take(self) -> Found:
        """What was found since the last time, by all threads; after a run."""
        return take_hits(self.counted.team.pointer)

    def described(self) -> str:
        """For the reader of a report."""
        where = "user space alone" if self.user_only else "user space and kernel"
        how = (
            f"{self.event}, {self.rate:,} times a second of the calling thread and of TVM's "
            f"workers, in {where}, in runs of their own"
        )
        return "; ".join([how, *self.notes, *filter(None, [self.others.told()])])


def check_rate(rate: int) -> None:
    """:class:`VmprofError` for a rate that this machine does not permit."""
    limit = number(_LIMIT)
    if rate < 1:
        raise VmprofError(f"the rate is {rate}; at least 1 sample per second is needed")
    if limit is not None and rate > limit:
        raise VmprofError(
            f"{rate:,} samples per second are asked for, and kernel.perf_event_max_sample_rate is "
            f"{limit:,}; ask for fewer with --sample-rate"
        )


@contextmanager
def open_sampler(event: str | None, rate: int, machine: Machine) -> Iterator[Sampler]:
    """A sampler of the calling thread, off; of what suits the machine if ``event`` is None.

    Raises :class:`VmprofError` for what means nothing, :class:`Refused` for what cannot be done
    here.
    """
    check_rate(rate)
    needed = 1 << (_RING_SECONDS * rate * _RECORD_BYTES - 1).bit_length()
    ring = min(max(_LEAST_RING, needed), _MOST_RING)
    with ExitStack() as stack:
        if event is not None:
            yield _open(parse_sampled(event, machine), rate, ring, machine, stack)
            return
        yield _suitable(rate, ring, machine, stack)


_CPU_CLOCK = SampledEvent("cpu-clock", Event("cpu-clock", (Encoding("software", SOFTWARE, 0),)))


def _suitable(rate: int, ring: int, machine: Machine, stack: ExitStack) -> Sampler:
    """Of cycles, where a PMU tells of them; else of the clock."""
    if not machine.has_pmu:
        return _open(_CPU_CLOCK, rate, ring, machine, stack)
    why = "the PMU opened it, and never interrupted"
    try:
        cycles = _open(parse_sampled("cycles:P", machine), rate, ring, machine, stack)
        if _interrupts(cycles):
            return cycles
    except Refused as refused:
        why = str(refused)
    clock = _open(_CPU_CLOCK, rate, ring, machine, stack)
    clock.notes.append(f"not cycles: {why}")
    return clock


def _interrupts(sampler: Sampler) -> bool:
    """Whether work that takes milliseconds is seen."""
    for _ in range(_TRIALS):
        sampler.counted.team.enable()
        lib.vmprof_known_loop(_TRIAL_INSTRUCTIONS // 2)
        sampler.counted.team.disable()
        if len(sampler.take().hits):
            return True
    return False


def _open(
    sampled: SampledEvent, rate: int, ring: int, machine: Machine, stack: ExitStack
) -> Sampler:
    # Elsewhere Linux takes precise_ip and does nothing about it.
    is_precise = sampled.event.is_hardware and machine.vendor in _PRECISE_VENDORS
    levels = [each for each in sampled.precise if is_precise or not each]
    if not levels:
        raise Refused(f"{sampled.name} has no precise samples here; leave :p out")
    for precise in levels:
        opened = _try_to_open(sampled, precise, rate, ring)
        if opened.sources:
            break
    for source in opened.sources:
        stack.callback(source.close)
    if not opened.sources:
        raise Refused(_why_not(opened, sampled, precise, machine))
    if opened.user_only and sampled.event.in_kernel:
        raise Refused(kernel_needed(machine))
    every = range(len(opened.sources))
    layout = Layout((), tuple(() for _ in every), untimed=frozenset(every))
    counted = Pass(layout, opened.sources, "", watches=True)
    stack.callback(counted.team.close)

    def open_on(thread: int) -> Sequence[Source] | str:
        user_only = opened.user_only
        on = _open_all(sampled, precise, rate, _SMALL_RING, user_only=user_only, thread=thread)
        if on.code == errno.ESRCH:  # it has ended since
            return ()
        return on.sources or _why_not(on, sampled, precise, machine)

    others = Others(counted.team.pointer, open_on)
    stack.callback(others.close)
    unit = "ns" if sampled.event.encodings[0].is_clock else sampled.name
    return Sampler(sampled.named(precise), unit, rate, counted, opened.user_only, others)


class _Opened(NamedTuple):
    """A source for each encoding of an event; or none, and why not."""

    sources: list[Source]
    user_only: bool = False
    code: int = 0  # errno
    of_ring: bool = False  # there was no room for a ring buffer


def _try_to_open(sampled: SampledEvent, precise: int, rate: int, ring: int) -> _Opened:
    """Without the kernel, if it hides."""
    first = _open_all(sampled, precise, rate, ring, user_only=False)
    if first.sources or first.of_ring or first.code not in _DENIED:
        return first
    second = _open_all(sampled, precise, rate, ring, user_only=True)
    return second if second.sources or second.of_ring else first


def _open_all(
    sampled: SampledEvent,
    precise: int,
    rate: int,
    ring: int,
    *,
    user_only: bool,
    thread: int = 0,
) -> _Opened:
    """On the calling thread, or on the one that Linux knows by the number ``thread``."""
    sources: list[Source] = []
    for encoding in sampled.event.encodings:
        problem = ffi.new("int64_t[2]")
        asked = _asked(encoding, precise, rate, ring, user_only=user_only)
        asked.event.pid = thread
        pointer = owned(lib.vmprof_source_close, lib.vmprof_sampler_open, asked, problem)
        if pointer == ffi.NULL:
            for source in sources:
                source.close()
            return _Opened([], user_only, int(-problem[1]), of_ring=problem[0] == 1)
        # Whatever cannot be opened in another thread has the number of one of these.
        sources.append(Source(pointer, [sampled.name, f"{RING} {sampled.name}"]))
    return _Opened(sources, user_only)


def _asked(encoding: Encoding, precise: int, rate: int, ring: int, *, user_only: bool) -> Any:
    asked = ffi.new("vmprof_sampling *")
    for name in (
        "type", "config", "config1", "config2", "bp_type",
        "exclude_user", "exclude_kernel", "exclude_hv", "exclude_guest", "exclude_host",
    ):  # fmt: skip
        setattr(asked.event, name, int(getattr(encoding, name)))
    if user_only:
        asked.event.exclude_kernel = asked.event.exclude_hv = 1
    asked.event.cpu = -1
    asked.rate, asked.precise, asked.ring_size = rate, precise, ring
    return asked


def _why_not(opened: _Opened, sampled: SampledEvent, precise: int, machine: Machine) -> str:
    if opened.of_ring:
        return f"there is no room for its ring buffer: {MORE_RINGS}"
    if precise and opened.code in (errno.EOPNOTSUPP, errno.EINVAL):
        return (
            f"this processor does not sample {sampled.name} with {'p' * precise}; leave that "
            "out, or write P for as many as it has"
        )
    if opened.code == errno.EOPNOTSUPP and not sampled.event.is_hardware:
        return "the kernel counts it, and does not sample it"
    return explain(opened.code, sampled.event, machine)
