"""Recordings in files: they come back equal, and no file does harm."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.recordings import Made

from vmprof import VmprofError
from vmprof.inside.code import Function, MachineCode
from vmprof.program.kernels import Kernel
from vmprof.recording import page, trace
from vmprof.recording.reports import reports
from vmprof.recording.saved import dumps, load, loads
from vmprof.recording.tables import TIMED, UNRECORDED, Recording
from vmprof.runs.storages import ALIVE, ALLOCATION
from vmprof.values import Derived


def made() -> Recording:
    numbers = Made(columns=("cycles", "instructions"))
    for turn in (TIMED, 1, UNRECORDED) * 3:
        numbers.add(turn, 5000, [("a", "float32[2]", 0, 3000), ("b", "", 1, 1000)])
    kernel = Kernel("0a", ("add",), {"layout": "NCHW"}, ((2, "n"),), "n * 2", 8, "T.min(n, 8)")
    storages = np.array([(0, 1, ALIVE, 64), (3, 1, 2, 8), (6, 2, 3, 16)], dtype=ALLOCATION)
    function = Function("b", 0x10, b"\xc3", ((0x10, 2),))
    code = MachineCode("/m.so", "ab", "x86_64", (function,), {2: "# b"})
    return replace(numbers.recording(), allocations=storages, kernels={1: kernel}, code=(code,))


_PLAIN = (
    "vms",
    "functions",
    "labels",
    "callees",
    "kernels",
    "signatures",
    "passes",
    "missing",
    "doubtful",
    "derived",
    "facts",
    "problems",
    "code",
)


def equal(one: Recording, other: Recording) -> bool:
    tables = ("invocations", "totals", "calls", "allocations")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in tables) and (
        [(c.calls.tolist(), c.values.tolist()) for c in one.counts]
        == [(c.calls.tolist(), c.values.tolist()) for c in other.counts]
        and all(getattr(one, name) == getattr(other, name) for name in _PLAIN)
    )


def test_a_recording_comes_back_equal(tmp_path: Path) -> None:
    recording = made()
    path = tmp_path / "run.vmprof"
    path.write_bytes(dumps(recording))
    again = load(path)
    assert equal(again, recording)
    assert reports(again) == reports(recording)


def test_derived_columns_come_back() -> None:
    ipc = Derived("IPC", "i / c", "ratio", {"i": "instructions", "c": "cycles"})
    recording = replace(made(), derived=(ipc,))
    again = loads(dumps(recording), "x")
    assert again.derived == (ipc,)
    (report,) = reports(again).values()
    assert "IPC" in report.calls[0]


def test_a_recording_of_the_format_before_has_no_storages() -> None:
    parts = members(dumps(made()))
    document = {**json.loads(parts["recording.json"]), "format": "vmprof recording 1"}
    del parts["allocations.npy"]
    before = loads(zipped({**parts, "recording.json": json.dumps(document).encode()}), "x")
    assert equal(before, replace(made(), allocations=np.zeros(0, dtype=ALLOCATION)))


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def with_table(name: str, **columns: object) -> bytes:
    parts = members(dumps(made()))
    table = np.load(io.BytesIO(parts[f"{name}.npy"]))
    for column, value in columns.items():
        table[column][-1] = value
    file = io.BytesIO()
    np.save(file, table)
    return zipped({**parts, f"{name}.npy": file.getvalue()})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 and nothing else",
        zipped({"recording.json": b"{}"}),
        zipped({"recording.json": b"[" * 100_000}),
        dumps(replace(made(), kernels={2: made().kernels[1]})),
        zipped({**members(dumps(made())), "calls.npy": b"\x93NUMPY\x01\x00\x02\x00{}"}),
        with_table("calls", callee=99),
        with_table("calls", signature=99),
        with_table("calls", parent=2),
        with_table("calls", parent=-1),
        with_table("calls", invocation=12345),
        with_table("calls", callee=-1),
        with_table("invocations", function=1),
        with_table("invocations", label=-1),
        with_table("invocations", turn=2),
        with_table("invocations", id=0),
        with_table("totals", function=7),
        with_table("allocations", invocation=1),
        with_table("allocations", invocation=99),
        with_table("allocations", call=0),
        with_table("allocations", call=3),
        with_table("allocations", end=2),
        with_table("allocations", end=4),
        with_table("allocations", end=-2),
        with_table("allocations", bytes=-1),
        with_table("allocations", bytes=2**62),
    ],
)
def test_a_file_that_does_not_fit_together_is_one_line(content: bytes) -> None:
    with pytest.raises(VmprofError) as raised:
        loads(content, "run.vmprof")
    assert "run.vmprof" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_header_that_claims_more_than_the_file_has_takes_no_memory() -> None:
    parts = members(dumps(made()))
    header = parts["calls.npy"]
    length = int.from_bytes(header[8:10], "little")
    text = header[10 : 10 + length].decode()
    shape = text[text.index("'shape': (") : text.index(",)")]
    claimed = text.replace(shape, "'shape': (" + "9" * 12)[:length].ljust(length)
    content = header[:10] + claimed.encode() + header[10 + length :]
    with pytest.raises(VmprofError, match=r"run\.vmprof"):
        loads(zipped({**parts, "calls.npy": content}), "run.vmprof")


def test_an_object_is_not_unpickled() -> None:
    file = io.BytesIO()
    np.save(file, np.array([print], dtype=object), allow_pickle=True)
    parts = {**members(dumps(made())), "calls.npy": file.getvalue()}
    with pytest.raises(VmprofError, match="not of the kind"):
        loads(zipped(parts), "run.vmprof")


def _is_told_or_harmless(content: bytes) -> None:
    told = ""
    try:
        recording = loads(content, "run.vmprof")
        reports(recording)
        page.render(recording)
        trace.render(recording)
    except VmprofError as error:
        told = str(error)
    assert "\n" not in told


@given(st.data())
def test_damaged_bytes_are_told_or_harmless(data: st.DataObject) -> None:
    content = bytearray(dumps(made()))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    _is_told_or_harmless(bytes(content))


@given(st.data())
def test_json_of_another_kind_is_told(data: st.DataObject) -> None:
    parts = members(dumps(made()))
    document = json.loads(parts["recording.json"])
    key = data.draw(st.sampled_from(sorted(document)))
    values = st.one_of(
        st.none(),
        st.integers(),
        st.text(),
        st.lists(st.integers()),
        st.dictionaries(st.text(), st.text()),
    )
    document[key] = data.draw(values)
    content = zipped({**parts, "recording.json": json.dumps(document).encode()})
    _is_told_or_harmless(content)


_WITHOUT_TVM = """
import importlib.abc, sys, types

class Refusing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tvm", "tvm_ffi") or name == "vmprof._native":
            raise ImportError(name)

sys.meta_path.insert(0, Refusing())
package = types.ModuleType("vmprof")  # whose __init__ imports what runs models
package.__path__ = [sys.argv[1]]
sys.modules["vmprof"] = package

from vmprof.recording import page, text, trace
from vmprof.recording.saved import load
recording = load(sys.argv[2])
print(text.render(recording))
assert "Time by invocation" in page.render(recording)
assert '"name":"main"' in trace.render(recording)
"""


def test_a_recording_is_shown_without_tvm_and_the_native_half(tmp_path: Path) -> None:
    import vmprof

    path = tmp_path / "run.vmprof"
    path.write_bytes(dumps(made()))
    command = [sys.executable, "-c", _WITHOUT_TVM, str(Path(vmprof.__file__).parent), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert "Evaluate vm inference cost of main" in done.stdout
