"""The TensorIR that machine code was made of, as text beside its library.

It is written as ``model.so.vmprof.tir``. The library's line table (DWARF) has the numbers of
its lines; its first says of which library it is.
"""

from __future__ import annotations

from pathlib import Path

from vmprof.program.build_id import identity
from vmprof.whole_file import write_whole

# Of the text itself.
FIRST_LINE = 2
_HEAD = "# TensorIR after lowering, of the library {}\n"
_MOST_BYTES = 256 << 20


def tensor_ir_path(library: str | Path) -> Path:
    """Where the code of the library at ``library`` is written down."""
    return Path(f"{library}.vmprof.tir")


def write_tensor_ir(text: str, library: Path) -> None:
    """Write ``text`` beside its library, which exists; nothing stays of an older one."""
    if text:
        head = _HEAD.format(identity(library))
        write_whole(tensor_ir_path(library), (head + text).encode())
    else:
        tensor_ir_path(library).unlink(missing_ok=True)


def read_tensor_ir(library: Path) -> str:
    """The text beside ``library``; empty where there is none of that very library."""
    path = tensor_ir_path(library)
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return ""
        head, _, text = path.read_text(encoding="utf-8", errors="replace").partition("\n")
        return text if f"{head}\n" == _HEAD.format(identity(library)) else ""
    except OSError:
        return ""
