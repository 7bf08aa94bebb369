"""Reports as people have them: out of containers' logs, spreadsheets, documentation, other TVMs."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from vmprof import Report, VmprofError
from vmprof.compare.audit import audit_report
from vmprof.compare.readers import parse_reports, read_reports
from vmprof.compare.rows import merged_rows
from vmprof.report.derive import derive
from vmprof.values import Count, Derived, Duration, Percent, Ratio, Row

DATA = Path(__file__).parents[1] / "data"
TVM = DATA / "tvm-0.23-mlp"
TABLE = (TVM / "table.txt").read_text()
TOLD = parse_reports(TABLE, "t")[0].report

IPC = Derived("IPC", "i / c", "ratio", {"i": "perf::INSTRUCTIONS", "c": "perf::CYCLES"})


def call(name: str, us: float, **more: object) -> Row:
    row: dict[str, object] = {
        "Name": name,
        "Duration (us)": Duration(us),
        "Device": "cpu0",
        "Count": Count(1),
        "Argument Shapes": "",
        **more,
    }
    return row  # type: ignore[return-value]


def measured() -> Report:
    """Two calls of one operator of different IPC, of which one is whole, and a builtin."""
    i, c = "perf::INSTRUCTIONS", "perf::CYCLES"
    calls = (
        call("f", 2.0, Hash="abc", Threads=Ratio(1.0), **{i: Count(300), c: Count(100)}),
        call("f", 6.0, Hash="abc", Threads=Ratio(2.0), **{i: Count(300), c: Count(300)}),
        call("vm.builtin.alloc_storage", 1.0),
        call("vm.builtin.alloc_tensor", 0.5),
    )
    report = Report(
        calls=calls,
        device_metrics={"cpu0": call("Total", 10.0)},
        configuration={"Model": "m", "Number of threads": Count(2), "Peak GB/s": Ratio(7.0)},
        missing={"perf::CACHE-MISSES": "this processor's PMU does not have the event; ask: why"},
    )
    return derive(report, [IPC])


def test_our_csv_says_what_our_json_says() -> None:
    report = measured()
    (saved,) = parse_reports(report.csv(), "t")
    assert saved.report == Report.from_json(report.json())
    merged = {row["Name"]: row for row in merged_rows(saved.report)}
    assert list(merged) == ["f", "vm.builtin.alloc_storage", "vm.builtin.alloc_tensor"]
    assert merged["f"]["IPC"] == Ratio(1.5)  # 600 / 400, not the mean of 3 and 1


def test_our_csv_in_pandas_and_back() -> None:
    """It needs no options to read it; what pandas writes again is the same report."""
    report = measured()
    frame = pd.read_csv(io.StringIO(report.csv()))
    assert len(frame) == 4
    assert frame["perf::CYCLES"].sum() == 400
    for index in (True, False):
        (saved,) = parse_reports(frame.to_csv(index=index), "t")
        assert [row["Name"] for row in saved.report.calls] == [c["Name"] for c in report.calls]
        assert saved.report.calls[1]["perf::CYCLES"] == Count(300)
        assert saved.report.calls[1]["IPC"] == Ratio(1.0)
        assert "Hash" not in saved.report.calls[2]
        assert saved.report.derived == report.derived
        assert saved.report.configuration == report.configuration
    # Lines may go, columns come.
    frame["mine"] = [1.5, 2.5, 3.5, 4.5]
    (saved,) = parse_reports(frame[:2].to_csv(index=False), "t")
    assert saved.report.configuration["Note"] == "the CSV holds 2 of 4 calls"
    assert [row["mine"] for row in saved.report.calls] == [
        Ratio(n, is_lone=True) for n in (1.5, 2.5)
    ]


def test_a_damaged_last_column_is_named() -> None:
    for old, new in (
        ('""kinds""', '""kin""'),
        ('""ratio""', "[]"),
        ('""cells"":{', '""cells"":{""0"":1'),
    ):
        text = measured().csv().replace(old, new)
        with pytest.raises(VmprofError, match="t, line 2: the column 'vmprof' is damaged"):
            parse_reports(text, "t")
    wrong = measured().csv().replace(",100,300,", ",many,300,")
    message = "t, line 2, column 'perf::CYCLES': 'many' is not a count"
    with pytest.raises(VmprofError, match=message):
        parse_reports(wrong, "t")


def test_quotients_of_a_text_are_not_merged() -> None:
    """A whole quotient is no count; of several rows there is none, rather than a wrong one."""
    csv = "Name,Count,Duration (us),Threads,IPC,Busy (%),GFLOP/s\nf,1,1,1,3,20,2\nf,1,1,1,1,30,4\n"
    (saved,) = parse_reports(csv, "t")
    (row,) = merged_rows(saved.report)
    assert row == {
        "Name": "f",
        "Count": Count(2),
        "Duration (us)": Duration(2.0),
        **dict.fromkeys(("Threads", "IPC", "Busy (%)", "GFLOP/s"), ""),
    }
    assert saved.report.calls[0]["Busy (%)"] == Percent(20.0, is_lone=True)
    # It stays so, however it is saved.
    for text in (saved.report.json(), saved.report.csv()):
        assert parse_reports(text, "t")[0].report == saved.report


def test_csv_of_earlier_versions() -> None:
    """They wrote missing strings as empty ones: no hash is empty."""
    csv = (
        "Argument Shapes,Count,Device,Duration (us),Hash,Name\n"
        '"",1,"cpu0",9.0,"4d8e","fused_matmul"\n'
        '"",1,"cpu0",5.0,"","vm.builtin.alloc_storage"\n'
        '"",1,"cpu0",2.0,"","vm.builtin.alloc_tensor"\n'
    )
    (saved,) = parse_reports(csv, "t")
    assert [row["Name"] for row in merged_rows(saved.report)] == [
        "fused_matmul",
        "vm.builtin.alloc_storage",
        "vm.builtin.alloc_tensor",
    ]


PREFIXES = {
    "indented": lambda n: "    ",
    "quoted": lambda n: "> ",
    "pod": lambda n: "pod-1 | ",
    "compose": lambda n: "app_1    | ",
    "kubectl": lambda n: "[pod/app-5f6/main] ",
    "docker": lambda n: f"2026-11-26T21:00:{n % 60:02}.{'1' * (n % 9 + 1)}Z ",
    "actions": lambda n: f"build\tRun\t2026-11-26T21:00:{n % 60:02}.1234567Z ",
    "syslog": lambda n: f"Nov 26 21:00:{n % 60:02} host app[17]: ",
    "python": lambda n: f"2026-11-26 21:00:{n % 60:02},{n:03} - app - INFO - ",
    "dmesg": lambda n: f"[{n + 0.123456:12.6f}] ",
}


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("keep_blanks", [True, False])
def test_what_logs_put_before_lines(prefix: str, keep_blanks: bool) -> None:
    make = PREFIXES[prefix]
    text = "Evaluate vm inference cost of mlp on cpu(0)\n" + TABLE
    lines = [make(n) + line for n, line in enumerate(text.split("\n"))]
    if not keep_blanks:
        lines = [line.rstrip() for line in lines]
    if prefix == "pod":  # another one of the same log speaks in between
        for at in (5, 22):
            lines.insert(at, "pod-2 | some  thing  ")
    log = "\n".join([*lines, ""])
    (saved,) = parse_reports(log, "t")
    assert saved.report.calls == TOLD.calls
    assert saved.report.device_metrics == TOLD.device_metrics
    assert saved.report.configuration == {"Model": "mlp", **TOLD.configuration}


def test_a_logger_that_marks_the_first_line_alone() -> None:
    (saved,) = parse_reports(f"INFO:root:{TABLE}", "t")
    assert saved.report == TOLD


def test_a_log_as_docker_keeps_it() -> None:
    lines = [
        json.dumps({"log": f"{line}\n", "stream": "stdout", "time": "2026-11-26T21:00:00Z"})
        for line in TABLE.split("\n")
    ]
    assert parse_reports("\n".join(lines) + "\n", "t")[0].report == TOLD
    with pytest.raises(VmprofError, match="t: not a report"):
        parse_reports("\n".join([*lines, "{"]), "t")


def test_words_before_a_header_make_it_none() -> None:
    with pytest.raises(VmprofError, match="t is no report"):
        parse_reports("the File Name  Size  Count\nx  1  2\n", "t")


def test_colours_and_overwritten_lines() -> None:
    lines = [f"\x1b[1;32m{line}\x1b[0m\x1b[K" for line in TABLE.split("\n")]
    lines[0] = f"compiling 10 %\rcompiling 100 %\r\x1b[K{lines[0]}"
    (saved,) = parse_reports("\r\n".join(lines), "t")
    assert saved.report == TOLD


@pytest.mark.parametrize("is_mixed", [False, True])
def test_tables_of_two_containers(is_mixed: bool) -> None:
    """One after the other, or line by line."""
    text = "Evaluate vm inference cost of mlp on cpu(0)\n" + TABLE
    lines = [(who, n, line) for who in "ab" for n, line in enumerate(text.split("\n"))]
    if is_mixed:
        lines.sort(key=lambda each: each[1])
    reports = parse_reports("".join(f"{who} | {line}\n" for who, _, line in lines), "t")
    told = {"Model": "mlp", **TOLD.configuration}
    assert [saved.report for saved in reports] == [replace(TOLD, configuration=told)] * 2


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"), ("utf-8", b"\xef\xbb\xbf")],
)
def test_encodings_of_windows(tmp_path: Path, encoding: str, mark: bytes) -> None:
    path = tmp_path / "r"
    for name in ("report.csv", "report.json", "table.txt"):
        text = (TVM / name).read_text()
        path.write_bytes(mark + text.replace("\n", "\r\n").encode(encoding))
        assert read_reports(path)[0].report == parse_reports(text, "t")[0].report


CSV = (TVM / "report.csv").read_text()


@pytest.mark.parametrize(
    "text",
    [
        f"sep=,\n{CSV}",
        f'"sep=,"\r\n{CSV}',
        f"# from the lab\n\n{CSV}",
        pd.read_csv(io.StringIO(CSV)).to_csv(),
        pd.read_csv(io.StringIO(CSV)).to_csv(index=False),
        pd.read_csv(io.StringIO(CSV)).to_csv(sep="\t"),
        "sep=;\n" + pd.read_csv(io.StringIO(CSV)).to_csv(sep=";", decimal=",", index=False),
        f"{CSV},,,,,\n,,,,,\n",
    ],
)
def test_csv_that_went_through_other_programs(text: str) -> None:
    assert parse_reports(text, "t")[0].report == parse_reports(CSV, "t")[0].report


def test_several_csv_in_one_file() -> None:
    other = "Name,Duration (us)\nx,1.5\n"
    reports = parse_reports(CSV + other + CSV, "t")
    assert [saved.where for saved in reports] == ["t, line 1", "t, line 16", "t, line 18"]
    assert reports[0].report == reports[2].report == parse_reports(CSV, "t")[0].report
    assert reports[1].report.calls == ({"Name": "x", "Duration (us)": Duration(1.5)},)
    ours = measured().csv()
    assert [saved.report for saved in parse_reports(ours + ours, "t")] == [measured()] * 2


def test_json_with_bare_strings() -> None:
    """As TVM's documentation shows it, and TVM 0.8 wrote it."""
    (saved,) = parse_reports(
        '{"calls": [{"Duration (us)": {"microseconds": 12.3}, "Name": "fused_dense", "Count": '
        '{"count": 1}, "Percent": {"percent": 10.3}}], "device_metrics": {"cpu": {"Duration (us)": '
        '{"microseconds": 334.2}, "Percent": {"percent": 100}}}}',
        "t",
    )
    assert saved.report == Report(
        (
            {
                "Duration (us)": Duration(12.3),
                "Name": "fused_dense",
                "Count": Count(1),
                "Percent": Percent(10.3),
            },
        ),
        {"cpu": {"Duration (us)": Duration(334.2), "Percent": Percent(100.0)}},
        {},
    )


