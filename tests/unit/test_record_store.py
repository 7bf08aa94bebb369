"""Bounded memory of a session, estimators, shapes: no VM, exact numbers."""

from __future__ import annotations

import numpy as np
import pytest
import tvm_ffi
from hypothesis import given
from hypothesis import strategies as st

from vmprof.record.sessions.store import FIRST_KEPT, Folded, Store
from vmprof.recording.shapes import kind_of, parse, ranges
from vmprof.recording.slope import slope
from vmprof.recording.tables import CALL, INVOCATION, TIMED, UNRECORDED, Counts
from vmprof.runs.signature import dtype_name, signature_text


def folded(first: int, count: int, calls: int, function: int = 0) -> Folded:
    """Invocations of one function with two turns; the timed ones have so many calls."""
    invocations = np.zeros(count, dtype=INVOCATION)
    invocations["id"] = first + np.arange(count)
    invocations["number"] = first + np.arange(count)
    invocations["function"] = function
    invocations["turn"] = np.where(np.arange(first, first + count) % 2 == 0, TIMED, UNRECORDED)
    invocations["begin_ns"] = 10 * invocations["id"]
    invocations["end_ns"] = invocations["begin_ns"] + 3
    ids = invocations["id"][invocations["turn"] == TIMED]
    rows = np.zeros(len(ids) * (1 + calls), dtype=CALL)
    rows["invocation"] = np.repeat(ids, 1 + calls)
    rows["callee"] = np.tile(np.r_[-1, np.zeros(calls, int)], len(ids))
    rows["parent"] = np.tile(np.r_[-1, np.zeros(calls, int)], len(ids))
    return Folded(invocations, rows, ())


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=8),
    st.integers(0, 5),
    st.integers(1, 300),
)
def test_a_store_keeps_to_its_budget_and_forgets_no_total(
    chunks: list[int], calls: int, budget: int
) -> None:
    store = Store(budget, turns=1)
    first = 0
    for count in chunks:
        store.add(folded(first, count, calls))
        first += count
    kept = store.kept()
    totals = store.totals()
    assert totals["invocations"].sum() == first
    assert totals["sum_ns"].sum() == 3 * first
    places = kept.invocations["number"] // 2
    stride = int(totals["stride"].max()) if len(totals) else 1
    expected = [n for n in range(first) if n // 2 < FIRST_KEPT or n // 2 % stride == 0]
    assert kept.invocations["number"].tolist() == expected
    # Over budget only where nothing is left that could go.
    assert kept.rows <= budget or (places < FIRST_KEPT).all()
    # Calls are those of the invocations that are there.
    timed = kept.invocations["id"][kept.invocations["turn"] == TIMED]
    assert kept.calls["invocation"].tolist() == np.repeat(timed, 1 + calls).tolist()


def test_the_function_with_most_calls_is_thinned_first() -> None:
    store = Store(300, turns=1)
    store.add(folded(0, 40, 2, function=1))
    store.add(folded(1000, 200, 5))
    totals = store.totals()
    assert set(totals["stride"][totals["function"] == 1].tolist()) == {1}
    assert totals["stride"][totals["function"] == 0].min() > 1


def test_counts_are_thinned_with_their_invocations() -> None:
    chunk = folded(0, 40, 1)
    values = np.arange(len(chunk.calls))[:, None]
    store = Store(40, turns=1)
    store.add(Folded(chunk.invocations, chunk.calls[:0], (Counts(chunk.calls, values),)))
    (counts,) = store.kept().counts
    assert counts.values[:, 0].tolist() == [
        number
        for number in range(40)
        if chunk.calls["invocation"][number] in counts.calls["invocation"]
    ]


def test_a_slope_is_what_most_pairs_say() -> None:
    x = np.arange(40)
    y = 5.0 + 0.25 * x
    y[7] = 1e9
    found = slope(x, y)
    assert found is not None
    assert found.value == pytest.approx(0.25)
    assert found.low <= 0.25 <= found.high


def test_a_slope_of_noise_may_be_zero() -> None:
    noise = np.random.default_rng(1).standard_normal(60)
    found = slope(np.arange(60), noise)
    assert found is not None
    assert found.low < 0 < found.high


@pytest.mark.parametrize("x", [np.arange(7), np.zeros(50)])
def test_too_few_points_have_no_slope(x: np.ndarray) -> None:
    assert slope(x, np.arange(len(x), dtype=float)) is None


def test_dtypes_have_tvms_names() -> None:
    for code in range(18):
        for bits, lanes in ((8, 1), (32, 1), (32, 4), (1, 1)):
            if code in (5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17) and (bits, lanes) != (8, 1):
                continue  # complex is unknown to TVM, narrow floats have one size
            if code == 5:
                continue
            expected = str(tvm_ffi.dtype.from_dlpack_data_type((code, bits, lanes)))
            assert dtype_name(code | bits << 8 | lanes << 16) == expected


def test_signatures_as_text_and_as_ranges() -> None:
    float32 = 2 | 32 << 8 | 1 << 16
    text = signature_text([2, float32, 2, 1, 784, float32, 0])
    assert text == "float32[1, 784], float32[]"
    assert parse(text) == (("float32", (1, 784)), ("float32", ()))
    assert kind_of(text) == (("float32", 2), ("float32", 0))
    assert signature_text([0]) == ""
    grown = [f"float32[1, 8, {n}, 64], int32[{n}]" for n in (40, 17, 80)]
    assert ranges(grown) == "float32[1, 8, 17..80, 64], int32[17..80]"
    assert ranges(["float32[2]", "float32[2]"]) == "float32[2]"
