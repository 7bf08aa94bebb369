"""A user's own counters: docs/how-to/extending.md's examples, and what can be wrong with others."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from support.models import program
from support.relax_zoo import zoo
from support.sessions import make, tensor

import vmprof
from vmprof import Program, VmprofError, load_collector
from vmprof.record.sessions.session import Session
from vmprof.recording.reports import reports
from vmprof.report import Count, Duration, Ratio, Report
from vmprof.values import WINDOW, Metric, Row, Samples

EXAMPLES = Path(__file__).parents[2] / "docs/examples"
FOUR = np.array([1, -2, 3.5, 0], "float32")


def build(source: Path | str, folder: Path) -> str:
    """The shared library made of a file, or of text."""
    if isinstance(source, str):
        (folder / "collector.c").write_text(source)
        source = folder / "collector.c"
    library = folder / "collector.so"
    compiler = os.environ.get("CC", "cc")
    flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I", vmprof.get_include()]
    subprocess.run([compiler, *flags, str(source), "-o", str(library)], check=True)
    return str(library)


def profiled(specification: str, **options: bool) -> Report:
    return vmprof.profile(
        program("nested"),
        [FOUR],
        repeats=3,
        collectors=[load_collector(specification)],
        **{"counters": "none", **options},
    )


def collector_in_c(read: str, open_: str = "return (void *)names;") -> str:
    """The source of a collector with two columns and these function bodies."""
    return f"""
        #include <stdio.h>
        #include "vmprof_collector.h"
        static const char *const names[] = {{"a", "b"}};
        static void *open_it(char *problem, size_t size) {{ (void)problem, (void)size; {open_} }}
        static int read_it(void *self, uint64_t *values) {{ (void)self; {read} }}
        static void close_it(void *self) {{ (void)self; }}
        const vmprof_collector vmprof_collector_v1 = {{2, names, open_it, read_it, close_it}};
    """


def test_the_example_in_c(tmp_path: Path) -> None:
    report = profiled(build(EXAMPLES / "collector.c", tmp_path))
    ticks = [call["Ticks"] for call in report.calls]
    assert all(isinstance(count, Count) and count.value > 0 for count in ticks)
    total = report.device_metrics["cpu0"]["Ticks"]
    assert isinstance(total, Count)
    assert total.value > sum(count.value for count in ticks if isinstance(count, Count))
    assert "Empty call Ticks" in report.configuration
    assert report.configuration["Counters, pass 1"] == "Ticks; read by collector.so"


@pytest.mark.parametrize("single_pass", [False, True])
def test_a_window_holds_two_readings(tmp_path: Path, single_pass: bool) -> None:
    """One column counts the readings, the other wraps at each."""
    read = "static uint64_t n; values[0] = n++; values[1] = n << 63; return 0;"
    report = profiled(build(collector_in_c(read), tmp_path), single_pass=single_pass)
    assert {call["a"] for call in report.calls} == {Count(1)}
    assert report.device_metrics["cpu0"]["a"] == Count(2 * len(report.calls) + 1)


def test_a_collector_takes_no_turns(tmp_path: Path) -> None:
    """Read in the same windows as groups that do."""
    read = "static uint64_t n; values[0] = n++; values[1] = n; return 0;"
    report = profiled(
        build(collector_in_c(read), tmp_path),
        counters="task-clock,page-faults",
        single_pass=True,
        multiplex=True,
    )
    assert {call["a"] for call in report.calls} == {Count(1)}
    assert report.device_metrics["cpu0"]["a"] == Count(2 * len(report.calls) + 1)


@pytest.mark.parametrize("engine", ["vmprof", "tvm"])
def test_a_builtins_row_holds_no_dispatch_of_the_bytecode_that_it_runs(
    engine: str, tmp_path: Path
) -> None:
    """One column counts the readings: how many of them lie where is known."""
    read = "static uint64_t n; values[0] = n++; values[1] = 0; return 0;"
    report = vmprof.profile(
        Program.of_module(zoo("bytecode").jit(), "zoo"),
        [FOUR[:3], FOUR[:3]],
        entry="bind_last",
        engine=engine,
        repeats=2,
        counters="none",
        collectors=[load_collector(build(collector_in_c(read), tmp_path))],
    )
    rows = {call["Name"]: call for call in report.calls}
    invoke = rows["vm.builtin.invoke_closure"]
    # From the beginning to where the bytecode begins, and from its end to the end.
    assert invoke["a"] == Count(2)
    assert {call["a"] for call in report.calls if call is not invoke} == {Count(1)}
    incl = invoke["a incl."]
    assert isinstance(incl, Count)
    nested = [call for call in report.calls if call is not invoke and lies_in(call, invoke)]
    assert nested
    assert incl.value == 2 + len(nested)


def lies_in(call: Row, other: Row) -> bool:
    inner, outer = call[WINDOW], other[WINDOW]
    assert isinstance(inner, Samples)
    assert isinstance(outer, Samples)
    return outer.values[0] <= inner.values[0] <= inner.values[1] <= outer.values[1]


def test_a_reading_that_fails_leaves_its_columns_absent(tmp_path: Path) -> None:
    report = profiled(build(collector_in_c("values[0] = values[1] = 0; return 1;"), tmp_path))
    assert set(report.missing) == {"a", "b"}
    assert "a" not in report.calls[0]


def test_a_collector_that_cannot_count_says_why(tmp_path: Path) -> None:
    refuses = 'snprintf(problem, size, "no sensor here; plug one in"); return NULL;'
    library = build(collector_in_c("values[0] = 0; return 0;", refuses), tmp_path)
    with pytest.raises(VmprofError, match=r"collector\.so: no sensor here; plug one in"):
        profiled(library)


def test_a_library_that_is_no_collector(tmp_path: Path) -> None:
    with pytest.raises(VmprofError, match="it exports no vmprof_collector_v1"):
        profiled(build("int x;", tmp_path))
    (tmp_path / "text.so").write_text("no library\n" * 100)
    with pytest.raises(VmprofError, match=r"text\.so: .*invalid ELF header"):
        profiled(str(tmp_path / "text.so"))


def test_the_example_in_python() -> None:
    report = profiled(f"{EXAMPLES / 'collector.py'}:Preemptions")
    for call in report.calls:
        assert isinstance(call["Preemptions"], Count)
        samples = call["Preemptions samples"]
        assert isinstance(samples, Samples)
        assert len(samples.values) == 3


def test_the_documentation_shows_the_example() -> None:
    example = (EXAMPLES / "collector.py").read_text()
    code = example[example.index("import resource") :]
    assert code in (EXAMPLES.parent / "how-to/extending.md").read_text()


class Counting:
    """Notes what is called."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        self.open = 0
        self.runs = 0

    def start(self) -> None:
        self.open += 1

    def stop(self) -> Mapping[str, Metric]:
        self.open -= 1
        self.runs += 1
        return {"runs": Count(self.runs)}


