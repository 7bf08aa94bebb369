"""Modules compiled in memory: where their functions lie, and which names they are given."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import struct
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmprof.record.in_memory import _definitions
from vmprof.sampling.compiled import Compiled, Definition, Described
from vmprof.sampling.elf import PARALLEL_BODY
from vmprof.sampling.frames import Frame, Piece, tables
from vmprof.sampling.hits import HIT
from vmprof.sampling.maps import Libraries
from vmprof.sampling.references import references_in_memory

CODE = Piece(0x7F00_0000_0000, bytes(1 << 16))
TABLE = 0x7F00_0010_0000


def entry(body: bytes) -> bytes:
    body += bytes(-len(body) % 8 + 4)
    return struct.pack("<I", len(body)) + body


def cie(encoding: int) -> bytes:
    # Number, version, augmentation, alignments, register, and how FDEs are written.
    return entry(struct.pack("<IB", 0, 1) + b"zR\0" + bytes([1, 0x78, 16, 1, encoding]))


def table(frames: Sequence[Frame], encoding: int = 0x1B, begin: int = TABLE) -> bytes:
    """What a compiler writes for ``frames``, at the address ``begin``."""
    content = cie(encoding)
    for frame in frames:
        number = len(content) + 4
        relative = frame.begin - (begin + number + 4)
        written = {
            0x1B: struct.pack("<iI", relative, frame.size) if encoding == 0x1B else b"",
            0x1C: struct.pack("<qQ", relative, frame.size),
            0x00: struct.pack("<QQ", frame.begin, frame.size),
        }[encoding]
        content += entry(struct.pack("<I", number) + written + b"\0\x44\x0e\x40")
    return content + bytes(4)


# ---- where functions lie -----------------------------------------------------------------------

FRAMES = st.lists(
    st.builds(Frame, st.integers(CODE.begin, CODE.end - 64), st.integers(1, 64)),
    min_size=1,
    max_size=6,
)


@given(FRAMES, st.sampled_from([0x1B, 0x1C, 0x00]), st.integers(0, 40))
def test_tables_are_read_in_their_order(frames: list[Frame], encoding: int, before: int) -> None:
    content = bytes(before) + table(frames, encoding, TABLE + before)
    assert tables(Piece(TABLE, content), [CODE]) == [frames]


@given(FRAMES, FRAMES)
def test_each_module_has_a_table_of_its_own(first: list[Frame], second: list[Frame]) -> None:
    content = table(first)
    content += table(second, begin=TABLE + len(content))
    assert tables(Piece(TABLE, content), [CODE]) == [first, second]


@given(FRAMES, st.data())
def test_damaged_tables_do_no_harm(frames: list[Frame], data: st.DataObject) -> None:
    content = bytearray(table(frames))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    for found in tables(Piece(TABLE, bytes(content[:cut])), [CODE]):
        assert all(CODE.begin <= each.begin < CODE.end for each in found)


def test_what_lies_in_no_code_is_no_table() -> None:
    elsewhere = [Frame(CODE.end - 8, 16)]
    assert tables(Piece(TABLE, table(elsewhere)), [CODE]) == []


# ---- names -------------------------------------------------------------------------------------

# As TVM writes a module: two kernels, what they call, the body of a loop, and what nobody calls.
MODULE = (
    Definition("__tvm_ffi_one", frozenset({"one_compute_", "helper"})),
    Definition("__tvm_ffi_two", frozenset({"helper", "__tvm_parallel_lambda"})),
    Definition("one_compute_"),
    Definition("helper"),
    Definition("__tvm_parallel_lambda", is_body=True),
    Definition("unused"),
)
SIZE = 64


def compiled(calls: dict[int, Sequence[int]], count: int) -> tuple[Compiled, list[Frame]]:
    """``count`` functions, one behind the other, of which some hold the addresses of others."""
    frames = [Frame(CODE.begin + number * SIZE, SIZE) for number in range(count)]
    content = bytearray(count * SIZE)
    for number, callees in calls.items():
        for place, callee in enumerate(callees):
            at = number * SIZE + place * 10
            content[at : at + 10] = b"\x48\xb8" + struct.pack("<Q", frames[callee].begin)
    return Compiled.of(frames, Piece(CODE.begin, bytes(content))), frames


def named(
    calls: dict[int, Sequence[int]],
    count: int,
    anchors: dict[str, int],
    definitions: Sequence[Definition] = MODULE,
) -> tuple[str, ...] | None:
    module, frames = compiled(calls, count)
    addresses = {name: frames[place].begin for name, place in anchors.items()}
    found = module.named(frames, [Described(tuple(definitions), addresses)], "EM_X86_64")
    return None if found is None else found.names


ONE, TWO = "__tvm_ffi_one", "__tvm_ffi_two"
CALLS = {0: [2, 3], 1: [3, 4]}
ANCHORS = {ONE: 0, TWO: 1}
BODY = f"{TWO} {PARALLEL_BODY}"


def test_functions_have_the_names_that_all_agree_on() -> None:
    # One more at the end than the module has: whoever compiles adds it.
    assert named(CALLS, 7, ANCHORS) == (
        ONE, TWO, "one_compute_", "helper", BODY, "", "",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("calls", "count", "anchors", "expected"),
    [
        # One function fewer: nobody knows which one is not there.
        (CALLS, 5, ANCHORS, (ONE, TWO, "", "", "")),
        # The module says that the first calls what the code says that the second calls.
        ({0: [3], 1: [2, 3, 4]}, 6, ANCHORS, (ONE, TWO, "", "helper", BODY, "")),
        # In another order than the module has them.
        (CALLS, 6, {ONE: 1, TWO: 0}, (TWO, ONE, "", "", "", "")),
        # As many between two that are known, and not as many.
        ({0: [1], 2: [1]}, 3, {ONE: 0, TWO: 2}, (ONE, "", TWO)),
        # TVM does not say where any of its functions is.
        (CALLS, 6, {}, None),
    ],
)  # fmt: skip
def test_no_name_is_guessed(
    calls: dict[int, Sequence[int]],
    count: int,
    anchors: dict[str, int],
    expected: tuple[str, ...] | None,
) -> None:
    assert named(calls, count, anchors) == expected


def test_a_module_of_other_addresses_is_another_one() -> None:
    module, frames = compiled(CALLS, 6)
    elsewhere = Described(MODULE, {"__tvm_ffi_one": frames[0].begin, "__tvm_ffi_two": 1})
    assert module.named(frames, [elsewhere], "EM_X86_64") is None


def test_code_is_that_of_the_function() -> None:
    module, frames = compiled(CALLS, 6)
    assert module.at(np.array([frames[1].begin + SIZE - 1, frames[5].begin + SIZE])).tolist() == [
        1, -1,
    ]  # fmt: skip
    assert module.content(1).startswith(b"\x48\xb8" + struct.pack("<Q", frames[3].begin))
    assert len(module.content(5)) == SIZE


def test_the_text_of_a_module_says_what_refers_to_what() -> None:
    lines = """
