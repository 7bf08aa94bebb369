"""Advice: rules and their mistakes, what they find, what they cannot tell, how it reads."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.reports import network

from vmprof import VmprofError
from vmprof.cli.main import main
from vmprof.report import Report
from vmprof.report.advice import SHIPPED, Rule, Scope, advise, load_rules
from vmprof.report.render.advice import text, to_json
from vmprof.values import Count, Duration, Metric, Percent, Ratio

DOCS = Path(__file__).parents[2] / "docs"
NOWHERE = {"XDG_CONFIG_HOME": "/nonexistent"}
PLAIN = """\
title = "It is long"
description = "Why."
looks_at = "each operator"
needs = "any report"
when = "share >= least_share"
gain = "duration_us / 2"
finding = "{share} % of {total_duration_us:time}"
remedy = "shorten it"

[figures]
share = "100 * duration_us / total_duration_us"

[thresholds]
least_share = 40
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def write(text: str, name: str = "mine.toml") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    return write


def _report(*rows: dict[str, Metric], **configuration: Metric) -> Report:
    total = sum(row["Duration (us)"].microseconds for row in rows)  # type: ignore[union-attr]
    whole: dict[str, Metric] = {"Duration (us)": Duration(total), "Device": "cpu0"}
    return Report(
        tuple({"Device": "cpu0", "Count": Count(1), **row} for row in rows),
        {"cpu0": whole},
        configuration,
    )


def _row(name: str, us: float, **columns: Metric) -> dict[str, Metric]:
    return {"Name": name, "Duration (us)": Duration(us), **columns}


def test_a_rule_from_a_file(write) -> None:
    (rule,) = load_rules([write(PLAIN)], NOWHERE)
    assert (rule.name, rule.scope) == ("mine", Scope.EACH)
    assert rule.names == {"duration_us", "total_duration_us"}
    assert rule.page == str(write(PLAIN))
    (allocation,) = load_rules(["allocation"], NOWHERE)
    assert allocation.page == "docs/how-to/advice.md#allocation"
    advised = advise(_report(_row("a", 30), _row("b", 50), _row("c", 20)), [rule])
    (advice,) = advised.given
    (case,) = advice.cases
    assert (case.name, case.text, case.gain_us) == ("b", "50 % of 100 us", 25)
    assert case.figures == {"least_share": 40, "share": 50, "total_duration_us": 100}


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('title = "It is long"\n', "", ": title: 'title' is missing"),
        ('"each operator"', '"everything"', ":3: looks_at: there is no 'everything'; there are: "),
        ("when =", "if =", ": when: 'when' is missing"),
        ("share >= least_share", "share >=", ":5: when: it cannot be read: invalid syntax"),
        ("share >= least_share", "exec('')[0]", ":5: when: it holds something that has no place"),
        ("duration_us / 2", "2 ** duration_us", ":6: gain: it holds something that has no place"),
        ("{share}", "{share:miles}", ":7: finding: a figure is {name} or {name:time}, not {name:m"),
        ("{share}", "{share.real}", ":7: finding: a brace has no partner, or no name in between"),
        ("{share}", "{share", ":7: finding: a brace has no partner, or no name in between"),
        ('remedy = "shorten it"', "remedy = 3", ":8: remedy: 'remedy' has to be text"),
        ('remedy = "shorten it"', 'remedy = ""\ncure = ""', ":9: cure: 'cure' has no meaning here"),
        (
            'remedy = "shorten it"',
            'remedy = ""\noperators = "("',
            ":9: operators: it is no regular",
        ),
        ("least_share = 40", 'least_share = "40"', ":13: thresholds: 'least_share' has to be a nu"),
        ('"100 * duration_us / total_duration_us"', "100", ":10: figures: 'share' has to be text"),
    ],
)
def test_mistakes_name_the_file_the_line_and_the_key(write, old, new, complaint) -> None:
    assert old in PLAIN
    path = write(PLAIN.replace(old, new))
    with pytest.raises(VmprofError) as error:
        load_rules([path], NOWHERE)
    assert str(error.value).startswith(path + complaint)


