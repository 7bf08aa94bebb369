"""Samplers on kernels that tests play: what they ask for, what they keep, what they miss."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.kernel import FakeKernel, OpenEvent, lost_record, sample_record, throttle_record
from support.machines import machine

from vmprof import VmprofError
from vmprof.counters import Machine
from vmprof.counters.encoding import HARDWARE, SOFTWARE
from vmprof.counters.reading import others
from vmprof.counters.reading import sampler as module
from vmprof.counters.reading.sampler import (
    Refused,
    Sampler,
    open_sampler,
    parse_sampled,
)
from vmprof.native import ffi, lib
from vmprof.sampling.hits import Missed

CLOCK = "cpu-clock"
XEON = machine("intel-sapphire-rapids")


@contextmanager
def sampling(
    kernel: FakeKernel, event: str | None = CLOCK, rate: int = 1000, machine: Machine | None = None
) -> Iterator[Sampler]:
    with kernel.installed(), open_sampler(event, rate, machine or Machine()) as sampler:
        yield sampler
    assert not kernel.open, "something stayed open"
    assert not kernel.mapped, "something stayed mapped"


def refused(
    error: type[Exception],
    why: str,
    kernel: FakeKernel,
    event: str | None = CLOCK,
    rate: int = 1000,
    machine: Machine | None = None,
) -> None:
    """Nothing is opened, and the error says ``why``."""
    with pytest.raises(error, match=why), sampling(kernel, event, rate, machine):
        pass
    assert not kernel.open
    assert not kernel.mapped


def run(sampler: Sampler) -> None:
    sampler.counted.team.enable()
    sampler.counted.team.disable()


def only(kernel: FakeKernel) -> OpenEvent:
    (event,) = kernel.open.values()
    return event


def test_it_keeps_what_the_kernel_wrote() -> None:
    kernel = FakeKernel(
        samples=lambda event: [
            sample_record(0x1000, 5, period=7),
            sample_record(2**64 - 16, 6, period=8, mode=1),
        ]
    )
    with sampling(kernel) as sampler:
        run(sampler)
        hits, missed = sampler.take()
        assert hits["address"].tolist() == [0x1000, 2**64 - 16]
        assert hits["time_ns"].tolist() == [5, 6]
        assert hits["period"].tolist() == [7, 8]
        assert hits["mode"].tolist() == [2, 1]
        assert set(hits["thread"].tolist()) == {lib_thread()}
        assert missed == Missed()
        assert len(sampler.take().hits) == 0


def lib_thread() -> int:
    """The number of this thread, as a record of a run has it."""
    recorder = lib.vmprof_recorder_new(1, 0)
    assert lib.vmprof_recorder_ready(recorder, lib.VMPROF_TIME, [], 0, ffi.NULL, 1) == 0
    lib.vmprof_run_begin(recorder)
    lib.vmprof_run_end(recorder, 0)
    number = int(ffi.cast("vmprof_record *", lib.vmprof_records(recorder)).signature)
    lib.vmprof_recorder_give_up(recorder)
    return number


@settings(max_examples=40)
@given(
    start=st.integers(0, 1 << 17).map(lambda n: 8 * n),
    runs=st.lists(st.integers(0, 1200), min_size=1, max_size=6),
)
def test_nothing_is_lost_around_the_end_of_the_ring(start: int, runs: list[int]) -> None:
    """Records of 48 bytes do not fit into a ring of 64 KiB evenly: some lie around its end."""
    numbers = iter(range(10_000))
    pending = iter(runs)
    kernel = FakeKernel(
        samples=lambda event: [sample_record(next(numbers), 0) for _ in range(next(pending))]
    )
    with sampling(kernel, rate=100) as sampler:
        (ring,) = kernel.rings.values()
        assert ring.size == 1 << 16
        ring.start_at(start)
        found: list[int] = []
        for _ in runs:
            run(sampler)
            hits, missed = sampler.take()
            found += hits["address"].tolist()
            assert missed == Missed()
    assert found == [*range(sum(runs))]


@pytest.mark.parametrize("tells_lost", [True, False])
def test_what_found_no_room_is_counted(tells_lost: bool) -> None:
    room = (1 << 16) // 48
    counts = iter([room + 5, 3])
    known = lost_record(5)
    batches = iter([[], [known]])

    def samples(event: OpenEvent) -> list[bytes]:
        return [*next(batches), *(sample_record(1, 0) for _ in range(next(counts)))]

    kernel = FakeKernel(samples=samples, tells_lost=tells_lost)
    with sampling(kernel, rate=100) as sampler:
        run(sampler)
        first = sampler.take()
        run(sampler)
        second = sampler.take()
    assert (len(first.hits), len(second.hits)) == (room, 3)
    # A kernel that does not tell when asked says so in front of the next sample.
    assert (first.missed.lost, second.missed.lost) == ((5, 0) if tells_lost else (0, 5))


def test_throttling_is_counted() -> None:
    kernel = FakeKernel(
        samples=lambda event: [throttle_record(), sample_record(1, 0), throttle_record()]
    )
    with sampling(kernel) as sampler:
        run(sampler)
        run(sampler)
        hits, missed = sampler.take()
    assert (len(hits), missed) == (2, Missed(0, 4))


@pytest.mark.parametrize(
    "record",
    [
        b"\x09\0\0\0\0\0\0\0",  # a length of 0
        b"\x09\0\0\0\0\0\x08\0",  # a sample without its content
        b"\x63\0\0\0\0\0\x10\0" + bytes(8),  # of a kind that nobody asked for
        b"\x09\0\0\0\0\0\xff\xff",  # longer than what was written
    ],
)
def test_a_record_that_makes_no_sense_is_passed_over(record: bytes) -> None:
    batches = iter([[record], [sample_record(3, 0)]])
    with sampling(FakeKernel(samples=lambda event: next(batches))) as sampler:
        run(sampler)
        run(sampler)
        assert sampler.take().hits["address"].tolist() == [3]


def test_it_asks_for_the_rate_and_the_precision() -> None:
    kernel = FakeKernel()
    with sampling(kernel, "cycles:ppu", 97, XEON) as sampler:
        event = only(kernel)
        assert (event.type, event.config & 0xFF, event.rate, event.precise) == (HARDWARE, 0, 97, 2)
        assert event.exclude_kernel
        assert event.disabled
        assert sampler.event == "cycles:upp"
        assert sampler.unit == "cycles:u"
        assert not sampler.user_only  # that is what the machine forbids


def test_as_precise_as_the_processor_can() -> None:
    kernel = FakeKernel(refuse=lambda event: errno.EOPNOTSUPP if event.precise > 1 else None)
    with sampling(kernel, "cycles:P", machine=XEON) as sampler:
        assert only(kernel).precise == 1
        assert sampler.event == "cycles:p"


@pytest.mark.parametrize(("event", "name"), [("cycles", "arm-graviton2"), ("cpu-clock", None)])
def test_nothing_is_called_precise_that_linux_does_not_make_so(
    event: str, name: str | None
) -> None:
    on = machine(name) if name else XEON
    kernel = FakeKernel()
    refused(Refused, f"{event} has no precise samples here", kernel, f"{event}:p", machine=on)
    with sampling(kernel, f"{event}:P", machine=on) as sampler:
        assert sampler.event == event
        assert only(kernel).precise == 0


def test_more_precise_than_the_processor_can_is_said() -> None:
    kernel = FakeKernel(refuse=lambda event: errno.EOPNOTSUPP if event.precise else None)
    with (
        pytest.raises(Refused, match="does not sample cycles with pp; leave that out"),
        sampling(kernel, "cycles:pp", machine=XEON),
    ):
        pass


def test_without_the_kernel_where_that_is_hidden() -> None:
    kernel = FakeKernel(refuse=lambda event: None if event.exclude_kernel else errno.EACCES)
    with sampling(kernel) as sampler:
        assert sampler.user_only
        assert "in user space alone" in sampler.described()


def test_where_all_is_forbidden_the_reason_is_said() -> None:
    kernel = FakeKernel(refuse=lambda event: errno.EACCES)
    with (
        pytest.raises(Refused, match=r"kernel\.perf_event_paranoid is 3"),
        sampling(kernel, machine=Machine(paranoid=3)),
    ):
        pass


def test_an_event_inside_the_kernel_is_refused_to_user_space() -> None:
    kernel = FakeKernel(refuse=lambda event: None if event.exclude_kernel else errno.EACCES)
    with (
        pytest.raises(Refused, match="it happens inside the kernel"),
        sampling(kernel, "context-switches", machine=Machine(paranoid=2)),
    ):
        pass
    assert not kernel.open
    assert not kernel.mapped


@pytest.mark.parametrize("rate", [100, 5000])
def test_a_smaller_ring_where_a_large_one_is_forbidden(rate: int) -> None:
    kernel = FakeKernel(most_ring=1 << 15)
    with sampling(kernel, rate=rate):
        (ring,) = kernel.rings.values()
        assert ring.size == 1 << 15


def test_no_ring_at_all() -> None:
    kernel = FakeKernel(most_ring=0)
    with (
        pytest.raises(Refused, match="no room for its ring buffer: run: sudo sysctl"),
        sampling(kernel),
    ):
        pass
    assert not kernel.open


def test_a_ring_has_room_for_seconds() -> None:
    kernel = FakeKernel()
    with sampling(kernel, rate=5000):
        (ring,) = kernel.rings.values()
        assert ring.size >= 4 * 5000 * 48


# ---- what suits the machine ------------------------------------------------------------------


def test_the_clock_where_there_is_no_pmu() -> None:
    kernel = FakeKernel()
    with sampling(kernel, None) as sampler:
        assert (only(kernel).type, only(kernel).config) == (SOFTWARE, 0)
        assert (sampler.event, sampler.unit) == ("cpu-clock", "ns")


def test_cycles_where_the_pmu_tells_of_them() -> None:
    kernel = FakeKernel(samples=lambda event: [sample_record(1, 0)])
    with sampling(kernel, None, machine=XEON) as sampler:
        assert sampler.event == "cycles:ppp"
        assert len(sampler.take().hits) == 0  # the trial's are gone


@pytest.mark.parametrize(
    ("refuse", "why"),
    [
        (lambda event: None, "the PMU opened it, and never interrupted"),
        (
            lambda event: errno.ENOENT if event.type == HARDWARE else None,
            "this processor's PMU does not have the event",
        ),
    ],
)
def test_the_clock_where_the_pmu_does_not(
    refuse: Callable[[OpenEvent], int | None], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TRIAL_INSTRUCTIONS", 1000)
    with sampling(FakeKernel(refuse=refuse), None, machine=XEON) as sampler:
        assert sampler.event == "cpu-clock"
        assert sampler.described().endswith(f"; not cycles: {why}")


# ---- names and rates ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "precise"),
    [("cycles", (0,)), ("cycles:p", (1,)), ("cycles:ppp", (3,)), ("cycles:Pu", (3, 2, 1, 0))],
)
def test_precision_is_told_by_letters(text: str, precise: tuple[int, ...]) -> None:
    assert parse_sampled(text, XEON).precise == precise


def test_names_are_as_perf_writes_them() -> None:
    assert parse_sampled("cpu/event=0xc0/pp", XEON).named(2) == "cpu/event=0xc0/pp"
    clock = parse_sampled("cpu-clock:u", XEON)
    assert (clock.name, clock.event.encodings[0].exclude_kernel) == ("cpu-clock:u", True)
    assert parse_sampled("instructions:u", XEON).named(1) == "instructions:up"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cycles,instructions", "one event is sampled"),
        ("none", "one event is sampled, and 'none' names 0"),
        ("cycles:pppp", "no more than three levels"),
        ("cylces", "there is no event 'cylces'"),
        ("cycles:S", "modifier 'S' is refused"),
    ],
)
def test_what_cannot_be_sampled(text: str, message: str) -> None:
    with pytest.raises(VmprofError, match=message):
        parse_sampled(text, XEON)


def test_the_rate_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        pytest.raises(VmprofError, match="the rate is 0; at least 1"),
        sampling(FakeKernel(), rate=0),
    ):
        pass
    monkeypatch.setattr(module, "number", lambda path: 7000)
    with (
        pytest.raises(VmprofError, match=r"8,000 .*max_sample_rate is 7,000"),
        sampling(FakeKernel(), rate=8000),
    ):
        pass


def test_an_event_of_several_kinds_of_cores_has_a_sampler_for_each() -> None:
    kernel = FakeKernel(samples=lambda event: [sample_record(event.config >> 32, 0)])
    with sampling(kernel, "cycles", machine=machine("intel-alder-lake")) as sampler:
        assert len(kernel.open) == 2
        run(sampler)
        types = {event.config >> 32 for event in kernel.open.values()}
        assert set(sampler.take().hits["address"].tolist()) == types
    assert len(types) == 2


# ---- threads of other pools ----------------------------------------------------------------------


def seen(monkeypatch: pytest.MonkeyPatch, folder: Path, threads: set[int]) -> None:
    """Linux says that this process has ``threads``, and the calling one."""
    for name in folder.iterdir():
        name.rmdir()
    for thread in threads | {threading.get_native_id()}:
        (folder / str(thread)).mkdir()
    monkeypatch.setattr(others, "_THREADS", folder)


def sampled_threads(kernel: FakeKernel) -> list[int]:
    return sorted(event.pid for event in kernel.open.values())


def test_other_threads_are_sampled_while_they_are_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kernel = FakeKernel(samples=lambda event: [sample_record(0x1000 + event.pid, 5)])
    seen(monkeypatch, tmp_path, {11, 12})
    with sampling(kernel) as sampler:
        sampler.others.enable()  # in the first run TVM's workers are not known yet
        sampler.others.disable()
        assert sampled_threads(kernel) == [0]
        for there in ({11, 12}, {12, 13}):
            seen(monkeypatch, tmp_path, there)
            sampler.others.enable()
            sampler.others.disable()
            assert sampled_threads(kernel) == [0, *sorted(there)]
            hits, missed = sampler.others.take()
            assert dict(zip(hits["thread"].tolist(), hits["address"].tolist(), strict=True)) == {
                thread: 0x1000 + thread for thread in there
            }
            assert missed == Missed()
        assert not sampler.others.told()


def test_other_threads_that_cannot_be_sampled_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kernel = FakeKernel()
    seen(monkeypatch, tmp_path, {11, 12, 13})
    with sampling(kernel) as sampler:
        sampler.others.enable()
        kernel.refuse = lambda event: errno.EMFILE if event.pid > 11 else None
        sampler.others.enable()
        assert sampled_threads(kernel) == [0, 11]
        assert "; 2 other threads are not sampled: too many open files" in sampler.described()
        kernel.most_ring = 0
        seen(monkeypatch, tmp_path, {11, 14})
        sampler.others.enable()
        assert sampled_threads(kernel) == [0, 11]


def test_a_thread_that_ends_before_it_is_opened_is_nothing_to_tell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kernel = FakeKernel(refuse=lambda event: errno.ESRCH if event.pid == 12 else None)
    seen(monkeypatch, tmp_path, {11, 12})
    with sampling(kernel) as sampler:
        sampler.others.enable()
        sampler.others.enable()
        assert sampled_threads(kernel) == [0, 11]
        assert not sampler.others.told()


def test_no_more_other_threads_than_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen(monkeypatch, tmp_path, set(range(1_000_000_001, 1_000_000_100)))
    with sampling(kernel := FakeKernel()) as sampler:
        sampler.others.enable()
        sampler.others.enable()
        assert len(kernel.open) == 1 + 64
        assert "; 35 other threads are not sampled: 64 is the most" in sampler.described()
