"""Samples as stacks, and every format that they are written in."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from support.reports import HOSTILE, network
from support.sampled import KERNEL, LIBC, MODEL, sampled_report

from vmprof import VmprofError
from vmprof.cli.main import main
from vmprof.report import Report
from vmprof.report.render.stacks import (
    Frame,
    collapsed,
    firefox,
    flame,
    pprof,
    speedscope,
    stacks_of,
)
from vmprof.sampling.model import Function, Hit, Library

SCHEMA = Path(__file__).parents[1] / "data" / "speedscope-schema.json"
RUN = Frame("mlp on cpu0", "run")
CALLING = (0, "calling thread")


@pytest.fixture
def report() -> Report:
    return sampled_report()


def test_stacks_say_what_is_known_of_the_moment(report: Report) -> None:
    conv = Frame("conv", "operator")
    body, helper = (
        Frame("conv_compute_", "code", MODEL.path),
        Frame("conv_helper", "code", MODEL.path),
    )
    libc = Frame("[libc.so.6]", "code", LIBC.path)
    assert [(s.frames, s.thread, s.samples, s.weight) for s in stacks_of(report)] == [
        ((RUN, conv, body), CALLING, 8, 8000),
        ((RUN, conv, body), (1, "worker 1"), 5, 5000),
        ((RUN, Frame("(in no call)", "operator"), libc), CALLING, 4, 4000),
        (
            (
                RUN,
                Frame("main", "function"),
                Frame("step x3", "function"),
                Frame("soft;max", "operator"),
                libc,
            ),
            CALLING,
            3,
            3000,
        ),
        ((RUN, conv, helper), CALLING, 1, 1000),
    ]


def test_lines_are_the_innermost_frames(report: Report) -> None:
    def line_of(library: Library, function: Function, address: int) -> Frame | None:
        if function != KERNEL:
            return None
        return Frame(f"line {address:x}", "line", library.path, address - 0x100)

    innermost = {stack.frames[-1]: stack.samples for stack in stacks_of(report, line_of)}
    assert innermost[Frame("line 110", "line", MODEL.path, 0x10)] == 5
    assert innermost[Frame("line 120", "line", MODEL.path, 0x20)] == 2
    assert innermost[Frame("conv_helper", "code", MODEL.path)] == 1


def test_no_samples_no_stacks() -> None:
    with pytest.raises(VmprofError, match="the report has no samples; take some: vmprof run "):
        stacks_of(network())


def test_collapsed_stacks(report: Report) -> None:
    assert collapsed.render(stacks_of(report)) == (
        "mlp on cpu0;conv;conv_compute_ 13\n"
        "mlp on cpu0;(in no call);[libc.so.6] 4\n"
        "mlp on cpu0;main;step x3;soft,max;[libc.so.6] 3\n"
        "mlp on cpu0;conv;conv_helper 1\n"
    )


def test_speedscope_by_its_own_schema(report: Report) -> None:
    document = json.loads(speedscope.render(stacks_of(report), "mlp", "ns"))
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    calling, worker = document["profiles"]
    assert (calling["name"], worker["name"]) == ("calling thread", "worker 1")
    assert (calling["unit"], sum(calling["weights"]), calling["endValue"]) == (
        "nanoseconds", 16000, 16000,
    )  # fmt: skip
    frames = document["shared"]["frames"]
    assert [frames[n]["name"] for n in worker["samples"][0]] == [
        "mlp on cpu0", "conv", "conv_compute_",
    ]  # fmt: skip


def test_pprof_read_back(report: Report) -> None:
    content = pprof.render(stacks_of(report), "mlp", "cpu-clock", "ns")
    assert content == pprof.render(stacks_of(report), "mlp", "cpu-clock", "ns")
    profile = pprof.profile_type().FromString(gzip.decompress(content))
    text = profile.string_table
    assert text[0] == ""
    assert [(text[each.type], text[each.unit]) for each in profile.sample_type] == [
        ("samples", "count"),
        ("cpu-clock", "nanoseconds"),
    ]
    locations = {each.id: each for each in profile.location}
    functions = {each.id: each for each in profile.function}
    read = [
        (
            [text[functions[locations[n].line[0].function_id].name] for n in sample.location_id],
            list(sample.value),
            [(text[label.key], text[label.str]) for label in sample.label],
        )
        for sample in profile.sample
    ]
    assert read[1] == (
        ["conv_compute_", "conv", "mlp on cpu0"],
        [5, 5000],
        [("thread", "worker 1")],
    )
    assert len(read) == 5
    assert sum(value[0] for _, value, _ in read) == 21


def test_firefox_tables_fit_together(report: Report) -> None:
    document = json.loads(firefox.render(stacks_of(report), "mlp", "cpu-clock", "ns"))
    calling, worker = document["threads"]
    for thread in (calling, worker):
        for table in thread.values():
            if isinstance(table, dict):
                columns = [column for column in table.values() if isinstance(column, list)]
                assert {len(column) for column in columns} == {table["length"]}
    stacks, frames, functions = (
        calling[table] for table in ("stackTable", "frameTable", "funcTable")
    )

    def names(top: int | None) -> list[str]:
        if top is None:
            return []
        function = functions["name"][frames["func"][stacks["frame"][top]]]
        return [*names(stacks["prefix"][top]), calling["stringArray"][function]]

    assert [names(top) for top in calling["samples"]["stack"]] == [
        [frame.name for frame in stack.frames]
        for stack in stacks_of(report)
        if stack.thread == CALLING
    ]
    assert calling["samples"]["weight"] == [0.008, 0.004, 0.003, 0.001]
    assert calling["samples"]["time"] == pytest.approx([0, 0.008, 0.012, 0.015])
    assert worker["name"] == "worker 1"


def test_the_page_holds_graphs_of_all_threads_and_of_each(report: Report) -> None:
    assert report.samples is not None
    page = flame.render(stacks_of(report), "mlp", report.samples)
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    graphs = {graph["name"]: graph["root"] for graph in json.loads(data)["graphs"]}
    assert {name: root["s"] for name, root in graphs.items()} == {
        "all threads": 21, "calling thread": 16, "worker 1": 5,
    }  # fmt: skip
    whole = graphs["all threads"]
    assert [(node["n"], node["s"]) for node in whole["c"]] == [
        ("conv", 14), ("(in no call)", 4), ("main", 3),
    ]  # fmt: skip
    assert whole["c"][0]["c"][0] == {
        "n": "conv_compute_", "k": 4, "s": 13, "f": MODEL.path, "c": [],
    }  # fmt: skip


def test_hostile_names_stay_text(report: Report) -> None:
    assert report.samples is not None
    functions = tuple(Function(0, name, 1, 1) for name in HOSTILE)
    hits = tuple(Hit(0, number, 1, 0, 1, 1) for number in range(len(functions)))
    report = replace(report, samples=replace(report.samples, functions=functions, hits=hits))
    assert report.samples is not None
    stacks = stacks_of(report)
    page = flame.render(stacks, HOSTILE[0], report.samples)
    harmless = flame.render(stacks[:1], "mlp", report.samples)
    assert page.count("<script") == harmless.count("<script")
    assert len(collapsed.render(stacks).splitlines()) == len(HOSTILE)


def test_the_command(report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "report.json"
    saved.write_text(report.json())
    assert main(["flame", str(saved)]) == 0
    assert capsys.readouterr().out == collapsed.render(stacks_of(report))
    files = {form: tmp_path / form for form in ("html", "speedscope", "pprof", "firefox")}
    arguments = [each for form, path in files.items() for each in (f"--{form}", str(path))]
    assert main(["flame", str(saved), *arguments]) == 0
    assert capsys.readouterr().out == ""
    assert all(path.stat().st_size for path in files.values())
    saved.write_text(network().json())
    assert main(["flame", str(saved)]) == 1
    assert capsys.readouterr().err.startswith("vmprof: error: the report has no samples; ")
