"""Columns derived from others: of one call, of merged calls, and through JSON."""

from __future__ import annotations

import json

import pytest

from vmprof import Report, VmprofError
from vmprof.report.derive import derive, evaluate
from vmprof.values import Count, Derived, Duration, Metric, Percent, Ratio, Row

CYCLES, INSTRUCTIONS = "perf::CYCLES", "perf::INSTRUCTIONS"
NAMES = {"cycles": CYCLES, "instructions": INSTRUCTIONS}
IPC = Derived("IPC", "instructions / cycles", "ratio", NAMES)
SHARE = Derived("Retired (%)", "instructions / (4 * cycles)", "percent", NAMES)
ENERGY = "power/energy-pkg/ (uJ)"
JOULES = Derived("Energy (mJ)", "e / 1000", "count", {"e": ENERGY})
AT_2_GHZ = Derived("At 2 GHz (us)", "cycles / 2000", "duration", {"cycles": CYCLES})


def call(name: str, cycles: int, instructions: int, microseconds: float = 1.0) -> Row:
    return {
        "Name": name,
        "Duration (us)": Duration(microseconds),
        "Count": Count(1),
        "Argument Shapes": "",
        "Device": "cpu0",
        CYCLES: Count(cycles),
        INSTRUCTIONS: Count(instructions),
    }


def report(*calls: Row, missing: dict[str, str] | None = None) -> Report:
    total = {"Duration (us)": Duration(10.0), CYCLES: Count(1000), INSTRUCTIONS: Count(3000)}
    return Report(tuple(calls), {"cpu0": total}, {}, missing or {})


@pytest.mark.parametrize(
    ("derived", "numbers", "metric"),
    [
        (IPC, {CYCLES: 200, INSTRUCTIONS: 500}, Ratio(2.5)),
        (SHARE, {CYCLES: 200, INSTRUCTIONS: 500}, Percent(62.5)),
        (JOULES, {ENERGY: 1_499_600}, Count(1500)),
        (AT_2_GHZ, {CYCLES: 5000}, Duration(2.5)),
    ],
)
def test_kinds(derived: Derived, numbers: dict[str, float], metric: Metric) -> None:
    assert evaluate([derived], numbers) == {derived.column: metric}


@pytest.mark.parametrize("numbers", [{CYCLES: 0, INSTRUCTIONS: 5}, {INSTRUCTIONS: 5}, {}])
def test_what_cannot_be_computed_has_no_value(numbers: dict[str, float]) -> None:
    assert evaluate([IPC], numbers) == {}


def test_calls_and_totals_get_the_column() -> None:
    derived = derive(report(call("a", 100, 50), call("b", 0, 7)), [IPC])
    assert [row.get("IPC") for row in derived.calls] == [Ratio(0.5), None]
    assert derived.device_metrics["cpu0"]["IPC"] == Ratio(3.0)
    assert derived.missing == {}


def test_merged_rows_and_the_sum_are_computed_anew() -> None:
    # A mean of the ratios would be 1.5, a sum of the percents 75.
    derived = derive(report(call("a", 100, 200, 5.0), call("a", 300, 300), call("b", 400, 100)),
                     [IPC, SHARE])  # fmt: skip
    table = [line.split() for line in derived.table().splitlines()]
    cells = {line[0]: line for line in table if line}
    header = cells["Name"]
    assert header[-2:] == ["perf::CYCLES", "perf::INSTRUCTIONS"]
    assert cells["a"][-4:] == ["1.2", "31.25", "400", "500"]
    assert cells["b"][-4:] == ["0.25", "6.25", "400", "100"]
    assert cells["Sum"][-4:] == ["0.75", "18.75", "800", "600"]
    assert cells["Total"][-4:] == ["3", "75.00", "1,000", "3,000"]
    assert "IPC: instructions / cycles" in derived.table().splitlines()


def test_a_missing_event_makes_the_column_missing_with_the_reason() -> None:
    calls = {"Name": "a", "Duration (us)": Duration(1.0), INSTRUCTIONS: Count(5)}
    plain = Report((calls,), {"cpu0": {}}, {}, {CYCLES: "this processor has none"})
    derived = derive(plain, [IPC, JOULES])
    assert derived.calls == plain.calls
    assert derived.missing == {
        CYCLES: "this processor has none",
        "IPC": "needs perf::CYCLES, which could not be counted",
        "Energy (mJ)": "needs power/energy-pkg/ (uJ), which could not be counted",
    }


def test_a_column_is_missing_in_csv_too() -> None:
    plain = report({"Name": "a", INSTRUCTIONS: Count(5)}, missing={CYCLES: "none here"})
    derived = derive(Report(plain.calls, {}, {}, plain.missing), [IPC])
    header, line = derived.csv().splitlines()
    assert '"perf::CYCLES: none here; IPC: needs perf::CYCLES, which could not be counted"' in line
    assert "IPC" in header.split(",")


def test_derived_columns_survive_json_and_stay_correct() -> None:
    derived = derive(report(call("a", 100, 200), call("a", 300, 300)), [IPC, JOULES])
    loaded = Report.from_json(derived.json())
    assert loaded == derived
    assert loaded.table() == derived.table()


def test_json_keeps_to_the_kinds_of_tvm() -> None:
    document = json.loads(derive(report(call("a", 100, 200)), [IPC]).json())
    assert set(document) == {"calls", "device_metrics", "configuration"}
    assert document["calls"][0]["IPC"] == {"ratio": 2.0}
    assert set(document["configuration"]["Derived: IPC"]) == {"string"}


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "{}",
        '{"formula": "a", "kind": "ratio", "sources": {}}',
        '{"formula": "a.b", "kind": "ratio", "sources": {}}',
        '{"formula": "a", "kind": "other", "sources": {"a": "x"}}',
        '{"formula": "a", "kind": "ratio", "sources": ["a"]}',
    ],
)
def test_a_broken_definition_is_no_report(text: str) -> None:
    document = {"calls": [], "configuration": {"Derived: IPC": {"string": text}}}
    with pytest.raises(VmprofError, match=r"not a report: configuration\['Derived: IPC'\]"):
        Report.from_json(json.dumps(document))
