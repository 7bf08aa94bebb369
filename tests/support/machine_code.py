"""Machine code of known content, for x86-64: as a compiler would put it into a library."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from vmprof.inside.code import Function, MachineCode
from vmprof.inside.library import Place, read_code

# Of each loop the instructions stand beside it: by width, loads, stores, FMAs.
KERNEL = """
    .intel_syntax noprefix
    .text
    .globl kernel
    .type kernel, @function
kernel:
    xor eax, eax
    xor ecx, ecx
outer:
    vmovups ymm1, [rsi + rcx]             # 256, load
inner:
    vmovups zmm0, [rsi + rax]             # 512, load
    vfmadd231ps zmm2, zmm0, [rdx + rax]   # 512, load, FMA
    vfmadd231ps zmm3, zmm0, zmm2          # 512, FMA
    vaddss xmm4, xmm4, [rdi]              # one element, load
    vmovups [rdi + rax], zmm2             # 512, store
    add dword ptr [rdi + rcx], 1          # load and store
    add rax, 64
    cmp rax, r8
    jb inner
    vmovups [rdi + rcx], xmm4             # 128, store
    inc rcx
    cmp rcx, r9
    jne outer
    ret
    .size kernel, . - kernel
    .section .note.GNU-stack, "", %progbits
"""
INNER = {"instructions": 9, "widths": {"scalar": 5, "512": 4}, "loads": 4, "stores": 2, "fmas": 2}
OUTER = {
    "instructions": 5,
    "widths": {"scalar": 3, "128": 1, "256": 1},
    "loads": 1,
    "stores": 1,
    "fmas": 0,
}


def assembled(folder: Path) -> Path:
    """A library with `KERNEL`; without a build ID."""
    source, library = folder / "kernel.s", folder / "kernel.so"
    source.write_text(KERNEL)
    command = [os.environ.get("CC", "cc"), "-shared", "-Wl,--build-id=sha1", "-o"]
    subprocess.run([*command, str(library), str(source)], check=True)
    return library


def place_of(library: Path, name: str) -> Place:
    """Where the function is, as readelf says."""
    listed = subprocess.run(
        ["readelf", "--symbols", "--wide", str(library)], check=True, capture_output=True, text=True
    )
    for line in listed.stdout.splitlines():
        words = line.split()
        if words[-1:] == [name] and "FUNC" in words:
            return Place(name, int(words[1], 16), int(words[2], 0))
    raise LookupError(name)


def kernel_of(folder: Path) -> tuple[MachineCode, Function]:
    """`KERNEL`, read again."""
    library = assembled(folder)
    code = read_code(str(library), [place_of(library, "kernel")])
    return code, code.functions[0]
