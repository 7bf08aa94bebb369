"""What a library holds beside code: its other modules, as bytes where they lie in memory.

TVM has loaded the library, and made modules of them. To have one written out again takes
as long as to load it, and a copy of all its constants.
"""

from __future__ import annotations

import ctypes
import struct
from pathlib import Path

# tvm-ffi writes there, little-endian: how many bytes follow; two lists of numbers, which say
# which module imports which; then the kind of each module and, but for code, its bytes.
_SYMBOL = "__tvm_ffi__library_bin"
_CODE = "_lib"


def embedded_module(library: Path, kind: str) -> memoryview | None:
    """The bytes of the only module of ``kind`` in a ``library`` that is loaded.

    None where there is none or several, or where they are not found.
    """
    try:
        loaded = ctypes.CDLL(str(library.resolve()))
        size = ctypes.c_uint64.in_dll(loaded, _SYMBOL)
    except (OSError, ValueError):
        return None
    begin = ctypes.addressof(size) + ctypes.sizeof(size)
    # It stays loaded: nobody closes what ctypes has opened.
    data = memoryview((ctypes.c_ubyte * size.value).from_address(begin)).cast("B").toreadonly()
    try:
        found = [content for of, content in _modules(data) if of == kind]
    except (struct.error, ValueError):
        return None
    return found[0] if len(found) == 1 else None


def _modules(data: memoryview) -> list[tuple[str, memoryview]]:
    at = 0

    def number() -> int:
        nonlocal at
        (value,) = struct.unpack_from("<Q", data, at)
        at += 8
        return int(value)

    def take(size: int) -> memoryview:
        nonlocal at
        if size > len(data) - at:
            raise ValueError("cut short")
        at += size
        return data[at - size : at]

    starts = number()  # one more than there are modules
    take(8 * starts)
    take(8 * number())
    modules = []
    for _ in range(starts - 1):
        kind = str(take(number()), "utf-8")
        if kind != _CODE:
            modules.append((kind, take(number())))
    return modules