def test_a_user_s_rule_hides_one_of_the_same_name(write, tmp_path) -> None:
    write(PLAIN, "vmprof/advice/memory-bound.toml")
    rules = {rule.name: rule for rule in load_rules((), {"XDG_CONFIG_HOME": str(tmp_path)})}
    assert rules["memory-bound"].title == "It is long"
    assert sorted(rules) == sorted(path.stem for path in SHIPPED.glob("*.toml"))
    with pytest.raises(VmprofError, match="there is no rule of advice 'mine'; there are: all"):
        load_rules(["mine"], NOWHERE)


def test_what_a_rule_lacks_is_said_with_the_reason_of_the_report(write) -> None:
    (rule,) = load_rules(
        [write(PLAIN.replace("share >= least_share", "share >= least_share and cycles > 1"))],
        NOWHERE,
    )
    report = replace(_report(_row("a", 1)), missing={"perf::CYCLES": "there is no PMU"})
    advised = advise(report, [rule])
    assert not advised.given
    assert not advised.silent
    assert advised.untold == {
        "mine": "no cycles in the report: any report; perf::CYCLES: there is no PMU"
    }


def test_a_row_that_lacks_a_column_is_left_out_and_the_others_are_looked_at(write) -> None:
    (rule,) = load_rules([write(PLAIN.replace("share >= least_share", "threads > 1"))], NOWHERE)
    rows = _row("a", 1, Threads=Ratio(4.0)), _row("b", 1), _row("c", 1, Threads=Ratio(1.0))
    (advice,) = advise(_report(*rows), [rule]).given
    assert [case.name for case in advice.cases] == ["a"]


def test_what_cannot_be_compared_names_the_rule(write) -> None:
    (rule,) = load_rules([write(PLAIN.replace("share >= least_share", "name > 1"))], NOWHERE)
    with pytest.raises(VmprofError, match=r"^the rule mine: "):
        advise(_report(_row("a", 1)), [rule])


