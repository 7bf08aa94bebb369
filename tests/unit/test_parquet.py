"""Parquet, read back by pyarrow, by pandas and by vmprof."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.reports import hostile, network

from vmprof import Report, VmprofError
from vmprof.compare.readers import read_reports, titles_of
from vmprof.report.operators import ALWAYS_TEXT
from vmprof.report.render.parquet import render, render_several
from vmprof.values import NOT_COUNTED, Count, Duration, Ratio, Samples


def table(content: bytes) -> Any:
    return pq.read_table(io.BytesIO(content))


def test_a_row_per_operator_with_a_type_per_column() -> None:
    report = network(2)
    found = table(report.parquet())
    assert found.column_names[:4] == ["Model", "Name", "Duration (us)", "Percent"]
    rows = found.to_pylist()
    operators = report.operators()
    assert sorted(row["Name"] for row in rows) == sorted(op.name for op in operators)
    for operator in operators:
        (row,) = (row for row in rows if row["Name"] == operator.name)
        there = {name: value for name, value in row.items() if value is not None}
        assert there.pop("Model") == "network"
        samples = there.pop("Duration (us) samples")
        expected = dict(operator)
        assert samples == list(expected.pop("Duration (us) samples"))
        assert there == expected
    types = {field.name: field.type for field in found.schema}
    assert types["Name"] == pa.string()
    assert types["Duration (us)"] == types["IPC"] == types["Percent"] == pa.float64()
    assert types["Count"] == types["perf::CYCLES"] == types["FLOPs"] == pa.int64()
    assert types["Duration (us) samples"] == pa.list_(pa.float64())


def test_metadata_have_units_reasons_and_where_it_comes_from() -> None:
    report = replace(network(1), provenance={"Processor": "Z80", "Load at start": Ratio(0.5)})
    schema = table(report.parquet()).schema
    assert schema.field("Duration (us)").metadata == {b"kind": b"microseconds", b"unit": b"us"}
    assert schema.field("Bytes").metadata == {b"kind": b"count", b"unit": b"B"}
    reason = report.missing["perf::CACHE-MISSES"]
    assert schema.field("perf::CACHE-MISSES").metadata == {b"not counted": reason.encode()}
    told = {name: json.loads(text) for name, text in schema.metadata.items()}
    assert told[b"configuration"]["network"]["Repeats"] == 3
    assert told[b"provenance"] == {"network": {"Processor": "Z80", "Load at start": 0.5}}
    assert told[b"not counted"] == {"network": {"perf::CACHE-MISSES": reason}}


def test_what_was_not_counted_is_null() -> None:
    one = network(1)
    calls = ({**one.calls[0], "perf::CYCLES": NOT_COUNTED}, *one.calls[1:])
    found = table(replace(one, calls=calls).parquet())
    assert found["perf::CYCLES"].to_pylist()[0] is None
    assert found["perf::CYCLES"].type == found["perf::CACHE-MISSES"].type == pa.int64()
    assert found["perf::CACHE-MISSES"].null_count == len(found)
    nowhere = replace(one, calls=({**one.calls[0], "perf::CYCLES": NOT_COUNTED},))
    assert table(nowhere.parquet()).schema.field("perf::CYCLES").type == pa.int64()
    of_rate = replace(one, missing={"GFLOP/s": "why"}, calls=one.calls[-1:])
    assert table(of_rate.parquet()).schema.field("GFLOP/s").type == pa.float64()


def test_pandas_reads_it() -> None:
    frame = pd.read_parquet(io.BytesIO(network(1).parquet()), dtype_backend="pyarrow")
    assert frame["perf::CACHE-MISSES"].isna().all()
    assert frame.loc[frame["Name"] == "fused_softmax", "Duration (us)"].tolist() == [12.25]


@pytest.mark.parametrize("report", [network(2), hostile(), Report((), {}, {})])
def test_vmprof_reads_it_call_by_call(report: Report, tmp_path: Path) -> None:
    report.save(tmp_path / "a.parquet")
    (saved,) = read_reports(tmp_path / "a.parquet")
    assert saved.report == report
    both = {"before": report, "after": network(1)}
    (tmp_path / "b.parquet").write_bytes(render_several(both))
    found = read_reports(tmp_path / "b.parquet")
    assert [saved.report for saved in found] == [*both.values()]
    assert len({*titles_of(found)}) == 2


def test_a_row_per_call() -> None:
    report = network(2)
    found = table(report.parquet(aggregate=False)).to_pylist()
    assert [row["Name"] for row in found] == [call["Name"] for call in report.calls]
    assert (found[0]["Begin (us)"], found[0]["End (us)"]) == (5.0, 805.0)
    assert "Window (us)" not in found[0]


def test_several_reports_have_titles_and_reasons_of_each() -> None:
    counted = replace(
        network(1),
        calls=tuple({**call, "perf::CACHE-MISSES": Count(7)} for call in network(1).calls),
        missing={},
    )
    found = table(render_several({"before": network(1), "after": counted}))
    assert found.column_names[0] == "Report"
    misses = dict(zip(found["Report"].to_pylist(), found["perf::CACHE-MISSES"], strict=True))
    assert {title: cell.as_py() for title, cell in misses.items()} == {"before": None, "after": 7}
    about = found.schema.field("perf::CACHE-MISSES").metadata
    assert about[b"not counted"].startswith(b"before: this processor's PMU")


def test_columns_of_any_name_and_kind() -> None:
    calls = (
        {"Name": "a\ud800", "x\ud800": Count(1), "": Ratio(1.0)},
        {
            "Name": "b",
            "x\ufffd": Count(2),
            "Model": Count(5),
            "mixed": Duration(2.0),
            "large": Count(10**30),
        },
        {"Name": "c", "mixed": Duration(2.0), "larger": Count(10**60), "list": Samples((1.0, 2.0))},
        {"Name": "d", "mixed": "text", "words": "x", "Argument Shapes": "", "Hash": ""},
        {"Name": "e", "either": Count(2**53 + 1)},
        {"Name": "f", "either": Ratio(0.5)},
    )
    found = table(render(Report(calls, {}, {"Model": "m"})))
    assert found.column_names == [
        *(
            "Model",
            "Name",
            "Argument Shapes",
            "",
            "Hash",
            "either",
            "large",
            "larger",
            "list",
            "mixed",
        ),
        *("words", "x\ufffd", "x\ufffd (2)"),
    ]
    assert found["Name"].to_pylist() == ["a\ufffd", *"bcdef"]
    assert found["Model"].to_pylist() == [None, 5, *[None] * 4]
    assert found["mixed"].to_pylist() == [None, 2.0, 2.0, *[None] * 3]
    assert found["large"].to_pylist() == [None, 10**30, *[None] * 4]
    assert found["larger"].to_pylist() == [None, None, 1e60, *[None] * 3]
    assert found["Argument Shapes"].to_pylist() == [None, None, None, "", None, None]
    assert found["Hash"].null_count == 6
    assert found["either"].to_pylist() == [*[None] * 4, 2.0**53, 0.5]
    assert {"Name", "Argument Shapes"} < {*ALWAYS_TEXT}


def test_files_that_are_none_of_ours(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"Name": ["a"]}), file)
    with pytest.raises(VmprofError, match=r"a\.parquet: it is a Parquet file that holds no report"):
        read_reports(file)
    content = network(1).parquet()
    for damaged in (content[:200], content[:-1], b"PAR1" * 5):
        file.write_bytes(damaged)
        with pytest.raises(VmprofError, match=r"a\.parquet: it is a damaged Parquet file: "):
            read_reports(file)


def test_without_pyarrow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(network(1).parquet())
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.setitem(sys.modules, name, None)  # as if it was not installed
    for needs in (network(1).parquet, lambda: read_reports(tmp_path / "a.parquet")):
        with pytest.raises(VmprofError, match=r"pip install 'tvm-vmprof\[parquet\]'$"):
            needs()
