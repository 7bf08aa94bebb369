"""Recordings in files: a zip with numpy arrays and one JSON document. Nothing is pickled.

A file can be read on any machine, without TVM. Files may come from strangers: loading gives
a recording whose tables are consistent, or an error of one line.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from vmprof.errors import VmprofError
from vmprof.expression import Formula
from vmprof.inside import keep
from vmprof.program.info import kernel_of
from vmprof.program.kernels import Kernel
from vmprof.program.layers import KernelCall
from vmprof.recording.recognized import TEXT, is_recording
from vmprof.recording.saved_samples import check_samples, sampling_of
from vmprof.recording.shapes import parse
from vmprof.recording.tables import (
    CALL,
    INVOCATION,
    SAMPLE,
    TOTAL,
    UNRECORDED,
    CountedPass,
    Counts,
    Function,
    Recording,
    Table,
    Vm,
)
from vmprof.report.render.cells import decode_row, encode_row
from vmprof.runs.storages import ALIVE, ALLOCATION
from vmprof.values import Derived

_FORMAT = "vmprof recording 2"
_WITHOUT_ALLOCATIONS = "vmprof recording 1"
# Far more than a recording of the default size needs: a small zip must not fill the memory.
_MOST_BYTES = 4 << 30
_MOST_SHOWN = 200  # of what somebody else says of it
# All storages together stay below this, so that sums fit into 64 bits.
_MOST_STORAGE = 2.0**62


def dumps(recording: Recording) -> bytes:
    """The file's content."""
    document = {
        "format": _FORMAT,
        "vms": [asdict(vm) for vm in recording.vms],
        "functions": [asdict(function) for function in recording.functions],
        "labels": recording.labels,
        "callees": recording.callees,
        "kernels": {str(callee): asdict(kernel) for callee, kernel in recording.kernels.items()},
        "layers": {
            str(function): [[call.kernel, call.layers] for call in calls]
            for function, calls in recording.layers.items()
        },
        "signatures": recording.signatures,
        "passes": [asdict(one) for one in recording.passes],
        "missing": dict(recording.missing),
        "doubtful": recording.doubtful,
        "derived": [{**asdict(each), "sources": dict(each.sources)} for each in recording.derived],
        "facts": encode_row(recording.facts),
        "provenance": encode_row(recording.provenance),
        "peaks": encode_row(recording.peaks),
        "problems": recording.problems,
        **({} if recording.sampling is None else {"sampling": asdict(recording.sampling)}),
        **({"code": keep.dumps(recording.code)} if recording.code else {}),
    }
    tables = {
        "invocations": recording.invocations,
        "totals": recording.totals,
        "calls": recording.calls,
        "allocations": recording.allocations,
    }
    if recording.sampling is not None:
        tables["samples"] = recording.samples
    for number, counts in enumerate(recording.counts, start=1):
        tables[f"pass{number}-calls"] = counts.calls
        tables[f"pass{number}-values"] = counts.values
        if counts.shares is not None:
            tables[f"pass{number}-shares"] = counts.shares
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(TEXT, json.dumps(document, ensure_ascii=False))
        for name, table in tables.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                array = np.ascontiguousarray(table)
                np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
    return file.getvalue()


