"""Types of options: on the command line as in Python."""

from __future__ import annotations

import argparse
import inspect
from dataclasses import fields
from typing import Any

import pytest

import vmprof
from vmprof.cli.parser import make_parser
from vmprof.counters import Machine
from vmprof.counters.sets import choose
from vmprof.defaults import LEAST_REPEATS
from vmprof.drivers.options import Profiling
from vmprof.record.options import Counting, Sampling, Threads
from vmprof.record.rounds.options import Rounds
from vmprof.record.sessions.options import SessionOptions
from vmprof.subject.options import Subject
from vmprof.zoo.options import Toolchain

TYPES = [Counting, Sampling, Threads, Rounds, SessionOptions, Profiling]


def parsed(kind: Any, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    kind.add_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize("kind", TYPES)
def test_where_nothing_is_said_both_do_the_same(kind: Any) -> None:
    assert kind.from_options(parsed(kind)) == kind()


def test_what_is_said_arrives() -> None:
    words = "--counters cycles --multiplex --count inherit --repeats 7 --warmup 2 --single-pass"
    more = (
        "--cold --threads --num-threads 2 --pin 0-1 --metrics --no-peaks --max-records 9 "
        "--sample-event cycles:pp --sample-rate 99"
    )
    found = Profiling.from_options(parsed(Profiling, *words.split(), *more.split()), at_least=8)
    assert found == Profiling(
        Counting("cycles", multiplex=True, count="inherit"),
        Rounds(7, 2, single_pass=True, cold=True, at_least=8),
        Threads(threads=True, num_threads=2, pin=(0, 1)),
        metrics=True,
        max_records=9,
        measure_peaks=False,
        sampling=Sampling("cycles:pp", 99),
    )
    session = parsed(SessionOptions, *words.split()[:5], "--engine", "vmprof", "--keep", "all")
    assert SessionOptions.from_options(session) == SessionOptions(
        "cycles", multiplex=True, count="inherit", engine="vmprof", keep=None
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--sample", Sampling(sample=True)),
        ("--sample-event cpu-clock", Sampling("cpu-clock")),
        ("--sample --sample-event cpu-clock", Sampling("cpu-clock")),
        ("--sample-rate 99", Sampling(sample=True, sample_rate=99)),
    ],
)
def test_each_option_of_sampling_switches_it_on(words: str, expected: Sampling) -> None:
    found = Sampling.from_options(parsed(Sampling, *words.split()))
    assert found == expected
    assert found
    assert not Sampling()


def test_a_subject_on_the_command_line() -> None:
    words = "m --entry f --input x=zeros --dim n=8 --seed 3 --params w.npz --schedule none"
    assert Subject.from_options(parsed(Subject, *words.split())) == Subject(
        "m", {"x": "zeros"}, "f", "w.npz", {"n": 8}, 3, "none"
    )
    plain, expected = Subject.from_options(parsed(Subject, "m")), Subject("m")
    assert (plain.inputs, plain.dimensions) == ({}, {})
    for name in ("source", "entry", "params", "seed", "schedule", "device"):
        assert getattr(plain, name) == getattr(expected, name)


def test_the_keywords_of_profile_have_the_defaults_of_the_types() -> None:
    types = (Profiling, Subject, Counting, Rounds, Sampling, Threads, Toolchain)
    of_types = {field.name: field.default for kind in types for field in fields(kind)}
    keywords = inspect.signature(vmprof.profile).parameters
    shared = keywords.keys() & of_types.keys() - {"source"}
    assert {name: keywords[name].default for name in shared} == {
        name: of_types[name] for name in shared
    }
    # Of the flat interface alone; and what is made of others, or of validate alone.
    flat = {"source", "engine", "processes", "remote", "progress", "named_inputs"}
    assert keywords.keys() - shared == flat
    of_parts = {"counting", "rounds", "sampling", "at_least", "toolchain", "compiler", "options"}
    assert of_types.keys() - shared == {"source", "imports", *of_parts}


@pytest.mark.parametrize("command", ["run m", "validate m", "diff a b"])
def test_commands_that_profile_have_all_options_of_it(command: str) -> None:
    options = make_parser().parse_args([*command.split(), "--pin", "0", "--repeats", "4"])
    found = Profiling.from_options(options, LEAST_REPEATS)
    assert (found.threads.pin, found.rounds) == ((0,), Rounds(4, at_least=LEAST_REPEATS))


def test_events_as_a_text() -> None:
    assert Counting(["cycles", "instructions"]).events == "cycles,instructions"
    assert Counting("ipc").events == "ipc"
    assert choose(Counting().events, Machine.read()).fallback
