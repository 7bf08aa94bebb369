"""Reading saved reports: the eleven of TVM's Relay VM, TVM 0.23's, and damaged ones."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmprof import Report, VmprofError
from vmprof.compare.audit import audit_report
from vmprof.compare.audit.text import parts_of as audit_parts
from vmprof.compare.diff import diff_reports
from vmprof.compare.diff.text import parts_of as diff_parts
from vmprof.compare.parts import plain
from vmprof.compare.readers import SavedReport, parse_reports, read_reports, reports_of
from vmprof.values import Count, Duration, Percent, Ratio

DATA = Path(__file__).parents[1] / "data"
RELAY = DATA / "tvm-relay-vm-papi-reports.txt"
TVM = DATA / "tvm-0.23-mlp"

# Of the log: the model, its rows, the line of its header.
IN_THE_LOG = [
    ("resnet18", 63, 5),
    ("resnet50", 84, 82),
    ("vgg11", 44, 180),
    ("vgg16", 49, 238),
    ("squeezenet1.0", 59, 301),
    ("squeezenet1.1", 48, 374),
    ("mobilenet", 40, 436),
    ("densenet", 57, 490),
    ("inception_v3", 118, 561),
    ("mlp", 10, 694),
    ("unknown", 13, 717),
]

TABLE = """\
Name        Duration (us)  Percent  Device  Count  Argument Shapes  GFLOP/s  perf::CYCLES
matmul           1,577.51    88.63    cpu0      2  float32[1, 784]      210     1,234,567
add                 12.00     0.67    cpu0      1     float32[784]                     89
----------                                                                               
Sum              1,589.51    89.30              3                               1,234,656
Total            1,780.00             cpu0      1                               2,000,000