def load(path: str | Path) -> Recording:
    """The recording in a file; :class:`VmprofError` if there is none, or it is damaged."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise VmprofError(f"{path} cannot be read: {error.strerror}") from error
    return loads(content, str(path))


def loads(content: bytes, where: str) -> Recording:
    """The recording in ``content``; ``where`` is what messages call it."""
    if not is_recording(content):
        raise VmprofError(f"{where} is no recording of vmprof's")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _recording(archive)
    except VmprofError as error:
        raise VmprofError(f"{where}: {error}") from error
    # What zipfile, zlib, numpy and tokenize raise of damage is written nowhere.
    except Exception as error:
        reason = " ".join(str(error).split())[:_MOST_SHOWN]
        raise VmprofError(
            f"{where} is a damaged recording: {type(error).__name__}: {reason}"
        ) from error


def _recording(archive: zipfile.ZipFile) -> Recording:
    if sum(member.file_size for member in archive.infolist()) > _MOST_BYTES:
        raise VmprofError("it would take more than 4 GiB of memory")
    document = json.loads(archive.read(TEXT))
    formats = (_FORMAT, _WITHOUT_ALLOCATIONS)
    if not isinstance(document, dict) or document.get("format") not in formats:
        raise VmprofError(f"it is not of the format {_FORMAT!r} that this version reads")
    passes = tuple(
        CountedPass(_texts(one["columns"]), str(one["how"]), multiplexed=bool(one["multiplexed"]))
        for one in document["passes"]
    )
    counts = []
    for number, one in enumerate(passes, start=1):
        calls = _table(archive, f"pass{number}-calls", CALL)
        shape = (len(calls), len(one.columns))
        values = _table(archive, f"pass{number}-values", np.dtype(np.int64), shape)
        shares = None
        if one.multiplexed:
            shares = _table(archive, f"pass{number}-shares", np.dtype(np.float64), shape)
            if not np.isfinite(shares).all():
                raise VmprofError("a share of a counter's time is no number")
        counts.append(Counts(calls, values, shares))
    recording = Recording(
        vms=tuple(
            Vm(
                str(vm["engine"]),
                str(vm["device"]),
                _texts(vm["notes"]),
                _texts(vm.get("more_devices", [])),
            )
            for vm in document["vms"]
        ),
        functions=tuple(
            Function(str(each["name"]), _natural(each["vm"])) for each in document["functions"]
        ),
        labels=_texts(document["labels"]),
        callees=_texts(document["callees"]),
        kernels=_kernels(document.get("kernels", {}), len(document["callees"])),
        layers=_layers(document.get("layers", {}), len(document["functions"])),
        signatures=_texts(document["signatures"]),
        passes=passes,
        invocations=_table(archive, "invocations", INVOCATION),
        totals=_table(archive, "totals", TOTAL),
        calls=_table(archive, "calls", CALL),
        counts=tuple(counts),
        missing={str(name): str(why) for name, why in dict(document["missing"]).items()},
        doubtful=_texts(document["doubtful"]),
        derived=tuple(map(_derived, document["derived"])),
        facts=decode_row(document["facts"], {}, "facts"),
        provenance=decode_row(document.get("provenance", {}), {}, "provenance"),
        peaks=decode_row(document.get("peaks", {}), {}, "peaks"),
        problems=_texts(document["problems"]),
        allocations=(
            _table(archive, "allocations", ALLOCATION)
            if document["format"] == _FORMAT
            else np.zeros(0, dtype=ALLOCATION)
        ),
        samples=(
            _table(archive, "samples", SAMPLE)
            if "sampling" in document
            else np.zeros(0, dtype=SAMPLE)
        ),
        sampling=sampling_of(document.get("sampling")),
        code=keep.loads(str(document["code"])) if "code" in document else (),
    )
    _check(recording)
    return recording


def _table(
    archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], shape: tuple[int, ...] | None = None
) -> Table:
    """The array ``name``, which must have this dtype and shape (None: any length)."""
    content = archive.read(f"{name}.npy")
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise VmprofError(f"the table {name} is of a version of numpy's that is not read")
    found, fortran, kind = np.lib.format.read_array_header_1_0(file)
    if (
        kind != dtype
        or fortran
        or len(found) != len(shape or (0,))
        or (shape is not None and found != shape)
    ):
        raise VmprofError(f"the table {name} is not of the kind that vmprof writes")
    rest = content[file.tell() :]
    array: Table = np.frombuffer(rest, dtype)
    if array.size != math.prod(found):
        raise VmprofError(f"the table {name} is cut short")
    return array.reshape(found)


def _kernels(entries: Mapping[str, Any], callees: int) -> Mapping[int, Kernel]:
    """Kernels by callee; files of earlier versions have none."""
    kernels = {int(callee): kernel_of(entry) for callee, entry in entries.items()}
    if not all(0 <= callee < callees for callee in kernels):
        raise VmprofError("a kernel is of a callee that is not there")
    return kernels


def _layers(entries: Mapping[str, Any], functions: int) -> Mapping[int, tuple[KernelCall, ...]]:
    """Calls of kernels by function; files of earlier versions have none."""
    layers = {
        int(function): tuple(KernelCall(*_texts(call)) for call in calls)
        for function, calls in entries.items()
    }
    if not all(0 <= function < functions for function in layers):
        raise VmprofError("layers are of a function that is not there")
    return layers


def _derived(entry: Mapping[str, Any]) -> Derived:
    kind = entry["kind"]
    formula = Formula(str(entry["formula"]))
    sources = {str(name): str(source) for name, source in dict(entry["sources"]).items()}
    if kind not in ("ratio", "percent", "count", "duration") or not formula.names <= sources.keys():
        raise VmprofError("a derived column says nothing of how it is derived")
    return Derived(str(entry["column"]), str(entry["formula"]), kind, sources)


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise VmprofError(f"{json.dumps(values)[:60]} is no list of texts")
    return tuple(values)


def _natural(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise VmprofError(f"{value!r} is no number from 0 up")
    return value


def _check(recording: Recording) -> None:
    """Check that the numbers in the tables refer to things that exist."""
    for signature in recording.signatures:
        parse(signature)  # ValueError if there is no sense in it
    if not recording.labels or any(f.vm >= len(recording.vms) for f in recording.functions):
        raise VmprofError("a function is of a VM that is not there")
    invocations, turns = recording.invocations, len(recording.passes) + 1
    for table in (invocations, recording.totals):
        _check_range(table["function"], 0, len(recording.functions), "function")
        _check_range(table["label"], 0, len(recording.labels), "label")
        _check_range(table["turn"], UNRECORDED, turns, "turn")
    ids = np.sort(invocations["id"])
    if (ids[1:] == ids[:-1]).any():
        raise VmprofError("two invocations have the same number")
    tables = [recording.calls, *(each.calls for each in recording.counts)]
    for turn, calls in enumerate(tables):
        _check_calls(recording, invocations[invocations["turn"] == turn], calls)
    _check_allocations(recording)
    check_samples(recording)


def _check_calls(recording: Recording, invocations: Table, calls: Table) -> None:
    _check_range(calls["callee"], -1, len(recording.callees), "callee")
    _check_range(calls["signature"], -1, len(recording.signatures), "signature")
    is_first = calls["callee"] < 0
    firsts = np.flatnonzero(is_first)
    if not np.array_equal(np.sort(calls["invocation"][firsts]), np.sort(invocations["id"])):
        raise VmprofError("the calls are not those of the invocations")
    if not len(calls):
        return
    if not is_first[0]:
        raise VmprofError("the calls do not begin with an invocation")
    which = np.cumsum(is_first) - 1
    place = np.arange(len(calls)) - firsts[which]
    is_call = ~is_first
    inside = (calls["parent"] >= 0) & (calls["parent"] < place) & (calls["signature"] >= 0)
    if (
        (calls["invocation"] != calls["invocation"][firsts][which]).any()
        or (calls["parent"][is_first] != -1).any()
        or not inside[is_call].all()
    ):
        raise VmprofError("a call lies inside none of its invocation's")


def _check_allocations(recording: Recording) -> None:
    """Check that each was made by a call of its invocation, and that sizes can be summed."""
    allocations, calls = recording.allocations, recording.calls
    if not len(allocations):
        return
    ids, rows = np.unique(calls["invocation"], return_counts=True)
    at = np.searchsorted(ids, allocations["invocation"])
    if not len(ids) or (ids[np.minimum(at, len(ids) - 1)] != allocations["invocation"]).any():
        raise VmprofError("a storage is of an invocation that is not there")
    call, end, size = allocations["call"], allocations["end"], allocations["bytes"]
    if (
        (call < 1).any()
        or (call >= rows[at]).any()
        or ((end != ALIVE) & ((end <= call) | (end > rows[at]))).any()
    ):
        raise VmprofError("a storage was made or released by a call that is not there")
    if (size < 0).any() or size.sum(dtype=np.float64) >= _MOST_STORAGE:
        raise VmprofError("a storage has a size that no memory has")


def _check_range(values: Table, low: int, high: int, what: str) -> None:
    if len(values) and (values.min() < low or values.max() >= high):
        raise VmprofError(f"a {what} is not there")
