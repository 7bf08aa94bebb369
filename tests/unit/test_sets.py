"""Counter sets: files and their mistakes, variants, names in formulas."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vmprof import VmprofError
from vmprof.counters import Machine
from vmprof.counters.hardware.cpuinfo import Processor
from vmprof.counters.hardware.pmu import Field, NamedEvent, Pmu
from vmprof.counters.sets import CounterSet, choose, load_set, sets_of
from vmprof.expression import alias
from vmprof.report.derive import evaluate
from vmprof.values import Derived, Percent, Ratio

DOCS = Path(__file__).parents[2] / "docs"
NOWHERE = {"XDG_CONFIG_HOME": "/nonexistent"}
PLAIN = """\
description = "Faults, and what they cost."
events = "task-clock,page-faults"

[metrics]
"Faults per ms" = "1e6 * page_faults / task_clock"
"Busy (%)" = { formula = "task_clock / 1000 / microseconds", kind = "percent" }
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "mine.toml") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    return write


def test_a_set_from_a_file(write) -> None:
    loaded = load_set(write(PLAIN), Machine(), NOWHERE)
    assert loaded.name == "mine"
    assert loaded.description == "Faults, and what they cost."
    assert loaded.events == "task-clock,page-faults"
    assert [event.name for (event,) in loaded.groups] == ["perf::TASK-CLOCK", "perf::PAGE-FAULTS"]
    assert loaded.fallback is None
    clock = "perf::TASK-CLOCK"
    assert loaded.metrics == (
        Derived(
            "Faults per ms",
            "1e6 * page_faults / task_clock",
            "ratio",
            {"page_faults": "perf::PAGE-FAULTS", "task_clock": clock},
        ),
        Derived(
            "Busy (%)",
            "task_clock / 1000 / microseconds",
            "percent",
            {"microseconds": "Duration (us)", "task_clock": clock},
        ),
    )
    row = {"perf::TASK-CLOCK": 500_000, "perf::PAGE-FAULTS": 3, "Duration (us)": 1000.0}
    assert evaluate(loaded.metrics, row) == {"Faults per ms": Ratio(6.0), "Busy (%)": Percent(50.0)}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("description = ", " is no counter set: Invalid value (at end of document)"),
        ('a = 1\ndescription "x"', " is no counter set: Expected '=' after a key in a key/value"),
        ('events = "cycles"', ": description: 'description' is missing"),
        ('description = ""\n', ": events: 'events' is missing"),
        ('description = ""\nevents = 3', ":2: events: 'events' has to be text"),
        ('description = ""\nevents = "cycles"\nmetric = 1', ":3: metric: 'metric' has no meaning"),
        ('description = ""\nevents = "cycels"', ":2: events: there is no event 'cycels'"),
        (PLAIN + '"x" = "page_fault / 2"', ":7: x: there is no page_fault in this set; there a"),
        (PLAIN + '"x" = "page_faults +"', ":7: x: it cannot be read: invalid syntax"),
        (PLAIN + '"x" = "exec(\'\')"', ":7: x: it holds something that has no place in it"),
        (PLAIN + "x = 3", ":7: x: it has to be a formula, or { formula = ..., kind = ... }"),
        (PLAIN + 'x = { kind = "ratio" }', ":7: x: 'formula' is missing"),
        (PLAIN + 'x = { formula = "1", knd = "ratio" }', ":7: x: 'knd' has no meaning here"),
        (PLAIN + 'x = { formula = "1", kind = "shares" }', ":7: x: there is no kind 'shares'"),
        (PLAIN + '"x samples" = "1"', ":7: x samples: a column cannot have that name"),
        (PLAIN + '"Percent" = "1"', ":7: Percent: the report has a column of that name"),
        (PLAIN + '"perf::PAGE-FAULTS" = "1"', ":7: perf::PAGE-FAULTS: an event has a column of"),
        ('description = ""\nvariant = [1]', ":2: variant: it has to be a table: [[variant]]"),
        ('description = ""\n[variant]', ":2: variant: 'variant' has to be [[variant]] tables"),
        ('description = ""\nevents = "cycles"\n[[variant]]\nprocessors = "x"\nevents = "cycles"',
         ":2: events: 'events' has no meaning here"),
        ('description = ""\n[[variant]]\nevents = "cycles"', ":2: processors: 'processors' is "),
        ('description = ""\nvariant = [{events = "cycles"}]', ": processors: 'processors' is "),
    ],
)  # fmt: skip
def test_mistakes_name_the_file_the_line_and_the_key(write, text: str, complaint: str) -> None:
    path = write(text)
    with pytest.raises(VmprofError) as error:
        load_set(path, Machine(), NOWHERE)
    assert str(error.value).startswith(path + complaint)