def test_numbers_that_are_none() -> None:
    """As C++ prints them, in JSON and in text; what is written of them is strict JSON."""
    text = (
        '{"calls":[{"Name":{"string":"nan, inf: \\"-nan\\""},"Duration (us)":{"microseconds":inf},'
        '"Percent":{"percent":-nan},"x":{"ratio":-inf},"y":{"ratio":nan}}],"device_metrics":{},'
        '"configuration":{}}'
    )
    (saved,) = parse_reports(text, "t")
    assert Report.from_json(text).calls[0]["Name"] == 'nan, inf: "-nan"'
    (row,) = saved.report.calls
    assert row["Name"] == 'nan, inf: "-nan"'
    assert row["Duration (us)"] == Duration(float("inf"))
    assert row["x"] == Ratio(float("-inf"))
    assert repr(row["Percent"]) == repr(Percent(float("nan")))

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    document = json.loads(saved.report.json(), parse_constant=refuse)
    assert document["calls"][0]["y"] == {"string": "nan"}  # which old TVM reads, as text
    table = (
        "Name  Duration (us)  Percent  Count\n"
        "f              -nan      nan      1\n"
        "g               inf     -nan      1\n"
    )
    first, second = parse_reports(table, "t")[0].report.calls
    assert repr(first["Duration (us)"]) == repr(Duration(float("nan")))
    assert second["Duration (us)"] == Duration(float("inf"))


