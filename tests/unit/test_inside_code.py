"""Reading machine code: what instructions do, and which loops they make."""

from __future__ import annotations

import platform
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.machine_code import INNER, OUTER, kernel_of

from vmprof.inside.code import Function, MachineCode
from vmprof.inside.instructions import Instruction, instructions
from vmprof.inside.listing import list_function
from vmprof.inside.loops import find_loops
from vmprof.inside.tensor_ir import TensorIR
from vmprof.inside.traits import SCALABLE, Traits
from vmprof.inside.x86_64 import traits

on_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="assembles for x86-64")


@on_x86
def test_the_mix_of_a_kernel_written_by_hand(tmp_path: Path) -> None:
    code, function = kernel_of(tmp_path)
    listing = list_function(code, function, {}, TensorIR({}))
    mixes = {share.loop.depth: asdict(share.mix) for share in listing.loops}
    assert mixes == {1: OUTER, 2: INNER}
    inner, outer = sorted(listing.loops, key=lambda share: -share.loop.depth)
    assert inner.loop.around == outer.loop.begin
    assert inner.loop.addresses < outer.loop.addresses


@pytest.mark.parametrize(
    ("name", "operands", "unit", "width"),
    [
        ("vaddps", "zmm0, zmm1, zmm2", "vector", 512),
        ("vcvtps2pd", "zmm0, ymm1", "vector", 512),
        ("addps", "xmm0, xmm1", "vector", 128),
        ("vaddss", "xmm0, xmm1, xmm2", "scalar", 32),
        ("vfmadd213sd", "xmm0, xmm1, xmm2", "scalar", 64),
        ("vaddsh", "xmm0, xmm1, xmm2", "scalar", 16),
        ("vbroadcastss", "zmm0, dword ptr [rax]", "vector", 512),
        ("vpbroadcastd", "ymm0, xmm1", "vector", 256),
        ("vpabsd", "ymm0, ymm1", "vector", 256),
        ("paddsw", "xmm0, xmm1", "vector", 128),
        ("vpminsd", "xmm0, xmm1, xmm2", "vector", 128),
        ("vcvttss2si", "eax, xmm0", "scalar", 32),
        ("vcvtsi2sd", "xmm0, xmm0, rax", "scalar", 64),
        ("vcvtss2sd", "xmm0, xmm1, xmm2", "scalar", 64),
        ("vmovd", "xmm0, eax", "scalar", 32),
        ("vpextrq", "rax, xmm0, 1", "scalar", 64),
        ("vucomiss", "xmm0, xmm1", "scalar", 32),
        ("vzeroupper", "", "general", 32),
        ("add", "rax, 64", "general", 64),
        ("add", "eax, dword ptr [rsi + rax]", "general", 32),
        ("tdpbf16ps", "tmm0, tmm1, tmm2", "vector", 8192),
    ],
)
def test_what_x86_computes_on(name: str, operands: str, unit: str, width: int) -> None:
    found = traits(name, operands)
    assert (found.unit, found.width) == (unit, width)


@pytest.mark.parametrize(
    ("name", "operands", "load", "store"),
    [
        ("mov", "qword ptr [rax], rcx", False, True),
        ("mov", "rcx, qword ptr [rax + 8*rcx]", True, False),
        ("add", "dword ptr [rax], 1", True, True),
        ("cmp", "dword ptr [rax], 1", True, False),
        ("lea", "rax, [rcx + 8*rdx]", False, False),
        ("nop", "word ptr cs:[rax + rax]", False, False),
        ("prefetcht0", "byte ptr [rax]", False, False),
        ("vmovaps", "zmmword ptr [rax]{k1}, zmm0", False, True),
        ("vextractf128", "xmmword ptr [rax], ymm0, 1", False, True),
        ("vfmadd231ps", "zmm0, zmm1, dword ptr [rax]{1to16}", True, False),
        ("vpgatherdd", "zmm0 {k1}, dword ptr [rax + zmm1*4]", True, False),
        ("vscatterdps", "dword ptr [rax + zmm1*4] {k1}, zmm0", False, True),
        ("rep movsb", "byte ptr [rdi], byte ptr [rsi]", True, True),
        ("push", "qword ptr [rax]", True, False),
    ],
)
def test_what_x86_loads_and_stores(name: str, operands: str, load: bool, store: bool) -> None:
    found = traits(name, operands)
    assert (found.is_load, found.is_store) == (load, store)