Configuration
-------------
Number of threads: 4
Executor: VM
"""  # noqa: W291


@pytest.fixture(scope="module")
def relay() -> list[SavedReport]:
    return read_reports(RELAY)


def test_a_log_with_eleven_reports(relay: list[SavedReport]) -> None:
    found = [(saved.model, len(saved.report.calls), saved.where) for saved in relay]
    assert found == [(model, rows, f"{RELAY}, line {line}") for model, rows, line in IN_THE_LOG]


def test_each_cell_of_the_log(relay: list[SavedReport]) -> None:
    """Printed again, each report is the text that it was read from, Sum included."""
    lines = RELAY.read_text().split("\n")
    for saved, (_, rows, line) in zip(relay, IN_THE_LOG, strict=True):
        theirs = lines[line - 1 : line + rows + 2]
        printed = saved.report.table(sort=False, aggregate=False).split("\n")[: rows + 4]
        total = lines[line + rows + 2]
        assert printed[: rows + 2] == theirs[: rows + 2]
        assert printed[rows + 3] == total
        # Of rounded cells the sum is not the one that TVM rounded; counts are.
        assert saved.printed_sum is not None
        assert [cell for cell in printed[rows + 2].split() if "." not in cell] == [
            cell for cell in theirs[rows + 2].split() if "." not in cell
        ]


def test_what_stands_around_the_tables(relay: list[SavedReport]) -> None:
    assert dict(relay[9].report.configuration) == {
        "Model": "mlp",
        "Unprofiled mean (us)": Duration(70.0),
        "Unprofiled std (us)": Duration(0.0),
        "Number of threads": Count(32),
        "Executor": "VM",
    }
    assert relay[0].report.device_metrics["cpu0"]["perf::CYCLES"] == Count(1_940_113_755)


def test_three_formats_of_one_report() -> None:
    from_json, from_csv, from_table = (
        read_reports(TVM / name)[0].report for name in ("report.json", "report.csv", "table.txt")
    )
    assert from_json == Report.from_json((TVM / "report.json").read_text())
    # CSV: each call, six digits, nothing else.
    assert from_csv.device_metrics == {}
    assert from_csv.configuration == {}
    assert [set(call) for call in from_csv.calls] == [set(call) for call in from_json.calls]
    for ours, theirs in zip(from_csv.calls, from_json.calls, strict=True):
        for name, metric in theirs.items():
            if name in ("Duration (us)", "Percent"):
                assert type(ours[name]) is type(metric)
            else:
                assert ours[name] == metric
    assert from_csv.calls[3]["Duration (us)"] == Duration(78.137)
    assert from_csv.calls[3]["Percent"] == Percent(54.0531)
    # The table: two digits, the longest first.
    assert from_table.calls[0] == {
        "Name": "matmul",
        "Duration (us)": Duration(78.14),
        "Percent": Percent(54.05),
        "Device": "cpu0",
        "Count": Count(1),
        "Argument Shapes": "float32[1, 784], float32[784, 128], float32[1, 128]",
    }
    assert from_table.configuration == from_json.configuration
    assert from_table.device_metrics["cpu0"]["Duration (us)"] == Duration(144.56)


def test_kinds_of_columns() -> None:
    (saved,) = parse_reports(TABLE, "t")
    assert saved.report.calls == (
        {
            "Name": "matmul",
            "Duration (us)": Duration(1577.51),
            "Percent": Percent(88.63),
            "Device": "cpu0",
            "Count": Count(2),
            "Argument Shapes": "float32[1, 784]",
            "GFLOP/s": Ratio(210.0, is_lone=True),
            "perf::CYCLES": Count(1_234_567),
        },
        {
            "Name": "add",
            "Duration (us)": Duration(12.0),
            "Percent": Percent(0.67),
            "Device": "cpu0",
            "Count": Count(1),
            "Argument Shapes": "float32[784]",
            "perf::CYCLES": Count(89),
        },
    )
    assert saved.where == "t"


@pytest.mark.parametrize(
    ("thousands", "decimal"),
    [
        (".", ","),
        (" ", ","),
        ("\u202f", ","),
        ("\u00a0", ","),
        ("'", "."),
        ("\u2019", "."),
        ("", "."),
    ],
)
def test_separators_of_other_countries(thousands: str, decimal: str) -> None:
    table = "\n".join(
        f"{'matmul':<12}{time:>13}  {percent:>7}  {'cpu0':>6}  {'2':>5}  {cycles:>12}"
        for time, percent, cycles in [
            (f"1{thousands}577{decimal}51", "88.63", f"1{thousands}234{thousands}567"),
            (f"12{decimal}00", "0.67", "1"),
        ]
    )
    header = "Name        Duration (us)  Percent  Device  Count  perf::CYCLES\n"
    # TVM prints shares with a point everywhere.
    (saved,) = parse_reports(f"{header}{table}\n", "t")
    first, second = saved.report.calls
    assert first["Duration (us)"] == Duration(1577.51)
    assert first["perf::CYCLES"] == Count(1_234_567)
    assert first["Percent"] == Percent(88.63)
    assert second["Duration (us)"] == Duration(12.0)


def test_stray_lines_and_line_ends() -> None:
    text = (
        "[12:00:01] compiling\nEvaluate vm inference cost of a on cpu(0)\n"
        "Evaluate vm inference cost of b on cpu(0)\nwarning: x: y\n" + TABLE
    )
    lines = text.split("\n")
    lines.insert(6, "a line of the compiler")
    (saved,) = parse_reports("\r\n".join([*lines, "Warning: not a setting: 3"]), "t")
    assert saved.model == "b"
    assert len(saved.report.calls) == 2
    assert set(saved.report.configuration) == {"Model", "Number of threads", "Executor"}


def test_missing_columns() -> None:
    (saved,) = parse_reports(
        "Name   Duration (us)\nmatmul          1.50\nadd             0.25\n", "t"
    )
    assert saved.report.calls == (
        {"Name": "matmul", "Duration (us)": Duration(1.5)},
        {"Name": "add", "Duration (us)": Duration(0.25)},
    )


def test_a_table_that_is_cut() -> None:
    for end in range(TABLE.index("matmul") + 90, TABLE.index("Total")):
        (saved,) = parse_reports(TABLE[:end], "t")
        assert saved.report.device_metrics == {}
        assert saved.report.configuration["Note"] == "the table was cut: it has no line Total"
        # No part of a row is taken for a row.
        assert saved.report.calls in [
            parse_reports(TABLE, "t")[0].report.calls[:number] for number in (1, 2)
        ]


def test_several_of_which_the_last_is_cut() -> None:
    reports = parse_reports(TABLE + TABLE.split("\n", 1)[0] + "\nmatm", "t")
    assert [saved.where for saved in reports] == ["t"]


def test_a_damaged_row_is_named() -> None:
    damaged = TABLE.replace("add         ", "add      ")
    with pytest.raises(VmprofError, match=r"^t, line 3: 'add  12\.00 .*line 1"):
        parse_reports(damaged, "t")
    broken = TABLE.replace("  12.00", "  12.x0")
    with pytest.raises(VmprofError, match=r"t, line 3: '12\.x0' in column 'Duration \(us\)'"):
        parse_reports(broken, "t")


def test_csv_of_a_spreadsheet() -> None:
    (saved,) = parse_reports(
        "Name;Count;Duration (us);perf::CYCLES;Hash\r\nmatmul;2;1,5;30;123\r\nadd;1;0,25;;\r\n",
        "t",
    )
    assert saved.report.calls == (
        {
            "Name": "matmul",
            "Count": Count(2),
            "Duration (us)": Duration(1.5),
            "perf::CYCLES": Count(30),
            "Hash": "123",
        },
        {"Name": "add", "Count": Count(1), "Duration (us)": Duration(0.25)},
    )


def test_csv_keeps_what_quotes_say() -> None:
    (saved,) = parse_reports(
        'Count,Name,axis,big\n1,"a ""b"", c","1",9007199254740993\n1,"",2,5\n', "t"
    )
    assert saved.report.calls == (
        {"Count": Count(1), "Name": 'a "b", c', "axis": "1", "big": Count(9007199254740993)},
        {"Count": Count(1), "Name": "", "axis": Count(2), "big": Count(5)},
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Name,Count\nx\n", "t, line 2: 1 cells where the header has 2"),
        ("Name,Count\nx,1\n\ny,1,2\n", "t, line 4: 3 cells where the header has 2"),
        ('Name,Count\n"x,1\n', "t, line 2: a quote or the line has no end"),
        ("Name,Count\nx,12", "t, line 2: a quote or the line has no end"),
        ("Name,Count\nx,many\n", "t, line 2: 'many' in column 'Count' is no number"),
        ("Name,Count,Name\nx,1,x\n", "t, line 1: a column occurs twice"),
        ("", "t is no report: neither"),
        ("hello\nworld\n", "t is no report: neither"),
        ("Name  Duration (us)\n", "t is cut short"),
        ('{"calls": 7}', "t: not a report: it has no 'calls'"),
        ('{"calls": []}\n{"cal', "t, line 2: not a report: the JSON is broken"),
    ],
)
def test_what_is_no_report(text: str, message: str) -> None:
    with pytest.raises(VmprofError) as raised:
        parse_reports(text, "t")
    assert str(raised.value).startswith(message)


def test_json_one_after_the_other() -> None:
    one = (TVM / "report.json").read_text()
    reports = parse_reports(f"{one}\n\n{one}", "t")
    assert [saved.where for saved in reports] == ["t", "t, line 3"]
    assert reports[0].report == reports[1].report


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\xff\xfe stray\n" + TABLE.encode())
    assert len(read_reports(path)) == 1
    with pytest.raises(VmprofError, match="cannot be read: No such file"):
        read_reports(tmp_path / "none")


def test_choosing_by_model(relay: list[SavedReport]) -> None:
    assert [saved.where for saved in reports_of("mlp", relay)] == [f"{RELAY}, line 694"]
    with pytest.raises(
        VmprofError, match=r"no report of 'dcgan'; there are: resnet18, .*, unknown"
    ):
        reports_of("dcgan", relay)


@given(
    st.sampled_from(["report.json", "report.csv", "table.txt"]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 60), st.text(max_size=5)), max_size=4),
)
def test_whatever_the_damage(name: str, changes: list[tuple[float, int, str]]) -> None:
    """A report or an error that says what is wrong; and what is read can be worked with."""
    text = (TVM / name).read_text()
    for where, removed, inserted in changes:
        at = int(where * len(text))
        text = text[:at] + inserted + text[at + removed :]
    reports = []
    with suppress(VmprofError):
        reports = parse_reports(text, "t")
    for saved in reports:
        report = saved.report
        assert plain(audit_parts(audit_report(report, saved.printed_sum), "t"))
        assert plain(diff_parts(diff_reports(report, report), "t", "t"))
        assert report.table()
