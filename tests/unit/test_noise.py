"""How noisy a report is, and what it blames: from the report alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmprof import Report
from vmprof.cli.main import main
from vmprof.compare.audit import audit_report
from vmprof.compare.audit.text import parts_of
from vmprof.compare.parts import plain
from vmprof.report import provenance as names
from vmprof.report.causes import of_cpus
from vmprof.report.estimator import middle_half
from vmprof.report.noise import (
    NOISE,
    REMEDY,
    WARM_UP_SETTLED,
    Level,
    Noise,
    noise_of,
    spread_of,
    used_of,
    with_provenance,
)
from vmprof.values import Count, Duration, Metric, Ratio, Samples

TIME, MEAN = "Duration (us)", "Unprofiled mean (us)"
STEADY = (100.0, 101.0, 99.0, 100.0, 100.5, 99.5, 100.2, 99.8, 100.1, 100.0)
WIDE = (100.0, 104.0, 96.0, 109.0, 92.0, 100.0, 105.0, 95.0, 101.0, 99.0)
WILD = (100.0, 150.0, 80.0, 190.0, 70.0, 100.0, 140.0, 90.0, 120.0, 60.0)
QUIET_HOST: Mapping[str, Metric] = {
    names.CPUS_ONLINE: Count(2),
    names.OWN_CPUS: Ratio(1.0),
    names.OTHERS_CPUS: Ratio(0.03),
    names.STOLEN_CPUS: Ratio(0.001),
    names.WAITED: Ratio(0.004),
    names.STOPPED: Ratio(0.0),
    names.OVERHEATED: Count(0),
    names.CLOCK_BEFORE: Ratio(3400.0),
    names.CLOCK_AFTER: Ratio(3390.0),
}
TIMES = st.lists(st.floats(0.001, 1e9), min_size=3, max_size=40)


def report(
    times: Sequence[float] = STEADY,
    *,
    plain: Sequence[float] | None = None,
    **configuration: Metric,
) -> Report:
    total = {TIME: Duration(median(times)), f"{TIME} samples": Samples(tuple(times))}
    unprofiled: dict[str, Metric] = {}
    if plain is not None:
        unprofiled = {MEAN: Duration(median(plain)), f"{MEAN} samples": Samples(tuple(plain))}
    return Report(
        calls=({"Name": "f", "Count": Count(1), **total},),
        device_metrics={"cpu0": {"Name": "Total", **total}},
        configuration={"Number of threads": Count(1), **unprofiled, **configuration},
        provenance=QUIET_HOST,
    )


def noise(of: Report, **provenance: Metric) -> Noise:
    found = noise_of(replace(of, provenance={**of.provenance, **provenance}))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("times", "level", "verdict"),
    [
        (STEADY, Level.QUIET, "quiet: Total ±0.3 % (10 repeats, the middle 6 used)"),
        (
            WIDE,
            Level.NOISY,
            "noisy: no cause is to be seen; Total ±4.2 % (10 repeats, the middle 6 used)",
        ),
        (
            WILD,
            Level.TOO_NOISY,
            (
                "very noisy: no cause is to be seen; Total ±32 % (10 repeats, the middle 6 used), "
                "standard deviation 37 % of the mean, single repeats up to 1.9 times as long"
            ),
        ),
        (
            (*[100.0] * 29, 300.0),  # one repeat that others disturbed: it is not used
            Level.TOO_NOISY,
            (
                "very noisy: no cause is to be seen; Total ±0.0 % (30 repeats, the middle 16 "
                "used), standard deviation 34 % of the mean, single repeats up to 3.0 times as long"
            ),
        ),
        ((100.0, 200.0), Level.UNKNOWN, "unknown: too few repeats to tell"),
        ((100.0,), Level.UNKNOWN, "unknown: too few repeats to tell"),
    ],
)
def test_how_much_repeats_differ_decides(
    times: Sequence[float], level: Level, verdict: str
) -> None:
    found = noise(report(times))
    assert (found.level, found.verdict) == (level, verdict)
    assert (found.remedy == "") == (level is Level.QUIET)


def test_of_the_unprofiled_runs_as_well() -> None:
    found = noise(report(plain=WIDE))
    assert found.verdict == (
        "noisy: no cause is to be seen; Total ±0.3 % (10 repeats, the middle 6 used), "
        "unprofiled ±4.2 %"
    )


@pytest.mark.parametrize(
    ("provenance", "configuration", "cause", "remedy"),
    [
        (
            {names.OTHERS_CPUS: Ratio(0.4)},
            {},
            "other processes took 40 % of a CPU; its 1 thread had 80 % of a CPU",
            "stop what else runs",
        ),
        (
            {names.OTHERS_CPUS: Ratio(1.5), names.WAITED: Ratio(0.5)},
            {},
            (
                "other processes took 1.5 CPUs, and its threads waited for 50 % of a CPU; "
                "its 1 thread had 80 % of a CPU"
            ),
            "stop what else runs",
        ),
        (
            {names.WAITED: Ratio(0.5)},
            {},
            "its threads waited for 50 % of a CPU; its 1 thread had 80 % of a CPU",
            "no more threads than there are CPUs",
        ),
        (
            {names.STOLEN_CPUS: Ratio(0.05), names.OWN_CPUS: Ratio(1.0)},
            {},
            "the hypervisor took 5 % of a CPU",
            "other guests share",
        ),
        (
            {names.STOPPED: Ratio(0.2), names.OWN_CPUS: Ratio(1.0)},
            {},
            "the CPU quota stopped it for 20 % of the time",
            "raise the container's quota",
        ),
        (
            {names.OVERHEATED: Count(12)},
            {},
            "the processor lowered its clock 12 times because of heat",
            "cool it",
        ),
        (
            {names.CLOCK_AFTER: Ratio(2800.0), names.GOVERNOR: "powersave (intel_pstate)"},
            {},
            "the clock went from 3,400 to 2,800 MHz",
            "--governor performance",
        ),
        (
            {names.CLOCK_AFTER: Ratio(2800.0), names.GOVERNOR: "performance"},
            {},
            "the clock went from 3,400 to 2,800 MHz",
            "switch turbo off",
        ),
        ({}, {WARM_UP_SETTLED: "no: it did not"}, "the warm-up did not settle", "--warmup N"),
    ],
)
def test_what_happened_on_the_processors_explains_it(
    provenance: Mapping[str, Metric], configuration: Mapping[str, Metric], cause: str, remedy: str
) -> None:
    used = {names.OWN_CPUS: Ratio(0.8), **provenance}
    of_noisy = noise(report(WIDE, **configuration), **used)
    measure = "±4.2 % (10 repeats, the middle 6 used)"
    assert of_noisy.verdict == f"noisy: {cause}; Total {measure}"
    assert remedy in of_noisy.remedy
    of_quiet = noise(report(**configuration), **used)
    assert of_quiet.verdict == (
        f"quiet: Total ±0.3 % (10 repeats, the middle 6 used), though {cause}"
    )


def test_on_many_processors_a_little_load_is_nothing() -> None:
    found = noise(report(), **{names.CPUS_ONLINE: Count(64), names.OTHERS_CPUS: Ratio(2.0)})
    assert found.causes == ()


def test_cpus_used_as_counted_in_the_run_come_first() -> None:
    """Of a report that says no more than that: those of before there was a provenance."""
    old = report(WILD)
    total = {**old.device_metrics["cpu0"], "CPUs used": Ratio(0.49)}
    old = replace(
        old,
        device_metrics={"cpu0": total},
        configuration={**old.configuration, "Number of threads": Count(2)},
        provenance={},
    )
    found = noise_of(old)
    assert found is not None
    assert found.verdict.startswith("very noisy: its 2 threads had 49 % of a CPU; ")


def test_idle_threads_are_no_noise() -> None:
    found = noise(report(**{"Number of threads": Count(2)}))
    assert found.causes == ()


def test_a_drift_is_told() -> None:
    found = noise(report([100 + 0.5 * place for place in range(30)]))
    assert "it became 10 % slower over the run" in found.verdict
    found = noise(report([200 - 2.0 * place for place in range(30)]))
    assert "it became 21 % faster over the run" in found.verdict
    assert noise(report([100 + 0.01 * place for place in range(30)])).causes == ()


def test_a_tvm_report_has_a_deviation_alone() -> None:
    old = Report(
        calls=(),
        device_metrics={"cpu0": {TIME: Duration(100.0)}},
        configuration={MEAN: Duration(100.0), "Unprofiled std (us)": Duration(32.0)},
    )
    found = noise_of(old)
    assert found is not None
    assert found.level is Level.TOO_NOISY
    assert "standard deviation 32 % of the mean" in found.verdict
    assert noise_of(replace(old, configuration={})) is None
    assert noise_of(Report((), {}, {})) is None


def test_invocations_of_a_program_are_no_repeats() -> None:
    session = report(WILD, Invocations=Count(10))
    assert noise(session).verdict == "quiet: nothing else took the CPUs"
    found = noise(session, **{names.OTHERS_CPUS: Ratio(0.4)})
    assert found.verdict == "noisy: other processes took 40 % of a CPU"
    assert found.total is None
    assert noise_of(replace(session, provenance={})) is None


@pytest.mark.parametrize("times", [WILD, (*[100.0] * 29, 290.0)])
def test_the_audit_does_not_believe_what_is_too_noisy(times: Sequence[float]) -> None:
    audit = audit_report(report(times))
    assert audit.failed == ()
    assert not audit.is_believable
    assert plain(parts_of(audit, "m")).startswith("m: too noisy to believe, 0 of")
    assert audit_report(report(WIDE)).is_believable


def test_what_is_said_when_it_is_made() -> None:
    bare = replace(report(WIDE), provenance={})
    made = with_provenance(bare, {**QUIET_HOST, names.OTHERS_CPUS: Ratio(0.4)})
    found = noise_of(made)
    assert found is not None
    assert made.provenance[NOISE] == found.verdict
    assert made.provenance[REMEDY] == found.remedy
    # Whoever reads it finds the same.
    assert noise_of(Report.from_json(made.json())) == found
    assert REMEDY not in with_provenance(replace(report(), provenance={}), QUIET_HOST).provenance
    nothing = with_provenance(Report((), {}, {}), {"Kernel": "Linux"})
    assert nothing.provenance == {"Kernel": "Linux"}


@given(TIMES, st.randoms())
def test_the_spread_of_any_repeats(times: list[float], random: object) -> None:
    cell = {f"{TIME} samples": Samples(tuple(times))}
    spread = spread_of(cell)
    assert spread is not None
    assert spread.low <= spread.middle <= spread.high
    assert spread.middle == pytest.approx(median(times))
    assert spread.repeats == len(times)
    assert spread.percent >= 0
    # The order does not matter, nor does the unit.
    shuffled = list(times)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert spread_of({f"{TIME} samples": Samples(tuple(shuffled))}) == spread
    larger = spread_of({f"{TIME} samples": Samples(tuple(8 * each for each in times))})
    assert larger is not None
    assert larger.percent == pytest.approx(spread.percent)


@given(TIMES)
def test_any_repeats_have_a_level(times: list[float]) -> None:
    found = noise(report(times))
    assert found.verdict.startswith(found.level.value)
    assert (found.level is Level.QUIET) == (
        found.remedy == "" or bool(found.causes)
    ) or found.causes


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_what_is_no_time_has_no_spread(value: float) -> None:
    assert spread_of({f"{TIME} samples": Samples((1.0, 2.0, 3.0, value))}) is None
    assert noise_of(report((1.0, 2.0, 3.0, value))) is None


def test_what_is_not_there_has_no_spread() -> None:
    assert spread_of({}) is None
    assert spread_of({f"{TIME} samples": Samples((1.0, 2.0))}) is None
    zeros = spread_of({f"{TIME} samples": Samples((0.0, 0.0, 0.0))})
    assert zeros is not None
    assert zeros.text == "±0.0 %"


def test_as_it_stands_beside_a_value() -> None:
    texts = [
        spread.text
        for half in (0.04, 0.6, 9.94, 9.96, 1500)
        if (spread := spread_of({f"{TIME} samples": Samples((100 - half, 100, 100 + half))}))
    ]
    assert texts == ["±0.0 %", "±0.6 %", "±9.9 %", "±10 %", "±1,500 %"]


def test_repeats_used_are_those_of_the_estimator() -> None:
    for repeats in range(1, 100):
        assert used_of(repeats) == len(middle_half(range(repeats)))


def test_of_cpus() -> None:
    assert [*map(of_cpus, (0.024, 0.4, 0.99, 1.0, 1.5, 20.3))] == [
        "2 % of a CPU",
        "40 % of a CPU",
        "99 % of a CPU",
        "1 CPUs",
        "1.5 CPUs",
        "20.3 CPUs",
    ]


@pytest.mark.parametrize(("times", "told"), [(STEADY, ""), (WIDE, ""), (WILD, "very noisy: ")])
def test_a_pipe_gets_the_table_and_stderr_that_it_is_very_noisy(
    times: Sequence[float],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = report(times)
    monkeypatch.setattr("vmprof.cli.run.measured", lambda *_: found)
    assert main(["run", "m"]) == 0
    captured = capsys.readouterr()
    assert captured.out == found.heading() + found.table()
    noise = noise_of(found)
    assert noise is not None
    assert captured.err == (f"vmprof: {noise.verdict}; {noise.remedy}\n" if told else "")
    assert captured.err.startswith(f"vmprof: {told}" if told else "")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["run", "m"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "noisy" in captured.out or not told
