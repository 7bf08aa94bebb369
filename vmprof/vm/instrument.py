"""A user's function around every call of a program (``set_instrument``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tvm_ffi
from tvm.runtime.vm import VMInstrumentReturnKind

# (function, its name, whether this is before the call, its result, *arguments) -> int or None
Instrument = Callable[..., Any]
_BEFORE, _AFTER = True, False


def instrumented(
    instrument: Instrument, callee: Callable[..., Any], function: Any, name: str
) -> Callable[..., Any]:
    """``callee`` with ``instrument`` before and after it, in TVM's order.

    Before the call, the instrument may return ``SKIP_RUN``: then neither the
    call nor the instrument's second turn takes place, and the result is None.
    ``function`` is what the instrument is shown. A dtype among the arguments
    is shown as a string.
    """

    def call(*args: Any) -> Any:
        shown = [str(arg) if isinstance(arg, tvm_ffi.dtype) else arg for arg in args]
        if instrument(function, name, _BEFORE, None, *shown) == VMInstrumentReturnKind.SKIP_RUN:
            return None
        result = callee(*args)
        instrument(function, name, _AFTER, result, *shown)
        return result

    return call