def test_calls_are_in_the_rows_that_they_belong_to() -> None:
    collector = Counting("call")
    report = vmprof.profile(
        program("nested"), [FOUR], repeats=1, warmup=0, counters="none", collectors=[collector]
    )
    numbers = [call["runs"] for call in report.calls]
    assert numbers == [Count(n) for n in range(1, len(report.calls) + 1)]
    assert collector.open == 0


def test_runs_are_in_the_totals() -> None:
    collector = Counting("run")
    report = vmprof.profile(
        program("nested"), [FOUR], repeats=3, warmup=1, counters="none", collectors=[collector]
    )
    assert report.device_metrics["cpu0"]["runs samples"] == Samples((2, 3, 4))
    assert "runs" not in report.calls[0]


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        ("none.so", "there is no such file"),
        ("none.py:X", r"there is no file none\.py"),
        ("json", r"write LIBRARY\.so, FILE\.py:NAME or MODULE:NAME"),
        ("no_such_module:X", "cannot be imported: ModuleNotFoundError"),
        ("json:JSONDecoder", "is no collector: it needs scope, start"),
        ("json:Nothing", "is no collector"),
    ],
)
def test_what_is_no_collector_is_refused(specification: str, message: str) -> None:
    with pytest.raises(VmprofError, match=message):
        load_collector(specification)


def test_a_scope_must_be_known() -> None:
    with pytest.raises(VmprofError, match="scope is 'thread'; it must be 'call' or 'run'"):
        vmprof.profile(program("nested"), [FOUR], collectors=[Counting("thread")])


# ---- what collectors give -----------------------------------------------------------


class Giving:
    """Gives one after the other of some rows, then the last of them for ever."""

    def __init__(self, *rows: object, scope: str = "call") -> None:
        self.scope = scope
        self.rows = list(rows)

    def start(self) -> None: ...

    def stop(self) -> Mapping[str, Metric]:
        return self.rows.pop(0) if len(self.rows) > 1 else self.rows[0]  # type: ignore[return-value]


