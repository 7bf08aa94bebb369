"""Functions of ELF files, beside what binutils say of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tvm_ffi

from vmprof.sampling.elf import PARALLEL_BODY, Elf, ElfError

_SOURCE = """
__attribute__((noinline)) static int hidden(int x) { return x * 3 + (x >> 2); }
int shown(int x) { return hidden(x) + 1; }
int kernel_compute_(int x) { return hidden(x) - 1; }
"""
# Code without a symbol right behind a kernel's body, as TVM has it of parallel loops.
_ASSEMBLY = """
    .text
    .globl kernel_compute_
    .type kernel_compute_, %function
kernel_compute_:
    .cfi_startproc
    ret
    .cfi_endproc
    .size kernel_compute_, . - kernel_compute_
    .balign 64
.Lbody:
    .cfi_startproc
    ret
    ret
    .cfi_endproc
    .balign 64
    .globl other
    .type other, %function
other:
    .cfi_startproc
    ret
    .cfi_endproc
    .size other, . - other
    .balign 64
.Lafter_other:
    .cfi_startproc
    ret
    .cfi_endproc
"""


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


def test_code_behind_the_body_of_a_kernel_is_its_parallel_loop(tmp_path: Path) -> None:
    library = built(tmp_path, _ASSEMBLY, ".s", "-nostdlib")
    elf, known = Elf.read(library), symbols(library)
    kernel, other = known["kernel_compute_"][0], known["other"][0]
    body = f"kernel_compute_ {PARALLEL_BODY}"
    assert names_at(elf, kernel, kernel + 64, other, other + 64) == [
        "kernel_compute_", body, "other", "",
    ]  # fmt: skip
    (number,) = elf.at(np.array([kernel + 64])).tolist()
    assert elf.symbol(number).begin == kernel + 64
    # What is between functions is in none.
    assert elf.at(np.array([0, kernel - 1, other - 1])).tolist() == [-1, -1, -1]


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