def test_json_in_a_log() -> None:
    one = (TVM / "report.json").read_text().strip()
    reports = parse_reports(f"starting\n{one}\ndone in 3 s\n{one}\nbye\n", "t")
    assert [saved.where for saved in reports] == ["t, line 2", "t, line 4"]
    assert reports[0].report == reports[1].report == Report.from_json(one)


@pytest.mark.parametrize(
    "text",
    [
        '{"calls": ' + "[" * 200_000,
        '{"calls": [{"Name": ' + '{"a": ' * 200_000,
        '{"calls": [], "configuration": {"Derived: x": {"string": "' + "[" * 200_000 + '"}}}',
        '{"calls": [], "configuration": {"Kinds": {"string": "' + "[" * 200_000 + '"}}}',
        '{"calls": [{"Count": {"count": ' + "9" * 5000 + "}}]}",
        '{"calls": [{"Count": {"count": ' + "9" * 200 + "}}]}",
        '{"calls": [{"Duration (us)": {"microseconds": ' + "9" * 400 + "}}]}",
        '{"calls": [{"Count": {"count": true}}]}',
        json.dumps(
            {
                "calls": [{"x": {"string": "1"}}],
                "configuration": {"Kinds": {"string": '{"calls": {"0": {"x": [1]}}}'}},
            }
        ),
        '{"calls": [{"' + "x" * 100_000 + '": 7}]}',
    ],
)
def test_deep_or_huge_json_is_one_line(text: str) -> None:
    with pytest.raises(VmprofError) as raised:
        parse_reports(text, "t")
    assert str(raised.value).startswith("t: not a report: ")
    assert len(str(raised.value)) < 400