def profile_with(*collectors: object, **options: str) -> Report:
    return vmprof.profile(
        program("nested"),
        [FOUR],
        repeats=1,
        collectors=collectors,  # type: ignore[arg-type]
        **{"counters": "none", **options},  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("engine", ["vmprof", "tvm"])
@pytest.mark.parametrize("scope", ["call", "run"])
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"Count": Count(1)}], "Giving: the column 'Count' is vmprof's own; name it otherwise"),
        ([{"Threads": Ratio(1.0)}], "'Threads' is vmprof's own"),
        ([{"perf::CYCLES": Count(1)}], "'perf::CYCLES' is vmprof's own"),
        ([{"x samples": Count(1)}], "'x samples' is vmprof's own"),
        ([{"Power incl. (us)": Count(1)}], "is vmprof's own"),
        ([{3: Count(1)}], "3 is no name of a column"),
        ([{"x": 3}], "column 'x' is 3; give a Count of an int"),
        ([{"x": Count(0.5)}], r"column 'x' is Count\(value=0.5\); give"),  # type: ignore[arg-type]
        ([{"x": Ratio(float("nan"))}], r"column 'x' is Ratio\(ratio=nan\)"),
        ([{"x": Samples((1.0,))}], "column 'x' is Samples"),
        ([{"x": Count(1)}, {"x": Duration(1.0)}], "once a Count and once a Duration; give one"),
        ([None], r"stop\(\) returned None; it must return columns and their values"),
    ],
)
def test_what_cannot_be_a_column_is_refused(
    rows: list[object], message: str, scope: str, engine: str
) -> None:
    with pytest.raises(VmprofError, match=message) as caught:
        profile_with(Giving(*rows, scope=scope), engine=engine)
    assert not hasattr(caught.value, "__notes__")  # where the model was is not the matter


def test_two_collectors_cannot_give_one_column() -> None:
    with pytest.raises(VmprofError, match="'x' is collector Giving's; name it otherwise"):
        profile_with(Giving({"x": Count(1)}), Giving({"x": Count(2)}, scope="run"))


def test_a_collector_in_c_cannot_give_columns_of_others(tmp_path: Path) -> None:
    source = collector_in_c("values[0] = values[1] = 0; return 0;").replace('"b"', '"Percent"')
    with pytest.raises(VmprofError, match=r"collector\.so: the column 'Percent' is vmprof's own"):
        profiled(build(source, tmp_path))
    twice = collector_in_c("values[0] = values[1] = 0; return 0;").replace('"b"', '"a"')
    with pytest.raises(VmprofError, match=r"the column 'a' is collector collector\.so's"):
        profiled(build(twice, tmp_path))


def test_a_collector_that_gives_nothing_is_said() -> None:
    report = profile_with(Giving({}))
    assert report.missing["Giving"] == "this collector gave no column: its stop() returned none"


# ---- in sessions ------------------------------------------------------------------------------


def test_a_collector_has_a_turn_in_a_session(tmp_path: Path, engine: str) -> None:
    """One column counts the readings, which are of the thread that calls."""
    read = "static _Thread_local uint64_t n; values[0] = n++; values[1] = 0; return 0;"
    collector = load_collector(build(collector_in_c(read), tmp_path))
    with Session("none", engine=engine, collectors=[collector]) as session:
        vm = session.attach(make("nested"))

        def run() -> None:
            for _ in range(6):
                vm["main"](tensor())

        thread = Thread(target=run)
        thread.start()
        thread.join()
        run()
    recording = session.recording()
    (counts,) = recording.counts
    whole = counts.calls["callee"] == -1
    calls = (len(whole) - whole.sum()) / whole.sum()
    assert set(counts.values[~whole, 0].tolist()) == {1}
    assert set(counts.values[whole, 0].tolist()) == {2 * calls + 1}
    threads = recording.invocations["thread"][recording.invocations["turn"] == 1]
    assert len(set(threads.tolist())) == 2
    (report,) = reports(recording).values()
    assert report.device_metrics["cpu0"]["a"] == Count(int(2 * calls + 1))
    assert report.configuration["Empty call a"] == Count(1)


def test_a_collector_that_does_not_open_in_a_thread_is_told(tmp_path: Path) -> None:
    open_ = (
        'static int n; if (n++) { snprintf(problem, size, "no more"); return 0; } '
        "return (void *)names;"
    )
    collector = load_collector(build(collector_in_c("(void)values; return 0;", open_), tmp_path))
    with Session("none", collectors=[collector]) as session:
        vm = session.attach(make("nested"))
        for _ in range(3):
            vm["main"](tensor())
    assert any("no more" in problem for problem in session.recording().problems)
    (report,) = reports(session.recording()).values()
    assert set(report.missing) == {"a", "b"}


def test_a_session_runs_no_python_for_a_collector() -> None:
    collector = load_collector(f"{EXAMPLES / 'collector.py'}:Preemptions")
    with (
        pytest.raises(VmprofError, match=r"Preemptions: it is in Python, and a session"),
        Session(collectors=[collector]),
    ):
        pass
    with Session("none"):
        pass  # the one before left nothing behind
