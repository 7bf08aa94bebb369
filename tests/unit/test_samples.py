"""Samples in reports and recordings: folded, written, read again, and what damage does."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import samples
from support.reports import network

from vmprof import Report, VmprofError
from vmprof.compare.readers import parse_reports
from vmprof.recording import page, saved, text, trace
from vmprof.recording.reports import reports
from vmprof.recording.tables import CountedPass, Sampling
from vmprof.report.balance import imbalance
from vmprof.report.render.stacks.stacks import stacks_of, threads_of
from vmprof.report.sampled import SAMPLES, add_samples
from vmprof.runs.work import Ints
from vmprof.sampling.code import Places
from vmprof.sampling.fold import folded
from vmprof.sampling.model import IN_NO_CALL, Hit, Sampled
from vmprof.sampling.text import dumps, loads
from vmprof.values import Count

NATURAL = st.integers(0, 2**63 - 1)


def report() -> Report:
    plain = network()
    return add_samples(plain, samples.sampled(len(plain.calls)))


# ---- reports -----------------------------------------------------------------------------------


def test_the_column_of_samples_adds_up() -> None:
    found = report()
    counts = [row[SAMPLES] for row in found.calls]
    assert counts == [Count(6), *[Count(0)] * (len(counts) - 2), Count(2)]
    (total,) = found.device_metrics.values()
    assert total[SAMPLES] == Count(9)
    assert found.configuration["In no row Samples"] == Count(1)
    assert imbalance(found)[SAMPLES] == 0


def test_what_was_missed_is_said() -> None:
    facts = report().configuration
    assert str(facts["Samples lost"]).startswith("4 of 13 found no room in the ring buffer; ")
    assert str(facts["Samples throttled"]).startswith("1 times the kernel paused")
    whole = replace(samples.sampled(), lost=0, throttled=0)
    assert (
        not {"Samples lost", "Samples throttled"}
        & add_samples(network(), whole).configuration.keys()
    )


def test_json_has_all_of_it() -> None:
    found = report()
    again = Report.from_json(found.json())
    assert again == found
    assert again.samples == found.samples
    document = json.loads(found.json())
    # As TVM takes it: three parts, and texts.
    assert document.keys() == {"calls", "device_metrics", "configuration"}
    assert document["configuration"]["samples"].keys() == {"string"}


def test_csv_has_all_of_it() -> None:
    found = report()
    (again,) = parse_reports(found.csv(), "t")
    assert again.report.samples == found.samples
    (cut,) = parse_reports("\n".join(found.csv().splitlines()[:-1]), "t")
    assert cut.report.samples is None


def test_a_setting_of_that_name_stays_one() -> None:
    plain = replace(network(), configuration={"samples": "three"})
    again = Report.from_json(plain.json())
    assert again.configuration == {"samples": "three"}
    assert again.samples is None


@given(st.data())
def test_any_samples_come_back(data: st.DataObject) -> None:
    hits = data.draw(
        st.lists(
            st.builds(
                Hit,
                st.integers(IN_NO_CALL, 4),
                st.integers(0, len(samples.FUNCTIONS) - 1),
                NATURAL,
                NATURAL,
                NATURAL,
                NATURAL,
            )
        )
    )
    one = replace(samples.sampled(), hits=tuple(hits), event=data.draw(st.text(max_size=5)))
    written = dumps(one)
    if one.event.isprintable():
        assert loads(written, calls=5) == one


def test_threads_of_other_pools_stand_beside() -> None:
    plain = network()
    one = samples.sampled(len(plain.calls))
    others = (Hit(1, 0, 16, 1, 3, 300), Hit(IN_NO_CALL, 0, 16, 2, 1, 100))
    found = add_samples(plain, replace(one, others=others))
    # The column is of those that work for the calls.
    assert [row[SAMPLES] for row in found.calls] == [row[SAMPLES] for row in report().calls]
    fact = str(found.configuration["Samples of other threads"])
    assert fact.startswith("4 of 2 that are not TVM's")
    assert Report.from_json(found.json()).samples == found.samples
    with pytest.raises(VmprofError, match="of a call that is not there"):
        loads(dumps(replace(one, others=others)), calls=1)
    threads = dict(threads_of(stacks_of(found)))
    assert sum(stack.samples for stack in threads["other thread 1"]) == 3


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("hits", "call", 1), 2, "of a call that is not there"),
        (("hits", "call", 1), -2, "of a call that is not there"),
        (("hits", "function", 1), 4, "of a function that is not there"),
        (("hits", "samples", 1), -1, "no number from 0 up"),
        (("hits", "weight", 1), 1.5, "no number from 0 up"),
        (("hits", "thread", 1), True, "no number from 0 up"),
        (("hits", "address"), [1], "shorter than|zip"),
        (("functions", 0, 0), 3, "of a library that is not there"),
        (("functions", 0, 1), None, "no text"),
        (("libraries", 0, 1), "book", "no kind 'book'"),
        (("rate",), None, "no number from 0 up"),
        (("event",), 7, "no text"),
        (("hits",), None, "subscriptable"),
    ],
)
def test_damaged_samples_are_one_line(path: tuple[Any, ...], value: Any, why: str) -> None:
    document = json.loads(dumps(samples.sampled()))
    *outer, last = path
    place = document
    for key in outer:
        place = place[key]
    place[last] = value
    with pytest.raises(VmprofError, match=why) as raised:
        loads(json.dumps(document), calls=2)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("not a report: its samples are broken: ")


@given(
    st.lists(
        st.tuples(*[st.integers(0, 2)] * 3, st.sampled_from([0, 5, 9]), st.integers(1, 9)),
        max_size=40,
    )
)
def test_folding_adds_up(rows: list[tuple[int, ...]]) -> None:
    columns: list[Ints] = [*np.array(rows, dtype=np.int64).reshape(-1, 5).T]
    calls, functions, addresses, threads, periods = columns
    hits = folded(Places(functions, addresses), calls, threads, periods)
    names = sorted({thread for thread in threads.tolist() if thread})
    expected: dict[tuple[int, ...], list[int]] = {}
    for call, function, address, thread, period in rows:
        key = (call, function, address, 1 + names.index(thread) if thread else 0)
        expected.setdefault(key, []).append(period)
    assert {hit[:4]: (hit.samples, hit.weight) for hit in hits} == {
        key: (len(periods), sum(periods)) for key, periods in expected.items()
    }


def test_by_function() -> None:
    one = samples.sampled()
    assert one.total == 9
    assert [(f.name, n) for f, n in one.by_function().items()] == [
        ("a_compute_", 5), ("b_compute_", 2), ("", 1), ("page_fault", 1),
    ]  # fmt: skip
    assert [hit.samples for hit in one.of_call(0)] == [5, 1]
    assert {f.name: n for f, n in one.by_function(one.of_call(0)).items()} == {
        "a_compute_": 5, "page_fault": 1,
    }  # fmt: skip


# ---- recordings ----------------------------------------------------------------------------------


def hits_by_name(sampled: Sampled, found: Report) -> dict[tuple[str, str, int], tuple[int, int]]:
    return {
        (
            str(found.calls[hit.call]["Name"]) if hit.call >= 0 else "",
            sampled.functions[hit.function].name,
            hit.thread,
        ): (hit.samples, hit.weight)
        for hit in sampled.hits
    }


def test_a_report_of_a_recording_has_the_samples_of_its_rows() -> None:
    (found,) = reports(samples.recording()).values()
    assert found.samples is not None
    assert hits_by_name(found.samples, found) == {
        ("", "", 0): (1, 10),
        ("a", "a_compute_", 0): (2, 20),
        ("a", "a_compute_", 1): (1, 10),
        ("b", "b_compute_", 0): (1, 20),
    }
    assert (found.samples.runs, found.samples.lost) == (3, 1)
    assert {str(row["Name"]): row[SAMPLES] for row in found.calls} == {"a": Count(3), "b": Count(1)}
    assert Report.from_json(found.json()) == found


def test_invocations_that_raised_have_none() -> None:
    made = samples.recording()
    invocations = made.invocations.copy()
    invocations["failed"][7] = 1
    (found,) = reports(replace(made, invocations=invocations)).values()
    assert found.samples is not None
    assert (found.samples.total, found.samples.runs) == (3, 2)


def test_a_recording_comes_back_with_its_samples() -> None:
    made = samples.recording()
    again = saved.loads(saved.dumps(made), "x")
    assert again.sampling == made.sampling
    assert np.array_equal(again.samples, made.samples)
    assert again.passes == made.passes
    assert reports(again) == reports(made)


def test_all_that_shows_recordings_shows_it() -> None:
    made = samples.recording()
    assert "Samples" in text.render(made)
    assert "cpu-clock, in runs of their own" in page.render(made)
    assert trace.render(made)


def changed(column: str, value: int) -> Any:
    made = samples.recording()
    table = made.samples.copy()
    table[column][-1] = value
    return replace(made, samples=table)


@pytest.mark.parametrize(
    "broken",
    [
        changed("invocation", 0),
        changed("invocation", 99),
        changed("call", 3),
        changed("call", -1),
        changed("function", 4),
        changed("function", -1),
        changed("period", -1),
        changed("period", 2**62),
        changed("thread", -1),
        changed("address", -1),
        replace(samples.recording(), sampling=None),
        replace(samples.recording(), passes=(CountedPass(("cycles",), "by hand"),)),
        replace(
            samples.recording(),
            sampling=Sampling("cpu-clock", "ns", -1, samples.LIBRARIES, samples.FUNCTIONS),
        ),
    ],
)
def test_samples_that_do_not_fit_are_one_line(broken: Any) -> None:
    with pytest.raises(VmprofError, match=r"run\.vmprof") as raised:
        saved.loads(saved.dumps(broken), "run.vmprof")
    assert "\n" not in str(raised.value)


@given(st.data())
def test_json_of_another_kind_is_told(data: st.DataObject) -> None:
    value = data.draw(
        st.recursive(st.none() | st.integers() | st.text(), lambda each: st.lists(each, max_size=3))
    )
    key = data.draw(st.sampled_from(["libraries", "functions", "event", "rate", "lost"]))
    made = samples.recording()
    assert made.sampling is not None
    broken = replace(made, sampling=replace(made.sampling, **{key: value}))
    told = ""
    try:
        reports(saved.loads(saved.dumps(broken), "run.vmprof"))
    except VmprofError as error:
        told = str(error)
    assert "\n" not in told