def test_a_file_without_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vmprof.compare.readers import read

    monkeypatch.setattr(read, "_MOST", 1 << 20)
    with pytest.raises(VmprofError, match="/dev/zero is no report: it has more than 1 MiB"):
        read_reports("/dev/zero")


def test_counts_of_more_than_64_bits() -> None:
    rows = [call(f"f{n}", 0.5, **{"perf::CYCLES": Count((1 << 70) + n)}) for n in range(12)]
    report = Report(tuple(rows), {"cpu0": call("Total", 10.0)}, {})
    for text in (report.json(), report.csv(), report.table()):
        read = parse_reports(text, "t")[0].report
        assert {row["perf::CYCLES"] for row in read.calls} == {r["perf::CYCLES"] for r in rows}
    assert audit_report(report).costs["perf::CYCLES"].per_call >= 0
    frame = report.to_pandas()
    assert frame["perf::CYCLES"].tolist() == [(1 << 70) + n for n in range(12)]
    assert report.html()
    assert report.to_pandas(aggregate=True)["Count"].sum() == 12


def test_what_is_no_report_is_said_in_one_line() -> None:
    for text in ("", "\x00\x01", "a,b\n1,2\n", "[1, 2]", "Name\n", "{}", "<html>", "sep=,\n"):
        with pytest.raises(VmprofError) as raised:
            parse_reports(text, "t")
        assert "\n" not in str(raised.value)
