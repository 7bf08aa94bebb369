"""Write the C source of the cffi module ``vmprof._native``; CMake runs this.

Usage: python build_ffi.py API_HEADER OUTPUT_C
"""

import sys
from pathlib import Path

from cffi import FFI


def main(api_header: str, output: str) -> None:
    ffi = FFI()
    ffi.cdef(Path(api_header).read_text())
    ffi.set_source("vmprof._native", '#include "vmprof.h"')
    ffi.emit_c_code(output)


if __name__ == "__main__":
    main(*sys.argv[1:])
