"""OpenMetrics text, read by Prometheus' own parsers, of this format and of the one before it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus
from support.recordings import Made
from support.reports import hostile, network

from vmprof import Report
from vmprof.recording import openmetrics as of_recording
from vmprof.recording.reports import reports
from vmprof.recording.tables import TIMED, UNRECORDED
from vmprof.report.render.openmetrics import render, render_several
from vmprof.values import NOT_COUNTED, Count, Duration, Percent, Ratio

Labels = dict[str, str]


def samples(text: str) -> Iterator[tuple[str, Labels, float]]:
    """Name, labels and value of each, which both parsers find alike."""
    families = [*read_openmetrics(text)]
    found, older = _samples(families), _samples(read_prometheus(text))
    assert {family.type for family in families} <= {"gauge"}
    assert len({family.name for family in families}) == len(families)
    assert len({(name, *sorted(labels.items())) for name, labels, _ in found}) == len(found)
    assert repr(older) == repr(found)  # nan is not equal to nan
    yield from found


def _samples(families: Iterable[Metric]) -> list[tuple[str, Labels, float]]:
    return [
        (sample.name, sample.labels, float(sample.value))
        for family in families
        for sample in family.samples
    ]


def values(text: str, name: str, **labels: str) -> list[float]:
    """Of the samples of ``name`` that have these labels, whatever others they have."""
    return [
        value
        for found, its, value in samples(text)
        if found == name and labels.items() <= its.items()
    ]


def test_operators_in_base_units() -> None:
    text = render(network(1))
    conv = {"model": "network", "operator": "fused_conv2d_add_relu", "device": "cpu0"}
    shape = "float32[1, 64, 56, 56]"
    assert values(text, "vmprof_operator_duration_seconds", shapes=f"{shape}, {shape}", **conv) == [
        800e-6
    ]
    assert values(text, "vmprof_operator_share_ratio", **conv) == [
        pytest.approx(0.847233, abs=1e-6)
    ]
    assert values(text, "vmprof_operator_calls", **conv) == [1]
    assert values(text, "vmprof_operator_flops", **conv) == [40_000_000]
    assert values(text, "vmprof_operator_bytes", **conv) == [500_000]
    assert values(text, "vmprof_operator_counts", column="perf::CYCLES", **conv) == [2_400_000]
    assert values(text, "vmprof_operator_quotient", column="IPC", **conv) == [1.5]
    assert values(text, "vmprof_run_duration_seconds", device="cpu0") == [
        network(1).total.time_us / 1e6
    ]
    assert values(text, "vmprof_setting_time_seconds", setting="Empty call") == [0.03e-6]
    assert values(text, "vmprof_setting_counts", setting="Repeats") == [3]
    units = {family.name: family.unit for family in read_openmetrics(text)}
    assert units["vmprof_operator_duration_seconds"] == "seconds"
    assert units["vmprof_operator_bytes"] == "bytes"
    assert text.endswith("# EOF\n")


def test_calls_of_an_operator_are_one_sample() -> None:
    text = render(network(2))
    name = "vmprof_operator_duration_seconds"
    assert values(text, name, operator="fused_conv2d_add_relu") == [1610e-6]
    assert values(text, "vmprof_operator_calls", operator="fused_conv2d_add_relu") == [2]


def test_what_nobody_counted_has_no_sample_but_a_reason() -> None:
    one = network(1)
    calls = tuple({**call, "perf::CYCLES": NOT_COUNTED} for call in one.calls)
    text = render(replace(one, calls=calls))
    assert values(text, "vmprof_operator_counts", column="perf::CYCLES") == []
    assert len(values(text, "vmprof_operator_counts", column="perf::INSTRUCTIONS")) == 4
    missing = [labels for name, labels, _ in samples(text) if name == "vmprof_not_counted_info"]
    assert missing == [
        {
            "model": "network",
            "column": "perf::CACHE-MISSES",
            "reason": "this processor's PMU does not have the event",
        }
    ]


def test_words_are_labels_of_info() -> None:
    one = network(1)
    report = replace(
        one,
        calls=({**one.calls[0], "Bound": "memory"},),
        configuration={**one.configuration, "TVM": "0.27", "Engine": "tvm"},
        provenance={"Processor": "Z80", "Kernel": "unknown: no /proc", "Load at start": Ratio(0.5)},
    )
    text = render(report)
    assert values(text, "vmprof_operator_info", column="Bound", value="memory") == [1]
    (about,) = [labels for name, labels, _ in samples(text) if name == "vmprof_report_info"]
    assert about == {"model": "network", "engine": "tvm", "tvm": "0.27", "processor": "Z80"}
    assert values(text, "vmprof_provenance_quotient", fact="Load at start") == [0.5]


def test_several_reports_have_titles() -> None:
    text = render_several({"before": network(1), "after": network(1)})
    name = "vmprof_run_duration_seconds"
    assert values(text, name, report="before") == values(text, name, report="after")
    assert len(values(text, name)) == 2


def test_a_recording_has_its_functions() -> None:
    made = Made(columns=("cycles",))
    for number in range(6):
        turn = (TIMED, 1, UNRECORDED)[number % 3]
        made.add(turn, 9000, [("a", "float32[2]", 0, 3000)])
    recording = made.recording()
    text = of_recording.render(recording, "operator", reports(recording))
    of_main = {"report": "main"}
    assert values(text, "vmprof_function_counts", column="Invocations", **of_main) == [6]
    assert values(text, "vmprof_function_time_seconds", column="Sum", **of_main) == [54e-6]
    assert values(text, "vmprof_operator_duration_seconds", operator="a", **of_main) == [3e-6]


TEXT = st.text(max_size=12) | st.sampled_from(
    ['a"b', "\\n", "\\", "\n# EOF", 'x"} 1\n', "\r", "\ud800", "\x85", "{", ",", "="]
)
NUMBERS = (
    st.integers(-(10**30), 10**30).map(Count)
    | st.floats().map(Duration)
    | st.floats().map(Percent)
    | st.floats().map(Ratio)
)


def held(text: str) -> str:
    """As UTF-8 can hold it."""
    return "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in text)


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.lists(st.tuples(TEXT, TEXT, NUMBERS), min_size=1, max_size=4), TEXT)
def test_names_are_kept_whatever_they_are(rows: list[tuple[str, str, object]], model: str) -> None:
    calls = [
        {"Name": name, "Argument Shapes": "", "Device": "cpu0", f"x{column}": number}
        for name, column, number in rows
    ]
    report = Report(tuple(calls), {}, {"Model": model}, {"e": model})  # type: ignore[arg-type]
    found = [*samples(render(report))]
    labels = [its for name, its, _ in found if name.startswith("vmprof_operator_")]
    assert {its.get("operator", "") for its in labels} == {held(name) for name, _, _ in rows}
    columns = {f"x{held(column)}".removesuffix(" (us)") for _, column, _ in rows}
    assert {its["column"].removesuffix(" (us)") for its in labels} == columns
    assert all(its.get("model", "") == held(model) for _, its, _ in found)


def test_numbers_that_are_none_are_written_as_such() -> None:
    for number, value in ((Duration(math.inf), math.inf), (Ratio(-math.inf), -math.inf)):
        report = Report(({"Name": "a", "x": number},), {}, {})
        assert [v for name, _, v in samples(render(report)) if "operator" in name] == [value]
    report = Report(({"Name": "a", "x": Ratio(math.nan)},), {}, {})
    assert "} NaN\n" in render(report)


def test_hostile_names() -> None:
    names = {labels.get("operator") for _, labels, _ in samples(render(hostile()))} - {None}
    assert names == {str(call["Name"]) for call in hostile().calls}


def test_rows_that_would_be_taken_for_one_are_numbered() -> None:
    calls = tuple({"Name": Count(n), "Duration (us)": Duration(n)} for n in (1, 2, 3))
    found = [*samples(render(Report(calls, {}, {})))]
    assert [its for name, its, _ in found if name.endswith("duration_seconds")] == [
        {},
        {"number": "2"},
        {"number": "3"},
    ]