VARIANTS = '''\
description = """
events = "not this line"
"""

[[variant]]
processors = "the one"
when = "vendor == 'GenuineIntel' and has('cpu/slots/')"
events = "cycles"

[[variant]]
processors = "the other"
when = """
vendor == 'GenuineIntel' \\
and not smt"""
events = "instructions"
[variant.metrics]
"x" = "instructions"

[[variant]]
processors = "the third"
when = "has('cpu')"
events = "cycles"
[variant.metrics]
"x" = "%s"
'''
INTEL = Processor(vendor="GenuineIntel", family=6, model=106)


def machine(*events: str, smt: bool = False, processor: Processor = INTEL) -> Machine:
    pmu = Pmu(
        "cpu",
        4,
        formats={"event": Field("config", ((0, 7),))},
        events={name: NamedEvent(f"event={number}") for number, name in enumerate(events)},
        is_core=True,
    )
    return Machine(processors={0: processor}, smt_active=smt, pmus={"cpu": pmu})


@pytest.mark.parametrize(
    ("on", "processors"),
    [
        (machine("slots"), "the one"),
        (machine("other"), "the other"),
        (machine("other", smt=True), "the third"),
        (machine("slots", processor=Processor(vendor="ARM")), "the third"),
    ],
)
def test_the_first_variant_that_holds_is_used(write, on: Machine, processors: str) -> None:
    assert load_set(write(VARIANTS % "cycles"), on, NOWHERE).processors == processors


def test_a_machine_that_no_variant_is_for(write) -> None:
    with pytest.raises(VmprofError) as error:
        load_set(write(VARIANTS % "cycles"), Machine(), NOWHERE)
    assert str(error.value) == (
        "the counter set 'mine' has nothing for this machine; "
        "it is for: the one; the other; the third"
    )


def test_the_line_is_that_of_the_variant(write) -> None:
    path = write(VARIANTS % "instructions")
    with pytest.raises(VmprofError) as error:
        load_set(path, machine(smt=True), NOWHERE)
    assert str(error.value).startswith(f"{path}:24: x: there is no instructions in this set")


@pytest.mark.parametrize("condition", ["vendr == 'ARM'", "family < 'x'", "has()"])
def test_conditions_that_cannot_be_decided(write, condition: str) -> None:
    path = write(f'description = ""\n[[variant]]\nprocessors = "x"\nwhen = "{condition}"\n'
                 'events = "cycles"')  # fmt: skip
    with pytest.raises(VmprofError) as error:
        load_set(path, machine(), NOWHERE)
    assert str(error.value).startswith(f"{path}:4: when: ")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(VmprofError, match=r"cannot read .*none\.toml: No such file"):
        load_set(str(tmp_path / "none.toml"), Machine())
    (tmp_path / "image.toml").write_bytes(b"\x89PNG\xff")
    with pytest.raises(VmprofError, match=r"image\.toml is no counter set: it is not UTF-8"):
        load_set(str(tmp_path / "image.toml"), Machine())
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(VmprofError, match=r"cannot read .*folder\.toml: Is a directory"):
        load_set(str(tmp_path / "folder.toml"), Machine())


