"""Running a model in rounds, and what each run gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from vmprof.counters import Counters
from vmprof.counters.hardware.activity import Activity, Moment
from vmprof.counters.reading.sampler import Sampler
from vmprof.errors import add_note
from vmprof.progress import Progress, Step
from vmprof.record.collectors import Collector
from vmprof.record.recorder import Reading
from vmprof.record.rounds.engines import Engine
from vmprof.record.rounds.options import Rounds
from vmprof.record.rounds.settling import Settling
from vmprof.record.rounds.warmth import AsItComes, Warmth, warmth_of
from vmprof.runs.run import Run
from vmprof.sampling.fold import SampledRun
from vmprof.uncollected import collected_before
from vmprof.values import Metric, Row

_WATCHING_RUNS = 3
# In each round runs are sampled for about so long, and not more of them than that.
_SAMPLED_US, _MOST_SAMPLED = 20e3, 100


@dataclass
class Measurement:
    """What the measured rounds gave, a value per round and kind of run.

    In a single pass, ``timed`` and the only list of ``counted`` hold the same
    recordings. ``wide`` are the counts of whole processors during each timed
    run, ``per_run`` what each collector of runs said of it.
    """

    unprofiled_us: list[float]  # of each, the mean of a batch where a run is short
    timed: list[Run]
    counted: list[list[Run]]  # by pass
    wide: list[list[int | None]]
    per_run: list[Row]
    collected: list[list[tuple[Run, list[Row]]]]  # by collector of calls
    cpu: list[Run]  # of the pass for CPU time
    watch: list[Run]  # of the pass that looks for work of others
    sampled: list[SampledRun]

    @property
    def last_round_us(self) -> float:
        """What the run for time and that of TVM's VM took in the last round."""
        total_ns = self.timed[-1].total_ns
        assert total_ns is not None
        return total_ns / 1e3 + self.unprofiled_us[-1]

    @classmethod
    def empty(cls, counters: Counters, collectors: int) -> Measurement:
        return cls(
            unprofiled_us=[],
            timed=[],
            counted=[[] for _ in counters.passes],
            wide=[],
            per_run=[],
            collected=[[] for _ in range(collectors)],
            cpu=[],
            watch=[],
            sampled=[],
        )


@dataclass(frozen=True)
class Measured:
    """How rounds were measured, and what they gave: a measurement for each engine.

    ``activity`` is what happened on the processors during the measured rounds.
    """

    warm_up: Settling
    warmth: Warmth
    activity: Activity
    measurements: Sequence[Measurement]


def measure(
    engines: Sequence[Engine],
    rounds: Rounds,
    counters: Counters,
    collectors: Sequence[Collector],
    progress: Progress,
    *,
    cpu_time: bool = False,
    sampler: Sampler | None = None,
    so_far: Callable[[Callable[[], Measured]], None] = lambda _: None,
) -> Measured:
    """Warm up, then run ``engines`` as ``rounds`` say.

    Several take turns within each round, and in being the first. With ``cpu_time``
    each round also reads that; the first few look whether others work. ``so_far`` is called
    after each round, with what gives what there is until then.
    """
    per_run = [collector for collector in collectors if collector.scope == "run"]
    collecting = [
        [engine.collecting(collector) for collector in collectors if collector.scope == "call"]
        for engine in engines
    ]
    readings = rounds.readings(counters.passes)

    def one_turn(number: int, result: Measurement, warmth: Warmth) -> None:
        engine = engines[number]
        for reading, counted in readings:
            warmth.prepare(partial(engine.run, reading, counted))
            if reading & Reading.TIME:
                before = counters.wide.read()
                with _collected(per_run) as row:
                    recording = engine.record(reading, counted)
                result.timed.append(recording)
                result.wide.append(_differences(before, counters.wide.read()))
                result.per_run.append(row)
            else:
                recording = engine.record(reading, counted)
            if counted is not None:
                result.counted[counters.passes.index(counted)].append(recording)
        for each, runs in zip(collecting[number], result.collected, strict=True):
            warmth.prepare(each.run)
            each.run()
            runs.append(each.result())
        clocks = counters.clocks
        if clocks is not None and cpu_time:
            reading = Reading.TIME | Reading.COUNTERS
            warmth.prepare(partial(engine.run, reading, clocks.time))
            result.cpu.append(engine.record(reading, clocks.time))
        if clocks is not None and len(result.watch) < _WATCHING_RUNS:
            warmth.prepare(partial(engine.run, Reading.COUNTERS, clocks.watch))
            result.watch.append(engine.record(Reading.COUNTERS, clocks.watch))
        if sampler is not None:
            warmth.prepare(partial(engine.sample, sampler))
            result.sampled += _sampled(engine, sampler)
        # Last: an error of the model is better told by the VM that knows where it was.
        result.unprofiled_us.append(warmth.time_unprofiled(engine))

    def one_round(
        results: Sequence[Measurement], warmth: Warmth, *, backwards: bool = False
    ) -> None:
        numbers = range(len(results))
        for number in reversed(numbers) if backwards else numbers:
            one_turn(number, results[number], warmth)

    def nothing() -> list[Measurement]:
        return [Measurement.empty(counters, len(each)) for each in collecting]

    warm_up = Settling(rounds.warm_up_rounds)
    while warm_up.goes_on:
        progress(f"warming up, round {len(warm_up.rounds) + 1} of {warm_up.expected}")
        results = nothing()
        one_round(results, AsItComes("nothing is measured"))
        warm_up.add(sum(result.last_round_us for result in results))
    results, warmth = nothing(), warmth_of(rounds, engines[0])
    with collected_before(), _lost_if_interrupted(results):
        begin = Moment.now()

        def measured() -> Measured:
            return Measured(warm_up, warmth, Activity(begin, Moment.now()), results)

        for number, done in rounds.numbers():
            progress(Step(f"measuring, round {number} of {rounds.expected}", done))
            one_round(results, warmth, backwards=number % 2 == 0)
            so_far(measured)
        return measured()


@contextmanager
def _lost_if_interrupted(results: Sequence[Measurement]) -> Iterator[None]:
    """An interrupt tells how many whole rounds it cost."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        # What a round has last, of the engine that has measured the least.
        if rounds := min(len(each.unprofiled_us) for each in results):
            add_note(interrupt, f"lost is what was measured in {rounds} of the rounds")
        raise


def _sampled(engine: Engine, sampler: Sampler) -> list[SampledRun]:
    """One run, or of short ones as many as it takes for some samples."""
    runs = [engine.sample(sampler)]
    took_us = (runs[0].run.total_ns or 0) / 1e3
    more = min(int(_SAMPLED_US / max(took_us, 1.0)), _MOST_SAMPLED)
    return [*runs, *(engine.sample(sampler) for _ in range(more))]


@contextmanager
def _collected(collectors: Sequence[Collector]) -> Iterator[dict[str, Metric]]:
    """Collect what happens inside the ``with``; the row is there when it is over."""
    row: dict[str, Metric] = {}
    with ExitStack() as stack:
        for collector in collectors:
            collector.start()
            stack.callback(lambda stop: row.update(stop()), collector.stop)
        yield row


def _differences(before: Sequence[int | None], after: Sequence[int | None]) -> list[int | None]:
    return [
        None if now is None or then is None else now - then
        for then, now in zip(before, after, strict=True)
    ]