# Encodings as the Arm Architecture Reference Manual has them, by objdump's words.
ARM = {
    "4e22cc20": ("fmla v0.4s, v1.4s, v2.4s", "vector", 128, False, False, True),
    "0e22cc20": ("fmla v0.2s, v1.2s, v2.2s", "vector", 64, False, False, True),
    "3cc10401": ("ldr q1, [x0], #0x10", "vector", 128, True, False, False),
    "3d800020": ("str q0, [x1]", "vector", 128, False, True, False),
    "1f020c20": ("fmadd s0, s1, s2, s3", "scalar", 32, False, False, True),
    "1e622820": ("fadd d0, d1, d2", "scalar", 64, False, False, False),
    "65a20020": ("fmla z0.s, p0/m, z1.s, z2.s", "vector", SCALABLE, False, False, True),
    "a540a020": ("ld1w {z0.s}, p0/z, [x1]", "vector", SCALABLE, True, False, False),
    "f9400020": ("ldr x0, [x1]", "general", 64, True, False, False),
    "b8206820": ("str w0, [x1, x0]", "general", 32, False, True, False),
    "91000400": ("add x0, x0, #1", "general", 64, False, False, False),
}


@pytest.mark.parametrize("word", ARM)
def test_what_arm_does(word: str) -> None:
    function = Function("f", 0x1000, bytes.fromhex(word)[::-1])
    (read,) = instructions(MachineCode("f.so", "", "aarch64", (function,)), function)
    traits = read.traits
    text, *rest = ARM[word]
    assert [read.text, traits.unit, traits.width] == [text, *rest[:2]]
    assert [traits.is_load, traits.is_store, traits.is_fma] == rest[2:]


def test_branches_of_arm_make_loops() -> None:
    # add x0, x0, #1; cmp x0, x1; b.ne -8; cbz x0, +8; b -4; ret
    words = ["91000400", "eb01001f", "54ffffc1", "b4000040", "17ffffff", "d65f03c0"]
    content = b"".join(bytes.fromhex(word)[::-1] for word in words)
    function = Function("f", 0x1000, content)
    loops = find_loops(instructions(MachineCode("f.so", "", "aarch64", (function,)), function))
    assert [(loop.begin, sorted(loop.addresses)) for loop in loops] == [
        (0x1000, [0x1000, 0x1004, 0x1008]),
        (0x100C, [0x100C, 0x1010]),
    ]


@st.composite
def nests(draw: st.DrawFn, depth: int = 3) -> list[object]:
    """Code as a list: an instruction is None, a loop a list."""
    inner = st.just(None) if depth == 0 else st.one_of(st.none(), nests(depth - 1))
    return draw(st.lists(inner, min_size=1, max_size=4))


@given(nests())
def test_loops_are_found_as_they_were_nested(nest: list[object]) -> None:
    code: list[Instruction] = []
    expected: list[tuple[int, set[int], int]] = []

    def emit(parts: list[object], depth: int) -> None:
        for part in parts:
            begin = len(code)
            code.append(Instruction(begin, 1, "work", Traits()))
            if isinstance(part, list):
                emit(part, depth + 1)
                code.append(Instruction(len(code), 1, "b", Traits(flow="branch", target=begin)))
                expected.append((begin, set(range(begin, len(code))), depth + 1))

    emit(nest, 0)
    code.append(Instruction(len(code), 1, "ret", Traits(flow="end")))
    found = [(loop.begin, set(loop.addresses), loop.depth) for loop in find_loops(code)]
    key = lambda each: (each[0], len(each[1]))  # noqa: E731
    assert sorted(found, key=key) == sorted(expected, key=key)


def test_a_loop_with_two_ways_in_is_none() -> None:
    """As a jump into its middle makes it: which part is run again nobody can say."""
    code = [
        Instruction(0, 1, "je", Traits(flow="branch", target=2)),
        Instruction(1, 1, "work", Traits()),
        Instruction(2, 1, "work", Traits()),
        Instruction(3, 1, "jne", Traits(flow="branch", target=1)),
        Instruction(4, 1, "ret", Traits(flow="end")),
    ]
    assert find_loops(code) == ()
    assert find_loops([]) == ()


def test_what_is_no_instruction_stands_as_data() -> None:
    function = Function("f", 0, b"\x06\x90")  # 06 is none in 64-bit code
    read = instructions(MachineCode("f.so", "", "x86_64", (function,)), function)
    assert [each.text for each in read] == [".byte 0x06", "nop"]