# ---- by name -------------------------------------------------------------------


def test_the_users_sets_come_first(write, tmp_path: Path) -> None:
    mine = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert load_set("software", Machine(), mine).metrics[0].column == "Page faults per ms"
    write(PLAIN, "vmprof/counters/software.toml")
    write(PLAIN, "vmprof/counters/faults.toml")
    assert load_set("software", Machine(), mine).metrics[0].column == "Faults per ms"
    assert load_set("faults", Machine(), mine).name == "faults"
    assert {"software", "faults", "ipc"} <= sets_of(mine).keys()
    assert "faults" not in sets_of(NOWHERE)


def test_without_xdg_the_folder_is_in_the_home(write, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(PLAIN, ".config/vmprof/counters/faults.toml")
    assert load_set("faults", Machine(), {}).name == "faults"
    # The specification: a relative path in XDG_CONFIG_HOME is to be ignored.
    assert load_set("faults", Machine(), {"XDG_CONFIG_HOME": "here"}).name == "faults"


def test_a_user_without_a_home_has_those_that_vmprof_brings(monkeypatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    assert load_set("software", Machine(), {}).name == "software"


@pytest.mark.parametrize("name", ["nothing", "../software", "", "*", "n" * 300])
def test_a_name_that_no_set_has(name: str) -> None:
    with pytest.raises(VmprofError, match=r"there is no counter set .*; there are: branch, cache,"):
        load_set(name, Machine(), NOWHERE)


def test_choose_takes_sets_files_and_lists(write) -> None:
    assert choose("software", Machine(), NOWHERE) == load_set("software", Machine(), NOWHERE)
    path = write(PLAIN)
    assert choose(path, Machine(), NOWHERE) == load_set(path, Machine(), NOWHERE)
    assert choose(" software ", Machine(), NOWHERE).name == "software"
    listed = choose("page-faults", Machine(), NOWHERE)
    assert listed == CounterSet("", "", "page-faults", listed.groups)
    assert [event.name for (event,) in listed.groups] == ["perf::PAGE-FAULTS"]
    assert choose("none", Machine(), NOWHERE).groups == ()


def test_a_name_that_nothing_has_tells_of_the_sets() -> None:
    with pytest.raises(VmprofError, match="there is no event 'softwear'") as error:
        choose("softwear", Machine(), NOWHERE)
    assert str(error.value).endswith(
        "; the counter sets are: branch, cache, default, energy, ipc, software, stalls, tlb"
    )
    # What can only be a list of events says nothing of sets.
    with pytest.raises(VmprofError) as error:
        choose("cycles,softwear", Machine(), NOWHERE)
    assert "counter sets" not in str(error.value)


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("perf::CACHE-MISSES", "cache_misses"),
        ("perf::CYCLES:u", "cycles_u"),
        ("cpu/topdown-be-bound/", "cpu_topdown_be_bound"),
        ("sched:sched_switch", "sched_sched_switch"),
        ("UOPS_RETIRED:ALL", "uops_retired_all"),
        ("2nd", "_2nd"),
    ],
)
def test_names_in_formulas(column: str, name: str) -> None:
    assert alias(column) == name


# ---- docs/reference/counters.md ----------------------------------------------------------


def test_the_documented_examples_are_sets(write) -> None:
    page = (DOCS / "reference/counters.md").read_text()
    plain, variants = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert plain == (DOCS / "examples/faults.toml").read_text()
    faults = load_set(write(plain), Machine(), NOWHERE)
    assert [metric.column for metric in faults.metrics] == ["Faults per ms", "Major (%)"]
    path = write(f'description = "As documented."\n{variants}')
    assert load_set(path, machine("slots", "topdown-be-bound"), NOWHERE).processors == (
        "Intel Core since Ice Lake"
    )
    assert load_set(path, machine(), NOWHERE).processors == "others"


def test_every_set_is_documented() -> None:
    page = (DOCS / "reference/counters.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) >= sets_of(NOWHERE).keys()
