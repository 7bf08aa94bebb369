"""Constants on their way into a library.

TVM makes a constant of LLVM's of them, copies it several times and has machine code made of
it: half the time that it takes to compile a large model. An assembler includes a file.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vmprof.owned import memory_file
from vmprof.program.program import EXECUTABLE_KIND

# See :mod:`vmprof.program.embedded`, which reads what this writes.
_ASSEMBLY = """\
    .section .rodata
    .globl __tvm_ffi__library_bin
    .type __tvm_ffi__library_bin, %object
    .balign 8
__tvm_ffi__library_bin:
    .incbin "{head}"
    .incbin "{executable}"
    .incbin "{tail}"
    .size __tvm_ffi__library_bin, . - __tvm_ffi__library_bin
    .section .note.GNU-stack, "", %progbits
"""


@contextmanager
def packing_options(module: Any) -> Iterator[dict[str, Any]]:
    """For ``export_library`` of ``module``: nothing, if it is not an executable and its code."""
    tree = [(each.kind, len(each.imports)) for each in module.imports]
    if (module.kind, tree) != (EXECUTABLE_KIND, [("llvm", 0)]):
        yield {}
        return
    # In memory, where the assembler, another process, reads it: not once more on the disk.
    with memory_file("vmprof-executable") as file:
        executable = Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")
        yield {
            "fpack_imports": lambda module, _is_system_lib, _prefix, folder: _pack(
                module, executable, Path(folder)
            )
        }


def _pack(module: Any, executable: Path, folder: Path) -> str:
    """Write the source of the data that TVM finds modules by into ``folder``; gives its path."""
    head, tail, source = (folder / name for name in ("head.bin", "tail.bin", "modules.s"))
    module.write_to_file(str(executable), EXECUTABLE_KIND)
    size = executable.stat().st_size
    # Two modules; where the imports of each begin, and the only one: number 1, the code.
    tree = _numbers(0, 1, 1) + _numbers(1)
    before = tree + _text(EXECUTABLE_KIND) + struct.pack("<Q", size)
    after = _text("_lib")
    head.write_bytes(struct.pack("<Q", len(before) + size + len(after)) + before)
    tail.write_bytes(after)
    source.write_text(_ASSEMBLY.format(head=head, executable=executable, tail=tail))
    return str(source)


def _numbers(*numbers: int) -> bytes:
    return struct.pack(f"<Q{len(numbers)}Q", len(numbers), *numbers)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()
