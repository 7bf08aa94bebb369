"""TVM's VM as vmprof itself uses it, which no session records."""

from __future__ import annotations

from tvm.runtime.vm import VirtualMachine


class TvmVirtualMachine(VirtualMachine):  # type: ignore[misc] # TVM has no types
    """TVM's own; see :mod:`vmprof.record.sessions.patch`."""
