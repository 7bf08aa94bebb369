"""Functions of ELF files, beside what binutils say of them."""

from __future__ import annotations

import os
import platform
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tvm_ffi

from vmprof.sampling.elf import PARALLEL_BODY, Elf, ElfError
from vmprof.sampling.references import references

_SOURCE = """
__attribute__((noinline)) static int hidden(int x) { return x * 3 + (x >> 2); }
int shown(int x) { return hidden(x) + 1; }
int kernel_compute_(int x) { return hidden(x) - 1; }
"""
# Code without a symbol, to which one function refers, or two; as TVM has it of parallel loops.
_ADDRESS = {
    "x86_64": "lea {0}(%rip), %rdi",
    "aarch64": "adrp x3, {0}\n    mov x4, x5\n    add x0, x3, :lo12:{0}",
}
_FUNCTION = """
    .balign 64
    .globl {name}
    .type {name}, %function
{name}:
    .cfi_startproc
    {body}
    ret
    .cfi_endproc
    .size {name}, . - {name}
"""
_NAMELESS = """
    .balign 64
.L{name}:
    .cfi_startproc
    ret
    ret
    .cfi_endproc
"""


def assembly() -> str:
    address = _ADDRESS[platform.machine()].format
    return "    .text\n" + "".join(
        [
            _FUNCTION.format(name="__tvm_ffi_one", body=address(".Lbody")),
            _FUNCTION.format(name="two_compute_", body=address(".Lshared")),
            _FUNCTION.format(name="three_compute_", body=address(".Lshared")),
            _NAMELESS.format(name="shared"),
            _NAMELESS.format(name="body"),
            _NAMELESS.format(name="lonely"),
        ]
    )


def built(folder: Path, source: str, suffix: str, *options: str) -> Path:
    (folder / f"code{suffix}").write_text(source)
    library = folder / "code.so"
    compiler = os.environ.get("CC", "cc")
    command = [compiler, "-O2", "-shared", "-fPIC", *options, f"code{suffix}", "-o", str(library)]
    subprocess.run(command, check=True, cwd=folder)
    return library


def names_at(elf: Elf, *addresses: int) -> list[str]:
    numbers = elf.at(np.array(addresses)).tolist()
    return [elf.symbol(number).name if number >= 0 else "" for number in numbers]


def symbols(library: Path) -> dict[str, tuple[int, int]]:
    """Address and size of each function, as nm says."""
    lines = subprocess.run(
        ["nm", "-S", "--defined-only", str(library)], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    found = [line.split() for line in lines]
    return {
        name: (int(address, 16), int(size, 16))
        for address, size, kind, name in (each for each in found if len(each) == 4)
        if kind in "tT"
    }


def test_local_functions_too(tmp_path: Path) -> None:
    library = built(tmp_path, _SOURCE, ".c")
    elf, expected = Elf.read(library), symbols(library)
    assert {"hidden", "shown", "kernel_compute_"} <= expected.keys()
    for name, (begin, size) in expected.items():
        assert names_at(elf, begin, begin + size - 1) == [name, name]
        (number,) = elf.at(np.array([begin])).tolist()
        assert elf.symbol(number) == (name, begin, size)


def test_a_stripped_library_has_nameless_functions(tmp_path: Path) -> None:
    whole = symbols(built(tmp_path, _SOURCE, ".c"))
    elf = Elf.read(built(tmp_path, _SOURCE, ".c", "-s"))
    hidden, size = whole["hidden"]
    (number,) = elf.at(np.array([hidden])).tolist()
    assert elf.symbol(number) == ("", hidden, size)
    assert names_at(elf, whole["shown"][0]) == ["shown"]


def test_nameless_code_is_the_parallel_loop_of_whoever_refers_to_it(tmp_path: Path) -> None:
    library = built(tmp_path, assembly(), ".s", "-nostdlib")
    elf, known = Elf.read(library), symbols(library)
    last = known["three_compute_"][0]
    shared, body, lonely = last + 64, last + 128, last + 192
    assert names_at(elf, shared, body, lonely) == ["", f"__tvm_ffi_one {PARALLEL_BODY}", ""]
    (number,) = elf.at(np.array([body])).tolist()
    assert elf.symbol(number).begin == body
    # What is between functions is in none.
    assert elf.at(np.array([0, body - 1])).tolist() == [-1, -1]


NOP, ADRP, ADD, OTHER_ADD = 0xD503201F, 0x90000023, 0x9119E060, 0x9119E080


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([NOP, ADRP, NOP, ADD], [0x1004]),
        ([ADRP, ADD], [0x1000]),
        ([ADRP, OTHER_ADD, NOP], []),  # of another register
        ([ADD, ADRP], []),
    ],
)
def test_references_of_arm(words: list[int], expected: list[int]) -> None:
    code = struct.pack(f"<{len(words)}I", *words)
    places, targets = references("EM_AARCH64", code, 0x1000, np.array([0x5678, 0x1003]))
    assert places.tolist() == expected
    assert targets.tolist() == [0x5678] * len(expected)


