"""The native half, ready to use: ``lib`` and ``ffi`` of native/api.h, and packed functions.

``wrap(recorder address, site number, kernel)`` gives the wrapped kernel (native/api.h);
``hook(address of a vmprof_hooked)`` gives the instrument for TVM's VM;
``run(recorder address, function, *arguments)`` calls it as a run;
``guard(function, *places)`` calls it unless one of the operands at ``places`` is None;
``entry(address of a vmprof_entry_state)`` gives a function that is called from outside;
``empty()`` is a packed function that does nothing.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from functools import partial
from typing import Any

import tvm_ffi  # before _native: it brings libtvm_ffi, which _native needs, into the process

from vmprof._native import ffi, lib
from vmprof.errors import RecordsFullError, VmprofError
from vmprof.owned import in_one_step

tvm_ffi.register_error("VmprofError", VmprofError)
tvm_ffi.register_error("RecordsFullError", RecordsFullError)
if lib.vmprof_register_functions() != 0:  # pragma: no cover
    raise ImportError("vmprof cannot register its packed functions with tvm-ffi")

wrap: tvm_ffi.Function = tvm_ffi.get_global_func("vmprof.wrap")
hook: tvm_ffi.Function = tvm_ffi.get_global_func("vmprof.hook")
run: tvm_ffi.Function = tvm_ffi.get_global_func("vmprof.run")
guard: tvm_ffi.Function = tvm_ffi.get_global_func("vmprof.guard")
entry: tvm_ffi.Function = tvm_ffi.get_global_func("vmprof.entry")
empty: tvm_ffi.Function = tvm_ffi.get_global_func("vmprof.empty")

# What nobody has closed by then stays open: other threads may still be in it.
atexit.register(lib.vmprof_end)


def owned(release: Callable[[Any], None], make: Callable[..., Any], *arguments: object) -> Any:
    """The pointer that ``make(*arguments)`` gives; ``release`` gets it when nobody has it.

    Both are functions of `lib`; ``release`` takes NULL too.
    """
    return in_one_step(partial(ffi.gc, destructor=release), make, *arguments)


__all__ = ["empty", "entry", "ffi", "guard", "hook", "lib", "owned", "run", "wrap"]
