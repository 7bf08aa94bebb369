"""Inputs that claim far more than they hold, or take long to read: by target, and what they do."""

from __future__ import annotations

import io
import json
import struct
import zipfile

from vmprof.program.reader import MAGIC

_HUGE = 1 << 60


def _text(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


_HEAD = struct.pack("<Q", MAGIC) + _text(b"0.14")


def _function(kind: int, *numbers: int) -> bytes:
    return struct.pack("<i", kind) + _text(b"f") + struct.pack("<4qQ", *numbers, 0)


def _code(offsets: list[int], words: list[int]) -> bytes:
    return b"".join(struct.pack(f"<Q{len(each)}q", len(each), *each) for each in (offsets, words))


def _npy(shape: str, content: bytes = b"") -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


def _zip(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


def _reported(**row: object) -> bytes:
    cells = {"Name": {"string": "f"}, "Duration (us)": {"microseconds": 1}, **row}
    return json.dumps({"calls": [cells], "device_metrics": {}, "configuration": {}}).encode()


_N = 3000
INPUTS = {
    "bytecode of 2^60 functions": _HEAD + struct.pack("<Q", _HUGE),
    "bytecode with a name of 2^60 bytes": _HEAD + struct.pack("<Qi2Q", 1, 0, _HUGE, 0),
    "bytecode of a function of 2^60 parameters": _HEAD
    + struct.pack("<Q", 1)
    + _function(2, 0, 0, _HUGE, _HUGE)
    + struct.pack("<3Q", 0, 0, 0),
    "bytecode of a function of 2^20 parameters": _HEAD
    + struct.pack("<Q", 1)
    + _function(2, 0, 0, 1 << 20, 1 << 20)
    + struct.pack("<3Q", 0, 0, 0),
    # Instructions that all lead to one call of as many operands.
    "bytecode of overlapping calls": _HEAD
    + struct.pack("<Q", 1)
    + _function(0, 0, 0, 0, 0)
    + struct.pack("<Q", 0)
    + _code([0] * _N, [1, 1 << 54, 0, _N, *(1 << 56 | i for i in range(_N))]),
    "machine with 2^60 processors": b"=== sys/devices/system/cpu/online\n0-%d\n" % _HUGE,
    "machine whose PMU has 2^60 bits": b"=== sys/bus/event_source/devices/cpu/type\n4\n"
    b"=== sys/bus/event_source/devices/cpu/format/event\nconfig:0-%d\n" % _HUGE,
    "arrays of 2^30 numbers": _npy(f"({1 << 30},)", bytes(64)),
    "arrays of 2^60 numbers": _npy(f"({1 << 30}, {1 << 30})", bytes(64)),
    "weights of 2^30 numbers": _zip(a=_npy(f"({1 << 30},)", bytes(64))),
    "recording of 2^60 calls": _zip(**{"recording.json": b"{}", "calls.npy": _npy(f"({_HUGE},)")}),
    "report-json of a count of 400 digits": _reported(Count={"count": 10**400}),
    "report-json nested deeply": b'{"calls":' + b"[" * 100_000,
    "report-json with samples of a number": _reported(
        **{"Duration (us) samples": {"string": "1 " * 10_000}}
    ),
    "info nested deeply": b"[" * 100_000,
    "events of one long name": b"x" * 60_000,
    "events of many names": b"cycles," * 9_000,
    "expression nested deeply": b"(" * 9_000,
    "expression of signs": b"-" * 9_000 + b"1",
    "counter-set nested deeply": b"a = " + b"[" * 100_000,
    "rule with a number of many digits": b"a = " + b"9" * 5_000,
    "library of 2^60 sections": b"\x7fELF\x02\x01\x01"
    + bytes(9)
    + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 64, 0, 64, 56, 0xFFFF, 64, 0xFFFF, 0xFFFE)
    + struct.pack("<II6Q", 1, 5, 0, 0, 0, _HUGE, _HUGE, 1),
}