_SHIPPED_CASES: dict[str, tuple[Report, Report]] = {
    "memory-bound": (
        _report(_row("a", 1, Bound="memory", **{"GB/s": Ratio(9.0), "FLOP/byte": Ratio(0.2)})),
        _report(_row("a", 1, Bound="unknown", **{"GB/s": Ratio(9.0), "FLOP/byte": Ratio(0.2)})),
    ),
    "compute-bound": (
        _report(_row("a", 1, Bound="compute", **{"GFLOP/s": Ratio(9.0), "FLOP/byte": Ratio(9.0)})),
        _report(_row("a", 1, Bound="memory", **{"GFLOP/s": Ratio(9.0), "FLOP/byte": Ratio(9.0)})),
    ),
    "latency-bound": (
        _report(_row("a", 1, Bound="latency", **{"GFLOP/s": Ratio(9.0), "GB/s": Ratio(0.2)})),
        _report(_row("a", 1, Bound="launch", **{"GFLOP/s": Ratio(9.0), "GB/s": Ratio(0.2)})),
    ),
    "cache-bound": (
        _report(_row("a", 1, Bound="L2", **{"GB/s": Ratio(9.0), "FLOP/byte": Ratio(0.2)})),
        _report(_row("a", 1, Bound="memory", **{"GB/s": Ratio(9.0), "FLOP/byte": Ratio(0.2)})),
    ),
    "launch-bound": (
        _report(_row("a", 1, Bound="launch")),
        _report(_row("a", 1, Bound="latency")),
    ),
    "not-vectorised": (
        _report(_row("a", 1, **{"Vector width": Ratio(40.0)})),
        _report(_row("a", 1, **{"Vector width": Ratio(256.0)})),
    ),
    "parallel-efficiency": (
        _report(
            _row(
                "a",
                100,
                Threads=Ratio(4.0),
                Imbalance=Ratio(1.8),
                **{"Parallel efficiency": Percent(55.0)},
            )
        ),
        _report(
            _row(
                "a",
                100,
                Threads=Ratio(4.0),
                Imbalance=Ratio(1.0),
                **{"Parallel efficiency": Percent(99.0)},
            )
        ),
    ),
    "launch-cost": (
        _report(_row("a", 10, Threads=Ratio(4.0), **{"Wait and launch (us)": Duration(6.0)})),
        _report(_row("a", 10, Threads=Ratio(4.0), **{"Wait and launch (us)": Duration(4.0)})),
    ),
    "page-faults": (
        _report(_row("a", 10, **{"perf::PAGE-FAULTS": Count(500)})),
        _report(_row("a", 10, **{"perf::PAGE-FAULTS": Count(3)})),
    ),
    "layout-transforms": (
        _report(_row("layout_transform", 1), _row("fused_transpose2", 2), _row("conv", 50)),
        _report(_row("layout_transform", 0.1), _row("conv", 50)),
    ),
    "allocation": (
        _report(_row("vm.builtin.alloc_storage", 3), _row("conv", 50)),
        _report(_row("vm.builtin.alloc_tensor", 0.5), _row("conv", 50)),
    ),
    "slower-than-likes": (
        _report(*(_row(f"conv_{n}", 9, **{"GFLOP/s": Ratio(9.0 if n else 2.0)}) for n in range(4))),
        _report(*(_row(f"conv_{n}", 9, **{"GFLOP/s": Ratio(9.0 if n else 5.0)}) for n in range(4))),
    ),
    "disturbed": (
        _report(_row("a", 140), **{"Unprofiled mean (us)": Duration(70.0)}),
        _report(_row("a", 72), **{"Unprofiled mean (us)": Duration(70.0)}),
    ),
    "migrations": (
        replace(_report(_row("a", 1)), device_metrics={"cpu0": {
            "Duration (us)": Duration(1.0), "perf::CPU-MIGRATIONS": Count(2)}}),
        replace(_report(_row("a", 1)), device_metrics={"cpu0": {
            "Duration (us)": Duration(1.0), "perf::CPU-MIGRATIONS": Count(0)}}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_each_rule_that_vmprof_brings_finds_its_case_and_no_other(path: Path) -> None:
    rule = Rule.read(path)
    bad, good = _SHIPPED_CASES[rule.name]
    assert [advice.rule.name for advice in advise(bad, [rule]).given] == [rule.name]
    assert [silent.name for silent in advise(good, [rule]).silent] == [rule.name]
    # Of a report without its columns it says so; but of operators that there are not, nothing.
    bare = advise(Report(({"Name": "a"},), {}, {}), [rule])
    assert not bare.given
    assert rule.name in bare.untold or rule.operators is not None


def test_what_has_most_to_win_stands_first(write) -> None:
    rules = load_rules([write(PLAIN.replace("40", "1"))], NOWHERE)
    (advice,) = advise(_report(_row("a", 30), _row("b", 50), _row("c", 20)), rules).given
    assert [case.name for case in advice.cases] == ["b", "a", "c"]


def test_how_it_reads(write) -> None:
    own = write(PLAIN.replace("40", "1"))
    rules = load_rules([own, "allocation", "page-faults"], NOWHERE)
    advised = advise(_report(_row("a" * 30, 30), _row("b\x1b[31m\nc", 70)), rules)
    assert text(advised, 60, top=1) == (
        "1. It is long [mine]\n"
        "   b\ufffd[31m c: 70 % of 100 us (at most 35.0 us to win)\n"
        "   and 1 more\n"
        "   -> shorten it\n"
        f"   {own}\n"
        "\n"
        "Not so: memory is allocated in every run\n"
        "\n"
        "Cannot tell: page-faults: no page_faults in the report:\n"
        "   vmprof run MODEL --counters software\n"
    )
    document = json.loads(to_json(advised))
    assert document["advice"][0]["cases"][1]["figures"]["share"] == 30
    assert document["silent"] == ["allocation"]
    assert [*document["untold"]] == ["page-faults"]


def test_the_command(tmp_path, capsys) -> None:
    report = tmp_path / "report.json"
    report.write_text(network(6).json())
    assert main(["advise", str(report), "--rule", "slower-than-likes", "--rule", "disturbed"]) == 0
    assert "one operator is slower than its likes" in capsys.readouterr().out
    assert main(["advise", "--rules"]) == 0
    assert "needs vmprof run MODEL --threads" in capsys.readouterr().out
    assert main(["advise"]) == 1
    assert capsys.readouterr().err == (
        "vmprof: error: name the saved report to advise on, or --rules to list the rules\n"
    )


def test_the_page_is_up_to_date(monkeypatch) -> None:
    """If this fails: python docs/scripts/make_advice.py."""
    spec = importlib.util.spec_from_file_location("make_advice", DOCS / "scripts/make_advice.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, script)
    spec.loader.exec_module(script)
    page = script.PAGE.read_text(encoding="utf-8")
    assert script.renew(page) == page
    assert all(f"### {path.stem}\n" in page for path in SHIPPED.glob("*.toml"))