def test_references_backwards_of_arm() -> None:
    code = struct.pack("<2I", 0xF0FFFFE3, ADD)  # the page before
    places, targets = references("EM_AARCH64", code, 0x5000, np.array([0x4678]))
    assert (places.tolist(), targets.tolist()) == ([0x5000], [0x4678])


def test_references_of_x86() -> None:
    code = bytes.fromhex("90 488d3d f9ffffff c3")  # lea -7(%rip), %rdi
    places, targets = references("EM_X86_64", code, 0x1000, np.array([0x1001]))
    assert (places.tolist(), targets.tolist()) == ([0x1004], [0x1001])


@pytest.mark.parametrize("machine", ["EM_X86_64", "EM_AARCH64", "EM_RISCV"])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5])
def test_references_of_next_to_nothing(machine: str, size: int) -> None:
    places, targets = references(machine, bytes(size), 0, np.array([77]))
    assert (len(places), len(targets)) == (0, 0)


def test_addresses_of_bytes_are_those_of_the_segments(tmp_path: Path) -> None:
    library = built(tmp_path, _SOURCE, ".c", "-Wl,-z,separate-code")
    elf = Elf.read(library)
    for segment in elf.segments:
        offsets = np.array([segment.offset, segment.offset + segment.size - 1])
        assert (elf.address(offsets) - offsets == segment.address - segment.offset).all()
    assert elf.address(np.array([1 << 40])).tolist() == [1 << 40]


def test_the_build_id(tmp_path: Path) -> None:
    library = built(tmp_path, _SOURCE, ".c", "-Wl,--build-id=0xabcd1234")
    assert Elf.read(library).build_id == "abcd1234"
    assert Elf.read(built(tmp_path, _SOURCE, ".c", "-Wl,--build-id=none")).build_id == ""


def test_a_large_library_is_read_whole() -> None:
    """Against nm, whatever names it has for a place."""
    library = Path(tvm_ffi.libinfo.find_libtvm_ffi())
    elf = Elf.read(library)
    lines = subprocess.run(
        ["nm", "-DS", "--defined-only", str(library)], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    names: dict[int, set[str]] = {}
    for address, _, kind, name in (line.split()[:4] for line in lines if line.count(" ") == 3):
        if kind in "tTwW":
            names.setdefault(int(address, 16), set()).add(name.partition("@")[0])
    assert len(names) > 50
    found = names_at(elf, *names)
    assert all(name in of for name, of in zip(found, names.values(), strict=True))


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"no library at all", bytes(200)])
def test_what_is_no_elf_file(content: bytes) -> None:
    with pytest.raises(ElfError, match="no ELF file"):
        Elf.of(content)


def test_damage_is_an_error_and_no_crash(tmp_path: Path) -> None:
    content = built(tmp_path, _SOURCE, ".c").read_bytes()
    for at in range(0, len(content), 97):
        damaged = bytearray(content)
        damaged[at : at + 8] = b"\xff" * min(8, len(content) - at)
        try:
            elf = Elf.of(bytes(damaged))
        except ElfError:
            continue
        names_at(elf, *range(0, 1 << 14, 64))


def test_nm_is_there() -> None:
    assert shutil.which("nm"), "binutils come with the compiler that builds vmprof"