@text = private constant [9 x i8] c"@no_one\\00"
declare float @expf(float)
define dllexport range(i32 -1, 1) i32 @__tvm_ffi_one(ptr %args) #0 !dbg !5 {
  %1 = tail call fastcc i32 @one.compute_(ptr @text)
  %2 = tail call i32 %0(ptr nonnull @__tvm_parallel_lambda.2, ptr nonnull %3, i32 0)
  ret i32 @"strange \\22name"(i32 0)
}
define internal fastcc void @one.compute_(ptr %0) {
  tail call void @one.compute_(ptr %0)
}
define private i32 @__tvm_parallel_lambda.2(i32 %task_id) {
}
define internal i32 @"strange \\22name"(i32 %0) {
}
""".splitlines()
    functions = {each.name: each for each in _definitions(lines)}
    one = functions["__tvm_ffi_one"].refers_to
    assert one >= {"one.compute_", "__tvm_parallel_lambda.2", "strange \\22name"}
    assert functions["one.compute_"].refers_to == frozenset()
    assert [each.is_body for each in functions.values()] == [False, False, True, False]


# ---- references --------------------------------------------------------------------------------


def arm(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


@pytest.mark.parametrize(
    ("machine", "code", "expected"),
    [
        # movabs r10; call; jmp; lea rax, [rip + 4]; and a number that no instruction takes.
        ("EM_X86_64", b"\x49\xba" + struct.pack("<Q", 0x4000), [0]),
        ("EM_X86_64", b"\x90\xe8" + struct.pack("<i", 0x4000 - 0x1006), [1]),
        ("EM_X86_64", b"\xe9" + struct.pack("<i", 0x4000 - 0x1005), [0]),
        ("EM_X86_64", b"\x48\x8d\x05" + struct.pack("<i", 0x4000 - 0x1007), [0]),
        ("EM_X86_64", b"\x90\x90" + struct.pack("<Q", 0x4000), []),
        ("EM_X86_64", b"\x49\xba\0\x40", []),
        # movz x8, #0x4000; movk x8, #0, lsl 16 and on; of x9 in between; bl.
        ("EM_AARCH64", arm(0xD2880008, 0xF2A00008, 0xF2C00008, 0xF2E00008), [0]),
        ("EM_AARCH64", arm(0xD2880008, 0xF2A00029, 0xF2C00008, 0xF2E00008), [0]),
        ("EM_AARCH64", arm(0xD2880008, 0xF2A00028, 0xF2C00008, 0xF2E00008), []),
        ("EM_AARCH64", arm(0xD503201F, 0x94000000 | (0x4000 - 0x1004) // 4), [4]),
        ("EM_RISCV", bytes(16), []),
    ],
)
def test_references_of_running_code(machine: str, code: bytes, expected: list[int]) -> None:
    places, targets = references_in_memory(machine, code, 0x1000, np.array([0x4000]))
    assert (places - 0x1000).tolist() == expected
    assert set(targets.tolist()) <= {0x4000}


# ---- in this process ---------------------------------------------------------------------------


def located(address: int, described: Sequence[Described] = ()) -> tuple[str, int]:
    """The library that is found there, and how often it was asked for modules."""
    asked = 0

    def describe() -> Sequence[Described]:
        nonlocal asked
        asked += 1
        return described

    libraries = Libraries(describe)
    hits = np.zeros(1, HIT)
    hits["address"] = address
    found = [libraries.locate(hits).library[0] for _ in range(2)]
    assert found[0] == found[1]
    assert len(libraries.known) == 1
    return libraries.known[found[0]].path, asked


def test_why_code_in_memory_has_no_name() -> None:
    page = mmap.PAGESIZE
    prot = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    memory = mmap.mmap(-1, page, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=prot)
    begin = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert located(begin) == ("[in memory, no unwinding table]", 0)
    frames = [Frame(begin + 16, 32), Frame(begin + 48, 16)]
    written = table(frames, 0x1C, begin + 1024)
    memory[1024 : 1024 + len(written)] = written
    libc = ctypes.CDLL(None, use_errno=True)
    read_and_execute = mmap.PROT_READ | mmap.PROT_EXEC
    assert libc.mprotect(ctypes.c_void_p(begin), ctypes.c_size_t(page), read_and_execute) == 0, (
        os.strerror(ctypes.get_errno())
    )
    nobody = ("[in memory, no module that is known]", 2)
    assert located(begin + 20) == nobody
    somebody = Described((Definition("f"),), {"f": begin + 16})
    assert platform.machine() in ("x86_64", "aarch64")
    assert located(begin + 20, [somebody]) == ("[in memory]", 1)
    assert located(begin + 8, [somebody]) == ("[in memory, no unwinding table]", 0)
