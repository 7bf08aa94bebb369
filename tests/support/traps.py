"""Traps as the tests need them: without a cause."""

from __future__ import annotations

import ctypes
import os
import platform
import signal

_RT_TGSIGQUEUEINFO = {"x86_64": 297, "aarch64": 240}[platform.machine()]
_TRAP_BRKPT = 1


class _Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("signo", "errno", "code", "padding")] + [
        ("rest", ctypes.c_char * 112)
    ]


def trap() -> None:
    """As Linux sends it for a breakpoint whose cause got lost."""
    info = _Info(signal.SIGTRAP, 0, _TRAP_BRKPT)
    libc = ctypes.CDLL(None, use_errno=True)
    thread = ctypes.c_int(libc.gettid())
    code = libc.syscall(
        _RT_TGSIGQUEUEINFO, os.getpid(), thread, int(signal.SIGTRAP), ctypes.byref(info)
    )
    assert code == 0, os.strerror(ctypes.get_errno())
